"""Data sets from arrays of images and labels: conversion of layout, pixel range and classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convcompare.core.errors import DataError, quote

from .array_labels import Array, class_indices, class_name, flat_labels
from .data_notes import DataNote
from .dataset import Dataset, Images, Split, Splits, statistics
from .examine import Names, examine
from .hold_out import HoldOut
from .sources.image_scaling import scaling_of

_LARGEST_CHANNELS = 4
"""Maximum length of the axis of channels; longer axes are rows or columns of pixels."""


@dataclass(frozen=True)
class LabelledArrays:
    """Images and labels of both splits in the user's layout.

    Images are (n, height, width), (n, height, width, channels) or (n, channels, height, width), of
    any integer, bool or float type. Labels are (n,) or (n, 1) of integers, bools or texts, or
    (n, classes) with a single 1 per row.
    """

    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array


def dataset_of(
    arrays: LabelledArrays,
    name: str,
    source: str,
    classes: Sequence[str] = (),
    notes: Sequence[DataNote] = (),
    places: Names | None = None,
    test_split: str = "the test arrays",
) -> Dataset:
    """Return the data set of arrays.

    Pixels other than uint8 are scaled by their range over both splits, with a note. Mean and std
    are measured on the train split. The classes are those that have images, in the order of their
    labels.

    Args:
        arrays: images and labels of both splits.
        name: name of the data set.
        source: source of the data set, for tables.
        classes: names of classes by integer labels; without them labels are names.
        notes: notes that precede those on the images.
        places: names of the images of each split in notes; without them images are numbered.
        test_split: description of the test split.

    Raises:
        DataError: if images and labels do not form a data set.
    """
    train, test = _nchw(arrays.train_images, "training"), _nchw(arrays.test_images, "test")
    if train.shape[1:] != test.shape[1:]:
        raise DataError(
            f"training images are {_shape(train)} and test images {_shape(test)}",
            "both splits need images of one size and one number of channels",
        )
    labels, names, unused = class_indices(
        flat_labels(arrays.train_labels, len(train), "training"),
        flat_labels(arrays.test_labels, len(test), "test"),
        classes,
    )
    scaled, scaling = _bytes(train, test)
    splits = (Split(scaled[0], labels[0]), Split(scaled[1], labels[1]))
    _check_filled(splits, names)
    mean, std = statistics(splits[0].images)
    places = places or numbered(len(train), len(test))
    notes = (*notes, *unused, *examine(splits, names, places), *scaling)
    return Dataset(
        name=name,
        train=splits[0],
        test=splits[1],
        classes=tuple(names),
        mean=mean,
        std=std,
        augmentation="flip-crop" if train.shape[1] == 3 else "crop",
        test_split=test_split,
        source=source,
        notes=notes,
    )


def held_out_set(
    images: Array,
    labels: Array,
    hold_out: HoldOut,
    name: str,
    source: str,
    classes: Sequence[str],
    notes: Sequence[DataNote] = (),
) -> Dataset:
    """Return the data set of images (n, …) and labels (n,) without a test split.

    `hold_out` makes one; the other arguments and errors are those of `dataset_of`.
    """
    chosen = hold_out.rows(labels, quote(name), lambda one: class_name(one, classes))
    arrays = LabelledArrays(images[~chosen], labels[~chosen], images[chosen], labels[chosen])
    train, test = ([f"image {i}" for i in np.flatnonzero(rows)] for rows in (~chosen, chosen))
    return dataset_of(arrays, name, source, classes, notes, (train, test), hold_out.words)


def numbered(train: int, test: int) -> tuple[list[str], list[str]]:
    """Return names of the images of both splits by their numbers."""
    return ([f"training image {i}" for i in range(train)], [f"test image {i}" for i in range(test)])


def _shape(images: Array) -> str:
    return "×".join(map(str, images.shape[1:]))


def _nchw(images: Array, split: str) -> Array:
    """Return images as (n, c, h, w), square."""
    if images.dtype.kind not in "buif":
        raise DataError(
            f"the {split} images are of type {images.dtype}", "numbers: uint8, or floats"
        )
    side = math.isqrt(images.shape[1]) if images.ndim == 2 else 0
    if side > 1 and side**2 == images.shape[1]:
        raise DataError(
            f"the {split} images are rows of {images.shape[1]} numbers",
            f"`x.reshape(-1, {side}, {side})` makes them squares",
        )
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or min(images.shape[1], images.shape[3]) > _LARGEST_CHANNELS:
        raise DataError(
            f"the {split} images have the shape {images.shape}",
            "(n, height, width), (n, height, width, channels) or (n, channels, height, width)",
        )
    if not images.size:
        raise DataError(f"there are no {split} images", "at least one per class")
    if images.shape[1:] == (3, 3, 3):
        raise DataError(
            f"the {split} images have the shape {images.shape}: channels may be first or last",
            "enlarge the images to 4×4 pixels or more",
        )
    images = np.moveaxis(images, _channel_axis(images.shape), 1)
    if images.shape[1] not in (1, 3):
        raise DataError(
            f"the {split} images have {images.shape[1]} channels",
            "1 or 3: remove the channel for transparency",
        )
    if images.shape[2] != images.shape[3]:
        raise DataError(
            f"the {split} images are {_shape(images)}, not square",
            "cut or pad them to squares",
        )
    return images


def _channel_axis(shape: tuple[int, ...]) -> int:
    """Return the axis of channels, 1 or 3: as square grey or RGB images have it, else the short."""
    for axis, sides in ((1, shape[2:]), (3, shape[1:3])):
        if shape[axis] in (1, 3) and len(set(sides)) == 1:
            return axis
    return 3 if shape[1] > _LARGEST_CHANNELS >= shape[3] else 1


def _bytes(train: Array, test: Array) -> tuple[tuple[Images, Images], list[DataNote]]:
    """Return pixels as uint8, scaled by the range of both splits if they are not, and notes."""
    if train.dtype == test.dtype == np.uint8:
        return (np.ascontiguousarray(train), np.ascontiguousarray(test)), []
    if not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise DataError(
            "some pixels are not numbers (NaN or infinite)", "replace them, or leave the images out"
        )
    low = min(float(train.min()), float(test.min()))
    high = max(float(train.max()), float(test.max()))
    is_float = train.dtype.kind == "f" or test.dtype.kind == "f"
    if train.dtype.kind == "b" or (not is_float and (low, high) == (0, 1)):
        train, test, is_float = train.astype(np.float32), test.astype(np.float32), True
    scaling = scaling_of("float" if is_float else "integer", low, high)
    text = f"pixels from {low:g} to {high:g} are scaled from {scaling.low:g} to {scaling.high:g}"
    usual = scaling.words == "floats" or "bits" in scaling.words
    note = DataNote("scaling", f"{text} ({scaling.words})", serious=not usual)
    return (
        np.ascontiguousarray(scaling(train)),
        np.ascontiguousarray(scaling(test)),
    ), [note]


def _check_filled(splits: Splits, names: Sequence[str]) -> None:
    if len(names) < 2:
        raise DataError("there is only one class", "labels of two classes or more")
    for split, kind in zip(splits, ("training", "test"), strict=True):
        counts = np.bincount(split.labels, minlength=len(names))
        if not counts.all():
            raise DataError(
                f"class {names[int(counts.argmin())]} has no {kind} image",
                "each class needs images in both splits",
            )
