"""Labels of images in arrays: one integer or text per image, and the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import DataError

from .data_notes import DataNote
from .dataset import Labels

Array = npt.NDArray[Any]
_PLACES = "labels are places in the list of names, from 0"
_TOO_LARGE = 2**63


def flat_labels(labels: Array, images: int, split: str) -> Array:
    """Return labels (n,) as integers or texts; raise DataError unless there is one per image."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all()):
            raise DataError(
                f"the {split} labels are {labels.shape} without exactly one 1 per row",
                "one class per image: a number each, or one 1 per row",
            )
        labels = labels.argmax(1)
    if labels.ndim != 1 or len(labels) != images:
        raise DataError(
            f"there are {images} {split} images and labels of the shape {labels.shape}",
            "one label per image; the first axis of the images is their number, which "
            "`numpy.moveaxis(x, -1, 0)` makes of the last",
        )
    integral = labels.dtype.kind == "f" and (labels == np.rint(labels)).all()
    if integral or labels.dtype.kind in "bui":
        if labels.dtype.kind in "fu" and (np.abs(labels) >= _TOO_LARGE).any():
            raise DataError(
                f"some {split} labels are no numbers of classes, as {labels.max()}",
                "whole numbers of 64 bits or texts, one per image",
            )
        return labels.astype(np.int64)
    if labels.dtype.kind == "S":
        return decoded(labels, f"some {split} labels")
    if labels.dtype.kind == "f":
        wrong = labels[labels != np.rint(labels)][0]
        raise DataError(
            f"some {split} labels are not whole numbers, as {wrong:g}",
            "whole numbers or texts, one per image",
        )
    if labels.dtype.kind != "U":
        raise DataError(
            f"the {split} labels are of type {labels.dtype}",
            "whole numbers or texts, one per image",
        )
    return labels


def class_indices(
    train: Array, test: Array, classes: Sequence[str]
) -> tuple[tuple[Labels, Labels], list[str], list[DataNote]]:
    """Return class indices of both splits, class names, and a note on names without images.

    Args:
        train: labels of the training images from `flat_labels`.
        test: labels of the test images, likewise.
        classes: names of classes by integer labels; if it is empty, labels are names.

    Raises:
        DataError: if the splits have labels of different types, or a label has no name.
    """
    found = (train, test)
    if (found[0].dtype.kind in "US") != (found[1].dtype.kind in "US"):
        raise DataError("labels are texts in one split and numbers in the other", "use one of both")
    known = np.unique(np.concatenate(found))
    classes = classes if known.dtype.kind == "i" else ()
    if classes and (known[0] < 0 or known[-1] >= len(classes)):
        raise DataError(
            f"labels go from {known[0]} to {known[-1]}, and there are {len(classes)} names", _PLACES
        )
    indices = [np.searchsorted(known, one).astype(np.int64) for one in found]
    names = [class_name(one, classes) for one in known.tolist()]
    unused = tuple(name for place, name in enumerate(classes) if place not in known)
    text = f"{len(unused)} of {len(classes)} names of classes that no image is of, left out"
    notes = [DataNote("no-images", text, unused, _PLACES)] if unused else []
    return (indices[0], indices[1]), names, notes


def class_name(label: int | str, classes: Sequence[str]) -> str:
    """Return the name of a class: the one in `classes` at its label, else the label as text."""
    known = isinstance(label, int) and 0 <= label < len(classes)
    return classes[int(label)] if known else str(label)


def decoded(texts: Array, what: str) -> Array:
    """Decode UTF-8; raise DataError about `what` if that fails."""
    try:
        return np.char.decode(texts, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{what} are bytes that are not UTF-8", "save them as texts") from error
