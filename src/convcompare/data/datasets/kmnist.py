"""Kuzushiji-MNIST, cursive Japanese characters: https://github.com/rois-codh/kmnist."""

from __future__ import annotations

from pathlib import Path

from convcompare.core.registry import register

from ..dataset import Dataset, Sources, Splits
from ..sources.archive import read_file
from ..sources.checksums import WrongContent, check_file
from ..sources.download import Mirror
from ..sources.fetch import PublishedFiles, published_set
from ..sources.idx import PACKED, splits_of

SHA256 = (
    "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
)
FILES = dict(zip(PACKED, SHA256, strict=True))
"""Published files with their SHA-256."""


def read_kmnist(folder: Path) -> Splits | None:
    """Return the splits from ``KMNIST/raw`` (torchvision's layout) or the four files in `folder`.

    None if there are no such files. They must be the packed ones, whose checksums are known. Raises
    ValueError, OSError, EOFError or zlib.error if they are not the published files.
    """
    for place in (folder / "KMNIST" / "raw", folder):
        names = [name for name in FILES if (place / name).exists()]
        if not names and not (place / "train-images-idx3-ubyte").exists():
            continue
        try:
            return _read(place)
        except WrongContent:
            if place != folder:  # files in `folder` itself may be those of another set
                raise
    return None


def _read(place: Path) -> Splits:
    for name, sha256 in FILES.items():
        if not (place / name).exists():
            raise WrongContent(f"{name} is missing, and only the packed files have checksums")
        check_file(place / name, sha256)
    return splits_of([read_file(place / name) for name in FILES])


KMNIST = PublishedFiles(
    name="kmnist",
    title="Kuzushiji-MNIST",
    sha256=None,
    read=read_kmnist,
    origins=(Mirror("http://codh.rois.ac.jp/kmnist/dataset/kmnist", (*FILES,), 21_240_888),),
)


@register.dataset(
    "kmnist", channels=1, image_size=28, classes=10, train=60_000, test=10_000, published=KMNIST
)
def kmnist(sources: Sources) -> Dataset:
    """Cursive Japanese characters, 28×28, grey (Clanuwat et al. 2018).

    arXiv:1812.01718. Mean and std are measured on the train split.
    """
    return published_set(
        KMNIST, sources, ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"), "crop"
    )
