"""Data sets in memory: images as uint8, labels as int64, identified by a fingerprint. numpy only.

A data set is declared by a function in a file in ``datasets/``::

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
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt

from convcompare.core.spec import AtLeast, Between

from .data_notes import DataNote

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Augmentation = Literal["none", "crop", "flip-crop"]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation per channel of images scaled to 0…1."""
Side = Annotated[int, Between(8, 512, closed=True)]
"""Option: side in pixels to which images are scaled."""
Share = Annotated[float, Between(0.01, 0.9, closed=True)]
"""Option: share of each class that is held out if there is no test split."""
Seed = Annotated[int, AtLeast(0)]
_LEAST_STD = 0.01


@dataclass(frozen=True)
class Split:
    """Images of one split and their classes.

    Attributes:
        images: uint8 (n, channels, height, width), all square and of one size.
        labels: int64 (n,), indices into `Dataset.classes`.

    Raises:
        ValueError: if an array has another shape or dtype.
    """

    images: Images
    labels: Labels

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise ValueError(f"images must be uint8 (n, c, h, w), got {self.images.shape}")
        if self.labels.shape != self.images.shape[:1] or self.labels.dtype != np.int64:
            raise ValueError(f"labels must be int64 (n,), got {self.labels.shape}")

    def __len__(self) -> int:
        return len(self.labels)


Splits = tuple[Split, Split]
"""The train and the test split."""


@dataclass(frozen=True)
class Dataset:
    """A train and a test split, with metadata for training and tables.

    Attributes:
        name: canonical spec of the data set.
        train: the training split.
        test: the test split.
        classes: names of the classes in the order of their labels.
        mean: mean per channel of the training images scaled to 0…1.
        std: standard deviation per channel, likewise.
        augmentation: transformations that keep the class of an image: ``"none"``, ``"crop"``
            (shifts, for digits) or ``"flip-crop"`` (shifts and mirroring, for photographs).
        test_split: description of the test images, for tables.
        source: source of the files, for tables.
        notes: findings about the files and images, including warnings.
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
    notes: tuple[DataNote, ...] = ()

    @property
    def warnings(self) -> tuple[DataNote, ...]:
        """Notes that everyone who trains on the images must see."""
        return tuple(note for note in self.notes if note.serious)

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
        """Size of all images in memory, in bytes."""
        return self.train.images.nbytes + self.test.images.nbytes

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of the decoded arrays, in hex."""
        return fingerprint((self.train, self.test))


def fingerprint(splits: Iterable[Split]) -> str:
    """Return the SHA-256 over shape, images and labels of each split: all that a network gets."""
    digest = hashlib.sha256()
    for split in splits:
        digest.update(repr(split.images.shape).encode())
        digest.update(np.ascontiguousarray(split.images).data)
        digest.update(np.ascontiguousarray(split.labels).astype("<i8").data)
    return digest.hexdigest()


def statistics(images: Images) -> Statistics:
    """Return mean and standard deviation per channel of images (n, c, h, w), scaled to 0…1.

    Both are rounded to four decimals; the standard deviation is at least 0.01.
    """
    values = np.arange(256) / 255
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = np.zeros(256, np.int64)
        for image in images[:, channel]:
            counts += np.bincount(image.ravel(), minlength=256)
        mean = float(counts @ values / counts.sum())
        variance = float(counts @ (values - mean) ** 2 / counts.sum())
        means.append(round(mean, 4))
        stds.append(round(max(variance**0.5, _LEAST_STD), 4))
    return tuple(means), tuple(stds)


@dataclass(frozen=True)
class Sources:
    """Sources of the files of data sets.

    Attributes:
        cache: folder for downloads.
        data_dir: the user's own folder in torchvision's layout, or None.
        offline: whether downloads are forbidden.
        quiet: whether the progress of downloads is hidden.
    """

    cache: Path
    data_dir: Path | None = None
    offline: bool = False
    quiet: bool = False
