"""CIFAR-100, small photographs of 100 kinds: https://www.cs.toronto.edu/~kriz/cifar.html."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convcompare.core.registry import register

from ..dataset import Dataset, Sources, Split, Splits
from ..sources.archive import read_tar
from ..sources.checksums import check_bytes, check_file
from ..sources.cifar_files import parse_records
from ..sources.download import Mirror
from ..sources.fetch import PublishedFiles, published_set
from ..sources.pickled_batch import parse_batch

BINARY = "cifar-100-binary.tar.gz"
BINARY_SHA256 = "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"
PYTHON = {"train": "16019d7e3df5f24257cddd939b257f8d", "test": "f0ef6b0ae62326f3e7ffdfab6717acfc"}
"""Files of the python version with their MD5."""
_LARGEST = 160_000_000
"""Maximum size of a file in the archives, in bytes."""
_NAMES = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus "
    "butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch "
    "crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo "
    "keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain "
    "mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain "
    "plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk "
    "skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone "
    "television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)
CLASSES = tuple(_NAMES.split())


def read_cifar100(folder: Path) -> Splits | None:
    """Return the splits from ``cifar-100-python`` (torchvision's layout) or an archive in `folder`.

    None if neither exists. Raises ValueError, OSError, EOFError, zlib.error or tarfile.TarError if
    they are not the published files.
    """
    names = [f"cifar-100-python/{part}" for part in PYTHON]
    if any((folder / name).exists() for name in names):
        return _python([(folder / name).read_bytes() for name in names])
    if (folder / BINARY).exists():
        check_file(folder / BINARY, BINARY_SHA256)
        return read_binary(folder / BINARY)
    if (folder / "cifar-100-python.tar.gz").exists():
        found = read_tar(folder / "cifar-100-python.tar.gz", names, _LARGEST)
        return _python([found[name] for name in names])
    return None


def _python(contents: list[bytes]) -> Splits:
    for content, (name, md5) in zip(contents, PYTHON.items(), strict=True):
        check_bytes(name, content, md5)
    train, test = (Split(*parse_batch(content, "fine_labels", 100)) for content in contents)
    return train, test


def read_binary(path: Path) -> Splits:
    """Return the splits of the binary version: coarse class, fine class, 3072 bytes per record."""
    names = ("cifar-100-binary/train.bin", "cifar-100-binary/test.bin")
    contents = read_tar(path, names, _LARGEST)
    batches = [parse_records(contents[one], labels=2, classes=100, noun="file") for one in names]
    train, test = (Split(np.ascontiguousarray(images), labels) for images, labels in batches)
    return train, test


CIFAR100 = PublishedFiles(
    name="cifar100",
    title="CIFAR-100",
    sha256=None,
    read=read_cifar100,
    origins=(Mirror("https://www.cs.toronto.edu/~kriz", (BINARY,), 168_513_733),),
)


@register.dataset(
    "cifar100",
    channels=3,
    image_size=32,
    classes=100,
    train=50_000,
    test=10_000,
    published=CIFAR100,
)
def cifar100(sources: Sources) -> Dataset:
    """Photographs of 100 kinds of things, 32×32, colour (Krizhevsky 2009).

    Learning Multiple Layers of Features from Tiny Images, University of Toronto; its fine classes.
    Mean and std are measured on the train split.
    """
    return published_set(CIFAR100, sources, CLASSES, "flip-crop")
