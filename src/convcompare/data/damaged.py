"""Damaged images, the same for every network: which there are, by how much, and of which images.

After MNIST-C (arXiv:1906.02337) and CIFAR-10-C (arXiv:1903.12261). What is drawn depends on the
name of the corruption and on the place of the image alone: a higher severity is more of the same
damage, and no severity, network or machine changes what another one sees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from convcompare.core.corruptions import IMAGES, Corruption
from convcompare.core.errors import UsageError, quote

from .dataset import Images

CHUNK = 250
"""Images that are damaged at a time, each such part from a seed of its own."""
PAIR = 4
"""Pixels, at most, of the shifts of which consistency is measured by pairs."""
Rows = npt.NDArray[np.int64]


def damaged(images: Images, kind: Corruption, severity: int) -> Images:
    """Images with a kind of damage at a severity; 0 leaves them as they are.

    Raises:
        UsageError: A corruption, of a plugin perhaps, does not give images of this kind.
    """
    if severity == 0:
        return images
    parts = [
        _checked(kind, part, kind.function(part.copy(), severity, seed_of(kind.name, number)))
        for number, part in _chunks(images)
    ]
    return np.concatenate(parts)


def shifted_pair(images: Images) -> tuple[Images, Images]:
    """Each image under two shifts, drawn independently and evenly from -4 to 4 pixels each way.

    Of these Zhang (arXiv:1904.11486) takes the share whose predictions agree.
    """
    from .corruptions.geometry import moved

    ways = []
    for side in "ab":
        parts = []
        for number, part in _chunks(images):
            draw = np.random.default_rng(seed_of(f"pair {side}", number))
            parts.append(moved(part, draw.integers(-PAIR, PAIR + 1, size=(len(part), 2))))
        ways.append(np.concatenate(parts))
    return ways[0], ways[1]


def chosen_rows(labels: npt.NDArray[np.integer[Any]], most: int = IMAGES) -> Rows:
    """Rows of at most `most` images, equally many of each class as far as it has them, increasing.

    Of a class they are evenly spaced over its images; all rows if there are no more.
    """
    if len(labels) <= most:
        return np.arange(len(labels), dtype=np.int64)
    counts = np.bincount(labels)
    shares = _shares(counts, most)
    found = [
        np.flatnonzero(labels == label)[np.arange(share) * count // share]
        for label, (count, share) in enumerate(zip(counts, shares, strict=True))
        if share
    ]
    rows: Rows = np.sort(np.concatenate(found))
    return rows


def digest(images: Images) -> str:
    """The SHA-256 of the pixels, in hex digits."""
    return hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()


def seed_of(name: str, number: int) -> int:
    """The seed of a part of the images for a kind of damage."""
    return int.from_bytes(hashlib.sha256(f"{name}/{number}".encode()).digest()[:8], "big")


def _shares(counts: npt.NDArray[np.integer[Any]], most: int) -> npt.NDArray[np.int64]:
    """Images of each class: one of each a round, until there are `most`."""
    level = 0
    while np.minimum(counts, level + 1).sum() <= most:
        level += 1
    shares: npt.NDArray[np.int64] = np.minimum(counts, level)
    spare = np.flatnonzero(counts > level)[: most - int(shares.sum())]
    shares[spare] += 1
    return shares


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
