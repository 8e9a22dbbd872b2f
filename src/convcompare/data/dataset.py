"""Data sets in memory: images as uint8, labels as int64, checked against a fingerprint. numpy only.

How a data set is declared (one file in ``datasets/``)::

    @register.dataset("mnist", channels=1, image_size=28, classes=10, train=60_000, test=10_000)
    def mnist(sources: Sources) -> Dataset:
        '''Handwritten digits, 28×28, grey (LeCun et al. 1998).'''

Its other parameters are options of the spec (``folder:PATH:size=64``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Augmentation = Literal["none", "crop", "flip-crop"]


@dataclass(frozen=True)
class Split:
    """Images and their classes: ``images`` (n, channels, height, width), ``labels`` (n,)."""

    images: Images
    labels: Labels

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise ValueError(f"images must be uint8 (n, c, h, w), got {self.images.shape}")
        if self.labels.shape != self.images.shape[:1] or self.labels.dtype != np.int64:
            raise ValueError(f"labels must be int64 (n,), got {self.labels.shape}")

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A train and a test split, and what a table must say about them.

    ``mean`` and ``std`` are per channel, of images scaled to 0…1. ``test_split`` says in words
    which images the test figures are measured on. ``augmentation`` is what keeps the class of an
    image: digits may be shifted, photographs also mirrored. ``source`` says where the bytes came
    from.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: Augmentation
    test_split: str
    source: str

    @property
    def channels(self) -> int:
        """Channels per image: 1 for grey, 3 for colour."""
        return int(self.train.images.shape[1])

    @property
    def image_size(self) -> int:
        """Side of the square images, in pixels."""
        return int(self.train.images.shape[2])

    @property
    def image_bytes(self) -> int:
        """The bytes of all images in memory."""
        return self.train.images.nbytes + self.test.images.nbytes

    @cached_property
    def sha256(self) -> str:
        """The fingerprint of the decoded arrays, in hex."""
        return fingerprint((self.train, self.test))


def fingerprint(splits: Iterable[Split]) -> str:
    """SHA-256 over shape, images and labels of each split: what a model sees."""
    digest = hashlib.sha256()
    for split in splits:
        digest.update(repr(split.images.shape).encode())
        digest.update(np.ascontiguousarray(split.images).data)
        digest.update(np.ascontiguousarray(split.labels).astype("<i8").data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Sources:
    """Where data sets may come from.

    ``cache`` is the tool's own folder; ``data_dir`` a folder of the user's in torchvision's layout;
    ``offline`` keeps away from the network; ``quiet`` says nothing while it fetches.
    """

    cache: Path
    data_dir: Path | None = None
    offline: bool = False
    quiet: bool = False


def held_out_images(labels: npt.NDArray[np.int64], fraction: float) -> int:
    """How many of the images are held out when `fraction` of each class is."""
    return int(np.rint(fraction * np.bincount(labels)).sum()) if fraction else 0
