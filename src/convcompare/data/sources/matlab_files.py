"""MATLAB files: lists of images, classes and splits as rows of a table, and arrays of images."""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .array_names import CLASS_NAMES, array_roles
from .image_files import names_image
from .split_names import SplitKind, split_words
from .stand_ins import stand_in

MATLAB = ".mat"
"""Extension of MATLAB files."""
PLACE = "number of the image"
"""Column of the number of each image, from 1, in lists that do not name their images."""
_HEADER = 128
"""Size in bytes of the header of a MATLAB 5 file."""
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {*range(1, 8), 9, 12, 13, _MATRIX, _COMPRESSED, 16, 17, 18}
"""Types of elements: numbers, matrices, compressed ones, texts in UTF-8, 16 and 32."""
_LARGEST = 64 << 20
"""Maximum size in bytes of a file of lists."""
_MOST_NUMBERS = 100_000_000
"""Maximum number of entries of all lists of a file."""
_HDF5 = "a file of MATLAB 7.3 (HDF5): `save(FILE, '-v7')` writes one that is read"
Array = npt.NDArray[Any]
Row = dict[str, object]


def matlab_rows(path: Path) -> list[Row]:
    """Return the rows of a MATLAB file of lists, by column; empty for other files.

    Columns are the fields of an array of structures, or vectors and cell arrays of equal length,
    also as fields of a structure (MatConvNet's ``imdb.mat``). If no column names images, rows are
    in the order of the images, and the column `PLACE` has their numbers. Vectors named after splits
    (``trnid``, ``tstid``) are lists of such numbers.

    Raises:
        ValueError: if the file cannot be read; the message says what it is.
    """
    columns = _with_sets(_lists(path))
    groups = [
        {name: cells for name, cells in columns.items() if len(cells) == length}
        for length in dict.fromkeys(map(len, columns.values()))
    ]
    for group in groups:
        if any(map(_names_images, group.values())):
            return _rows(group)
    for group in groups:
        if any((None, "labels") in array_roles([name]) for name in group):
            return _rows({PLACE: [*range(1, 1 + len(next(iter(group.values()))))], **group})
    splits = _splits(columns)
    return [{PLACE: number, "split": kind} for kind, numbers in splits for number in numbers]


def matlab_class_names(path: Path) -> list[str]:
    """Return the names of classes 1, 2, … in a MATLAB file of lists; empty if it has none.

    Raises:
        ValueError: if the file cannot be read; the message says what it is.
    """
    named = [cells for name, cells in _lists(path).items() if name.lower() in CLASS_NAMES]
    return [one for one in named[0] if isinstance(one, str)] if len(named) == 1 else []


def names_splits(path: Path) -> bool:
    """Return whether a MATLAB file may name splits: a list is named after one, or it is damaged."""
    try:
        return any(split_words(name) or _split_of(name) for name in _lists(path))
    except ValueError:
        return True


def matlab_names(path: Path) -> list[str]:
    """Return the names of the variables in a MATLAB file.

    Raises:
        ValueError: if the file cannot be read; the message says what it is.
    """
    return list(_sizes(path))


def matlab_arrays(path: Path, limit: int) -> dict[str, Array]:
    """Return the arrays of a MATLAB file, with the axis of the images first.

    MATLAB puts it last: (height, width, channels, n) with labels (n, 1) or (1, n).

    Args:
        path: the file.
        limit: maximum number of all numbers in it.

    Raises:
        ValueError: if the file cannot be read or has more numbers; the message says what it is.
    """
    found = _variables(path, lambda shape: True, limit)
    arrays = {name: _texts(value) for name, value in found.items()}
    lengths = {len(one) for one in arrays.values() if one.ndim == 1}
    return {name: _images_first(one, lengths) for name, one in arrays.items()}


def _lists(path: Path) -> dict[str, list[object]]:
    """Return the lists in a file, which is not read if it is larger than files of lists are."""
    if path.stat().st_size > _LARGEST:
        return {}
    return _columns(_variables(path, lambda shape: max(shape, default=0) == math.prod(shape) > 0))


def _variables(
    path: Path, wanted: Callable[[tuple[int, ...]], bool], limit: int = _MOST_NUMBERS
) -> dict[str, Array]:
    """Return the variables of a file whose shape is wanted, without axes of length 1."""
    from scipy.io import loadmat

    sizes = {name: size for name, size in _sizes(path).items() if wanted(size)}
    if sum(map(math.prod, sizes.values())) > limit:
        raise ValueError("a file of more numbers than are read")
    with _read_errors(path):
        found = loadmat(path, appendmat=False, variable_names=[*sizes], squeeze_me=True)
    return {name: np.asarray(found[name]) for name in sizes if name in found}


def _sizes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each variable of a file."""
    from scipy.io import whosmat

    with _read_errors(path):
        _check_types(np.memmap(path, np.uint8, "r"))
        return {name: shape for name, shape, _ in whosmat(path, appendmat=False)}


def _check_types(content: Array) -> None:
    """Raise ValueError if an element of a MATLAB 5 file has an unknown type: scipy would crash.

    Compressed elements, whose checksums scipy compares, and other files pass. Source: MAT-File
    Format, The MathWorks, chapter 1.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:_HEADER].tobytes())
    ends = [len(content)] if order else []
    place = _HEADER
    while ends:
        if place + 8 > ends[-1]:
            place = ends.pop()
            continue
        kind, size = struct.unpack_from(f"{order}II", content.data, place)
        if kind >> 16:  # a short element: size, type and up to four bytes of content in one tag
            kind, size, end = kind & 0xFFFF, 0, place + 8
        else:
            end = place + 8 + size + (0 if kind == _COMPRESSED else -size % 8)
        if kind not in _TYPES or place + 8 + size > ends[-1]:
            raise ValueError(f"an element of type {kind} and of {size} bytes")
        place += 8
        if kind == _MATRIX:
            ends.append(place + size)
        else:
            place = end


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Turn the errors of scipy into ValueErrors that say what a file is."""
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except NotImplementedError as error:
        raise ValueError(_HDF5) from error
    except Exception as error:  # for damaged files, scipy raises errors of many kinds
        if isinstance(error, OSError) and error.errno:
            raise
        raise ValueError(stand_in(path) or "no MATLAB file, or a damaged one") from error


def _columns(variables: Mapping[str, Array]) -> dict[str, list[object]]:
    """Return the columns of vectors, cell arrays and arrays of structures, also in a structure.

    Structures named after splits are parts of one table, with a column ``split``.
    """
    found: dict[str, list[object]] = {}
    for name, value in variables.items():
        part: dict[str, list[object]] = {}
        if value.ndim == 0 and value.dtype.names:
            part = _columns({field: np.asarray(value[field].item())
                             for field in value.dtype.names})  # fmt: skip
        elif value.ndim == 1 and value.size and value.dtype.names:
            part = {field: [*map(_cell, value[field])] for field in value.dtype.names}
        elif value.ndim == 1 and value.size:
            found[name] = [*map(_cell, value.tolist())]
        lengths = {*map(len, part.values())}
        if (split := _split_of(name)) and len(lengths) == 1:
            part = {"split": [split] * lengths.pop(), **part}
        more = "split" in part and part.keys() <= found.keys()
        found |= {key: found[key] + part[key] for key in part} if more else part
    return found


def _with_sets(columns: dict[str, list[object]]) -> dict[str, list[object]]:
    """Return columns with the names of the splits that ``set`` numbers from 1, by ``sets``."""
    names = dict(enumerate(columns.get("sets", ()), start=1))
    given: list[Any] = columns.get("set", [])
    known = bool(given) and {*given} <= {*names}
    return {**columns, "set": [names[one] for one in given]} if known else columns


def _cell(value: object) -> object:
    """Return a text, a number (whole ones as int) or None for anything else."""
    if isinstance(value, np.ndarray):
        value = value.item() if value.size == 1 else None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, (str, int, float)) else None


def _rows(columns: Mapping[str, list[object]]) -> list[Row]:
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _names_images(cells: list[object]) -> bool:
    return isinstance(cells[0], str) and names_image(cells[0])


def _splits(columns: Mapping[str, list[object]]) -> list[tuple[SplitKind, list[object]]]:
    """Return the numbers of the images of each split; empty unless there are two or more splits.

    None may have several lists of numbers, as in files with several divisions.
    """
    found = [(kind, cells) for name, cells in columns.items() if (kind := _split_of(name))]
    kinds = [kind for kind, _ in found]
    whole = all(isinstance(one, int) and one > 0 for _, cells in found for one in cells)
    return found if whole and len({*kinds}) == len(kinds) > 1 else []


def _split_of(name: str) -> SplitKind | None:
    """Return the split in the name of a list of numbers: train for ``trnid`` and ``train_idx``."""
    for ending in ("", "id", "ids", "idx", "ind", "inds", "index", "indices", "loc"):
        words = split_words(name.lower().removesuffix(ending).strip("_"))
        if words and not words[1] and name.lower().endswith(ending):
            return words[0]
    return None


def _texts(value: Array) -> Array:
    """Return a cell array of texts as texts, any other array as it is."""
    is_cell = value.dtype == object and all(isinstance(one, str) for one in value.flat)
    return value.astype(str) if is_cell else value


def _images_first(array: Array, lengths: set[int]) -> Array:
    """Move the last axis of images to the front if only it is as long as the list of classes."""
    if array.ndim < 3 or array.shape[-1] not in lengths or array.shape[0] in lengths:
        return array
    return np.moveaxis(array, -1, 0)
