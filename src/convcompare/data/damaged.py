"""Damaged images, the same for every network.

After MNIST-C (arXiv:1906.02337) and CIFAR-10-C (arXiv:1903.12261). Random draws depend only on the
name of the corruption and on the position of the image. A higher severity is therefore more of the
same damage, and the images do not depend on other severities, the network or the machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from convcompare.core.corruptions import IMAGES, Corruption
from convcompare.core.errors import UsageError, quote

from .dataset import Images, Labels
from .training_cut import cut_counts

CHUNK = 250
"""Images that are damaged at a time, each chunk with a seed of its own."""
PAIR = 4
"""Maximum shift in pixels of the pairs of images that measure consistency."""
Rows = npt.NDArray[np.int64]


def damaged(images: Images, kind: Corruption, severity: int) -> Images:
    """Return images with a kind of damage at a severity; 0 returns them unchanged.

    Raises:
        UsageError: if a corruption, such as a plugin's, returns another shape or dtype.
    """
    if severity == 0:
        return images
    parts = [
        _checked(kind, part, kind.function(part.copy(), severity, seed_of(kind.name, number)))
        for number, part in _chunks(images)
    ]
    return np.concatenate(parts)


def shifted_pair(images: Images) -> tuple[Images, Images]:
    """Return each image under two shifts, drawn uniformly from -4 to 4 pixels along each axis.

    The share of pairs whose predictions agree is the shift consistency of Zhang 2019,
    arXiv:1904.11486.
    """
    from .corruptions.geometry import moved

    shifted = []
    for side in "ab":
        parts = []
        for number, part in _chunks(images):
            draw = np.random.default_rng(seed_of(f"pair {side}", number))
            parts.append(moved(part, draw.integers(-PAIR, PAIR + 1, size=(len(part), 2))))
        shifted.append(np.concatenate(parts))
    return shifted[0], shifted[1]


def chosen_rows(labels: Labels, most: int = IMAGES) -> Rows:
    """Return the rows of at most `most` images, balanced over the classes, in increasing order.

    A class with fewer images contributes all of them. The rows of a class are evenly spaced over
    its images.
    """
    if len(labels) <= most:
        return np.arange(len(labels), dtype=np.int64)
    counts = np.bincount(labels)
    shares = cut_counts(counts, most)
    found = [
        np.flatnonzero(labels == label)[np.arange(share) * count // share]
        for label, (count, share) in enumerate(zip(counts, shares, strict=True))
        if share
    ]
    rows: Rows = np.sort(np.concatenate(found))
    return rows


def digest(images: Images) -> str:
    """Return the SHA-256 of the pixels in hex."""
    return hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()


def seed_of(name: str, number: int) -> int:
    """Return the seed of a chunk of images for a kind of damage."""
    return int.from_bytes(hashlib.sha256(f"{name}/{number}".encode()).digest()[:8], "big")


def _chunks(images: Images) -> Iterator[tuple[int, Images]]:
    for number, start in enumerate(range(0, len(images), CHUNK)):
        yield number, images[start : start + CHUNK]


def _checked(kind: Corruption, before: Images, after: Images) -> Images:
    found = np.asarray(after)
    if found.shape != before.shape or found.dtype != np.uint8:
        raise UsageError(
            f"the corruption {quote(kind.name)} gives {found.dtype} {found.shape}, not images",
            f"it takes and returns uint8 {before.shape}",
        )
    return found
