"""Ways to damage a file of a store."""

from __future__ import annotations

from pathlib import Path


def cut(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path, other: Path) -> None:
    """Flip one bit, not in a digit: a number with another last digit may be the same float."""
    data = bytearray(path.read_bytes())
    middle = range(len(data) // 2, len(data))
    data[next(at for at in middle if not chr(data[at]).isdigit())] ^= 1
    path.write_bytes(data)


def empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def swap(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def folder(path: Path, other: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (cut, flip, empty, swap, folder)
"""Functions of the file to damage and of the intact file of another run."""
