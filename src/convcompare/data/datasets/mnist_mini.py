"""A part of MNIST that ships with the tool, for first runs, tests and machines without network."""

from __future__ import annotations

from pathlib import Path

from convcompare.core.errors import DataError, quote
from convcompare.core.registry import register

from ..dataset import Dataset, Sources, fingerprint
from ..sources.array_file import read_splits
from .mnist import DIGITS

FILE = Path(__file__).with_name("mnist_mini.npz")
SHA256 = "f48cfe120ac59f6dedf2a14a0165aea6305b9be306b87b2f5d9e4258eccd77cf"


@register.dataset(
    "mnist-mini",
    channels=1,
    image_size=28,
    classes=10,
    train=10_000,
    test=2_000,
    source="shipped with convcompare",
    size=1_985_416,
)
def mnist_mini(sources: Sources) -> Dataset:
    """12,000 of MNIST's digits, shipped with the tool: needs no network.

    The first 1,000 of each class of the official train split and the first 200 of each class of
    the official test split, in their order. MNIST by Y. LeCun, C. Cortes, C. Burges, CC BY-SA 3.0.
    """
    try:
        (train, test), _ = read_splits(FILE)
        intact = fingerprint((train, test)) == SHA256
    except (OSError, ValueError):
        intact = False
    if not intact:
        raise DataError(
            f"the digits shipped with convcompare are missing or damaged: {quote(FILE, 300)}",
            "install convcompare again",
        )
    return Dataset(
        name="mnist-mini",
        train=train,
        test=test,
        classes=DIGITS,
        mean=(0.1307,),
        std=(0.3081,),
        augmentation="crop",
        test_split="first 200 of each class of MNIST's official test split",
        source="shipped with convcompare",
    )
