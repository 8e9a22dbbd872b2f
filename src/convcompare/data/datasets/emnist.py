"""EMNIST, handwritten letters and digits, in MNIST's format: arXiv:1702.05373."""

from __future__ import annotations

import string
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from convcompare.core.registry import register

from ..dataset import Dataset, Sources, Split, Splits
from ..sources.archive import unpacked
from ..sources.checksums import check_file
from ..sources.download import Mirror
from ..sources.fetch import PublishedFiles, published_set
from ..sources.idx import idx_split

SplitName = Literal["balanced", "letters", "digits"]
ARCHIVE = "gzip.zip"
DIGESTS = (
    "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
    "58c8d27c78d21e728a6bc7b3cc06412e",
)
"""SHA-256 and MD5 of the published archive."""
CLASSES: Mapping[SplitName, str] = {
    "balanced": string.digits + string.ascii_uppercase + "abdefghnqrt",
    "letters": string.ascii_lowercase,
    "digits": string.digits,
}
"""Letter or digit of each class; lower and upper case of the other letters are one class."""
_LARGEST = 200_000_000
"""Maximum size of an unpacked file of the archive, in bytes."""


def read_emnist(split: SplitName, folder: Path) -> Splits | None:
    """Return one of the sets from the archive in ``EMNIST/raw`` (torchvision) or in `folder`.

    None if there is no archive. Raises ValueError, OSError, EOFError, KeyError, zlib.error or
    zipfile.BadZipFile if it is not the published one.
    """
    for place in (folder / "EMNIST" / "raw", folder / "EMNIST", folder):
        if (place / ARCHIVE).exists():
            check_file(place / ARCHIVE, *DIGESTS)
            return read_archive(split, place / ARCHIVE)
    return None


def read_archive(split: SplitName, path: Path) -> Splits:
    """Return the train and test split, with the images, published transposed, upright."""
    found = []
    with zipfile.ZipFile(path) as archive:
        for part in ("train", "test"):
            names = [f"gzip/emnist-{split}-{part}-{kind}-ubyte.gz"
                     for kind in ("images-idx3", "labels-idx1")]  # fmt: skip
            images, labels = (unpacked(name, archive.read(name), _LARGEST) for name in names)
            one = idx_split(images, labels)
            first = 1 if split == "letters" else 0
            upright = np.ascontiguousarray(one.images.transpose(0, 1, 3, 2))
            found.append(Split(upright, one.labels - first))
            if not 0 <= found[-1].labels.min() <= found[-1].labels.max() < len(CLASSES[split]):
                raise ValueError(f"{names[1]} has classes that {split} does not have")
    return found[0], found[1]


EMNIST: Mapping[SplitName, PublishedFiles] = {
    split: PublishedFiles(
        name=f"emnist-{split}",
        title=f"EMNIST ({split})",
        sha256=None,
        read=partial(read_emnist, split),
        origins=(Mirror("https://biometrics.nist.gov/cs_links/EMNIST", (ARCHIVE,), 561_753_746),),
    )
    for split in CLASSES
}


@register.dataset(
    "emnist",
    channels=1,
    image_size=28,
    classes=47,
    train=112_800,
    test=18_800,
    published=EMNIST["balanced"],
    classes_of={f"split={split}": len(names) for split, names in CLASSES.items()},
)
def emnist(sources: Sources, split: SplitName = "balanced") -> Dataset:
    """Handwritten letters and digits, 28×28, grey: emnist:split=letters (Cohen et al. 2017).

    arXiv:1702.05373. ``balanced`` has 47 classes, ``letters`` 26, ``digits`` 10. Mean and std are
    measured on the train split.
    """
    return published_set(EMNIST[split], sources, CLASSES[split], "crop")
