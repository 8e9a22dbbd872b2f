"""Conversion of named arrays to the bytes of an .npz file and back, without pickle.

Memory is bounded: the shape in a header must match the number of bytes that follow it, so that a
small file cannot cause the allocation of gigabytes.
"""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt

LARGEST = 1 << 30
"""Maximum size in bytes of all arrays in a file; those of a run have a few megabytes."""
MOST = 1_000
"""Maximum number of arrays in a file."""
_HEADER, _PIECE = 1 << 16, 1 << 20
_DAMAGE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, MemoryError, SyntaxError),
    *(struct.error, zipfile.BadZipFile, zlib.error, tokenize.TokenError, NotImplementedError),
    *(AttributeError, IndexError, OverflowError),
)


def to_npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the bytes of a compressed .npz file. Raises ValueError for Python objects.

    They are those of `numpy.savez_compressed`, which has no `allow_pickle` in older versions of
    numpy, where it would store the argument as an array.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def from_npz(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an .npz file. Raises ValueError if it is damaged or too large."""
    return read_npz(io.BytesIO(data), LARGEST)


def read_npz(file: IO[bytes], limit: int) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an .npz file.

    Raises:
        ValueError: if the file is damaged, or its arrays have more than `limit` bytes in all.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MOST or sum(member.file_size for member in members) > limit:
                raise ValueError("it holds more than it can rightly hold")
            return {
                member.filename.removesuffix(".npy"): _array(archive, member) for member in members
            }
    except _DAMAGE as error:
        raise ValueError(f"not the arrays that were written ({error})") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    content = _content(archive, member)
    stream = io.BytesIO(content[:_HEADER])
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"a header of version {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    start = stream.tell()
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds Python objects")
    if math.prod(shape) * dtype.itemsize != len(content) - start:
        raise ValueError("a header that does not fit its array")
    flat = np.frombuffer(content, dtype, offset=start)
    return flat.reshape(shape, order="F" if fortran else "C")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytearray:
    """Return the bytes of a member, checked by their CRC, read in blocks into a single buffer."""
    content = bytearray(member.file_size)
    view, done = memoryview(content), 0
    with archive.open(member) as file:
        while piece := file.read(min(_PIECE, len(view) - done) or 1):
            if done + len(piece) > len(view):
                raise ValueError("it is longer than its header says")
            view[done : done + len(piece)] = piece
            done += len(piece)
    if done != len(view):
        raise ValueError("it breaks off")
    return content
