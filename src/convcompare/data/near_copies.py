"""Test images that nearly equal training images: saved again, scaled or mirrored. numpy only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .dataset import Images

NEAR = 0.98
"""Correlation of the pixels of two images from which they are nearly equal.

Of 500 images of CIFAR-10, 99 % reach it with themselves after JPEG of quality 95, and 80 % after
quality 75; of 2,000 test images of MNIST and of `shapes` none reaches it with a training image.
"""
_PAIRS = 20_000_000
"""Maximum number of compared pairs: of large data sets only some test images are compared."""
_LEAST = 200
"""Minimum number of compared test images, even if they make more pairs."""
_SIDE = 8
"""Side in pixels of the grey images by which candidates are found."""
_CANDIDATE = 0.96
"""Correlation of these grey images from which a pair is a candidate."""
_CANDIDATES = 3
"""Number of most similar training images that are compared pixel by pixel with a test image."""
_CONTRAST = 8.0
"""Minimum standard deviation of an image's pixels, of 255: fainter images all look alike."""
_AT_A_TIME = 64
"""Images that are processed at a time, to bound memory."""

_Values = npt.NDArray[np.float32]


def near_copies(train: Images, test: Images) -> Iterator[tuple[int, int]]:
    """Yield the indices of test images and of the training images that they nearly equal.

    Mirror images count too. Images of fewer than 8×8 pixels, which are similar by chance, have
    none.

    Args:
        train: uint8 (n, channels, h, w).
        test: uint8 (m, channels, h, w), of which those in `compared_rows` are compared.
    """
    if train.shape[2] < _SIDE:
        return
    known = np.ascontiguousarray(_patterns(train).T)
    rows = compared_rows(len(test), len(train))
    for first in range(0, len(rows), _AT_A_TIME):
        part = rows[first : first + _AT_A_TIME]
        images = test[part]
        alike = [_patterns(one) @ known for one in (images, images[:, :, :, ::-1])]
        for row in np.flatnonzero(np.maximum(*(one.max(1) for one in alike)) >= _CANDIDATE):
            other = _nearest(images[row], train, np.maximum(*(one[row] for one in alike)))
            if other is not None:
                yield int(part[row]), other


def _nearest(image: Images, train: Images, alike: _Values) -> int | None:
    """Return the training image that an image or its mirror image nearly equals; None without.

    `alike` are the correlations of their patterns, (n,).
    """
    nearest = np.argsort(-alike, kind="stable")[:_CANDIDATES]
    for other in nearest[alike[nearest] >= _CANDIDATE].tolist():
        both = (_correlation(one, train[other]) for one in (image, image[:, :, ::-1]))
        if max(both) >= NEAR:
            return int(other)
    return None


def compared_rows(test: int, train: int) -> npt.NDArray[np.int64]:
    """Return the indices of the test images that are compared: all, or some spread evenly.

    Args:
        test: number of test images.
        train: number of training images.
    """
    count = min(test, max(_LEAST, _PAIRS // max(train, 1)))
    return np.arange(count) * test // max(count, 1)


def _patterns(images: Images) -> _Values:
    """Return each image as 8×8 grey values of mean 0 and norm 1, (n, 64); zeros if too faint."""
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
    """Return Pearson's correlation of the pixels of two images, over all channels together."""
    a, b = (image.astype(np.float64).ravel() for image in (one, other))
    a -= a.mean()
    b -= b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0
