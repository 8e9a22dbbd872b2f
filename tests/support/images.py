"""Folders of images for tests: of one colour, random, or of given pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcompare.core.errors import DataError
from convcompare.data.dataset import Dataset, Sources
from convcompare.data.load import load_dataset
from convcompare.data.sources.image_tree import read_tree


def save(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """Save an image with these pixels; missing folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def noise(path: Path, shape: tuple[int, ...] = (16, 16, 3)) -> Path:
    """Save an image of random pixels, seeded by its path, so that no two are alike."""
    seed = list(str(path).encode())
    return save(path, np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def png(side: int, bits: int, pixels: bytes, clear: bytes = b"") -> bytes:
    """Return a square PNG, grey or RGB by its bytes, of a kind that Pillow does not write.

    Args:
        side: its side in pixels.
        bits: bits per grey level or colour.
        pixels: packed pixels, row by row.
        clear: the transparent colour, 16 bits per number; empty without one.
    """
    size = len(pixels) // side
    kind = 0 if 8 * size == bits * side else 2
    head = struct.pack(">IIBBBBB", side, side, bits, kind, 0, 0, 0)
    rows = b"".join(b"\0" + pixels[size * i : size * (i + 1)] for i in range(side))
    chunks = [(b"IHDR", head), (b"tRNS", clear), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks if data or name == b"IEND"
    )  # fmt: skip


def fill(folder: Path, classes: Iterable[str] = ("cat", "dog"), count: int = 6) -> None:
    """Create class folders of `count` images each, no two alike."""
    for name in classes:
        flat(folder / name, count)


def flat(folder: Path, count: int = 6, prefix: str = "") -> None:
    """Create `count` images without class folders, no two alike."""
    for index in range(count):
        noise(folder / f"{prefix}{index}.png")


def load(root: Path, options: str = "") -> Dataset:
    """Load the images in `root` as a data set, cached beside it."""
    return load_dataset(f"folder:{root}{options}", Sources(root.parent / "cache", offline=True))


def placed(root: Path, **options: str) -> list[dict[str, list[str]]]:
    """Return the paths of training and test images by class; test images only if there are any."""
    tree = read_tree(str(root), **options)  # type: ignore[arg-type]
    return [
        {name: [path.relative_to(root).as_posix() for path in files]
         for name, files in zip(tree.classes, split or (), strict=bool(split))}
        for split in (tree.train, tree.test)
    ]  # fmt: skip


def kinds(dataset: Dataset) -> set[str]:
    """Return the kinds of the warnings of a data set."""
    return {note.kind for note in dataset.warnings}


def refused(root: Path, options: str = "") -> tuple[str, str]:
    """Return message and hint of the error that loading the folder raises."""
    with pytest.raises(DataError) as caught:
        load(root, options)
    return caught.value.message, str(caught.value.hint)


def write_table(path: Path, heading: str, rows: list[str]) -> None:
    """Write a CSV file of a heading and rows."""
    path.write_text("\n".join([heading, *rows]) + "\n")
