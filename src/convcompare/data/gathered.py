"""Data sets of images that were read one by one, with or without splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from .array_labels import class_name
from .dataset import Dataset
from .hold_out import HoldOut
from .labelled_arrays import LabelledArrays, dataset_of, held_out_set, numbered
from .sources.file_notes import file_notes
from .sources.image_stack import ImageStack


def gathered(
    stack: ImageStack,
    labels: Sequence[int | str],
    trained: int,
    test_split: str,
    hold_out: HoldOut,
    classes: Sequence[str],
) -> Dataset:
    """Return the data set of the images on a stack.

    Args:
        stack: the images, those of the training split first.
        labels: class of each image, as a number or a text.
        trained: number of training images; that of all images if there is no test split.
        test_split: description of the test split.
        hold_out: how to make a test split if there is none.
        classes: names of classes that are numbers; empty if they have no names.

    Raises:
        DataError: if the images and labels do not form a data set.
    """
    found, pixels = np.asarray(labels), stack.pixels
    if trained == len(found):
        names = [f"image {i}" for i in range(trained)]
        made = held_out_set(pixels, found, hold_out, stack.name, stack.name, classes)
    else:
        names = [*chain(*numbered(trained, len(found) - trained))]
        train, test = slice(trained), slice(trained, None)
        arrays = LabelledArrays(pixels[train], found[train], pixels[test], found[test])
        unused = hold_out.unused()
        made = dataset_of(arrays, stack.name, stack.name, classes, unused, test_split=test_split)
    named = [class_name(one, classes) for one in found.tolist()]
    files = file_notes(stack.facts, names, named, made.image_size, {})
    return replace(made, notes=(*made.notes, *files))
