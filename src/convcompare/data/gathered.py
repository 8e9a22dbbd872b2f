"""Data sets of images that were read one by one, in splits or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from convcompare.core.errors import quote

from .dataset import Dataset
from .hold_out import HoldOut
from .labelled_arrays import LabelledArrays, class_name, dataset_of, numbered
from .sources.file_notes import file_notes
from .sources.image_stack import ImageStack


def gathered(
    stack: ImageStack,
    labels: Sequence[int | str],
    trained: int,
    test_split: str,
    hold_out: HoldOut,
    classes: Sequence[str] = (),
) -> Dataset:
    """The data set of the images on a stack.

    Args:
        stack: The images, those of the training split first.
        labels: The class of each, as a number or a text.
        trained: Images of the training split; all of them if there is no test split.
        test_split: What the test split is, in words.
        hold_out: How one is made if there is none.
        classes: The names of classes that are numbers; none if they have no names.

    Raises:
        DataError: They are no images and labels that belong together.
    """
    found, pixels = np.asarray(labels), stack.pixels
    chosen = np.arange(len(found)) >= trained
    names = np.array([name for part in numbered(trained, len(found) - trained) for name in part])
    if trained == len(found):
        chosen = hold_out.rows(found, quote(stack.name), lambda one: class_name(one, classes))
        test_split = hold_out.words
        names = np.array([f"image {i}" for i in range(len(found))])
    arrays = LabelledArrays(pixels[~chosen], found[~chosen], pixels[chosen], found[chosen])
    places = (names[~chosen].tolist(), names[chosen].tolist())
    made = dataset_of(arrays, stack.name, stack.name, classes, places=places)
    named = [class_name(one, classes) for one in found.tolist()]
    files = file_notes(stack.facts, names.tolist(), named, made.image_size, {})
    return replace(made, test_split=test_split, notes=(*made.notes, *files))
