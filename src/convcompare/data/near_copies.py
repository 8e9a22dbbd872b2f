"""Test images that are nearly training images: saved again, scaled or mirrored. numpy only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .dataset import Images

NEAR = 0.98
"""Correlation of the pixels of two images from which on they are nearly equal.

Of 500 images of CIFAR-10, 99 % have it with themselves after JPEG of quality 95, 80 % after 75; of
2,000 test images of MNIST and of `shapes` none has it with a training image.
"""
_PAIRS = 20_000_000
"""Pairs of images that are compared: of large data sets a part of the test images is looked at."""
_LEAST = 200
"""Test images that are looked at in any case."""
_SIDE = 8
_CANDIDATE = 0.96
"""The same correlation of the images scaled to 8×8 grey pixels, by which candidates are found."""
_CANDIDATES = 3
"""Training images that are compared pixel by pixel with a test image, the most similar ones."""
_CONTRAST = 8.0
"""Least standard deviation of the pixels of an image, of 255: fainter ones all look alike."""
_AT_A_TIME = 64

_Values = npt.NDArray[np.float32]


def near_copies(train: Images, test: Images) -> Iterator[tuple[int, int]]:
    """Each test image that is nearly a training image or its mirror image, with that image.

    Images of fewer than 8×8 pixels, which are alike by chance, have none.

    Args:
        train: uint8 (n, channels, h, w).
        test: The same of the test split, of which `looked_at` are compared.
    """
    if train.shape[2] < _SIDE:
        return
    known = np.ascontiguousarray(_patterns(train).T)
    rows = looked_at(len(test), len(train))
    for first in range(0, len(rows), _AT_A_TIME):
        part = rows[first : first + _AT_A_TIME]
        images = test[part]
        alike = [_patterns(one) @ known for one in (images, images[:, :, :, ::-1])]
        for row in np.flatnonzero(np.maximum(*(one.max(1) for one in alike)) >= _CANDIDATE):
            other = _nearest(images[row], train, np.maximum(*(one[row] for one in alike)))
            if other is not None:
                yield int(part[row]), other


def _nearest(image: Images, train: Images, alike: _Values) -> int | None:
    """The training image that an image or its mirror image nearly is, by how alike patterns are."""
    nearest = np.argsort(-alike, kind="stable")[:_CANDIDATES]
    for other in nearest[alike[nearest] >= _CANDIDATE].tolist():
        both = (_correlation(one, train[other]) for one in (image, image[:, :, ::-1]))
        if max(both) >= NEAR:
            return int(other)
    return None


def looked_at(test: int, train: int) -> npt.NDArray[np.int64]:
    """Which of the `test` images are compared with the `train` ones: all, or some spread evenly."""
    count = min(test, max(_LEAST, _PAIRS // max(train, 1)))
    return np.arange(count) * test // max(count, 1)


def _patterns(images: Images) -> _Values:
    """Each image as 8×8 grey values of mean 0 and length 1, (n, 64); all 0 if it is too faint."""
    side = images.shape[2]
    starts = np.arange(_SIDE) * side // _SIDE
    counts = np.diff(starts, append=side)
    found = np.empty((len(images), _SIDE**2), np.float32)
    for first in range(0, len(images), _AT_A_TIME):
        grey = images[first : first + _AT_A_TIME].mean(1, dtype=np.float32)
        pooled = np.add.reduceat(np.add.reduceat(grey, starts, 1), starts, 2)
        found[first : first + _AT_A_TIME] = (pooled / np.outer(counts, counts)).reshape(
            len(grey), -1
        )
    found -= found.mean(1, keepdims=True)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    faint = length < _CONTRAST * _SIDE
    return np.where(faint, 0, found / np.where(faint, 1, length))


def _correlation(one: Images, other: Images) -> float:
    """Pearson's correlation of the pixels of two images of all channels together."""
    a, b = (image.astype(np.float64).ravel() for image in (one, other))
    a -= a.mean()
    b -= b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0
