"""Decoded splits in one file, written atomically and read without unpickling."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np

from convcompare.store import atomic_files
from convcompare.store.npz import read_npz

from ..dataset import Split, Splits

_ARRAYS = ("_images", "_labels")
_SMALL = 256 << 20
"""Maximum bytes of a small file's arrays; larger files are not compressed, so their size bounds
the arrays."""


def write_splits(path: Path, splits: Splits, **notes: str) -> None:
    """Write the train and test split, with `notes`, to the .npz file `path`.

    The file is not compressed, so that it loads fast, and written atomically.

    Raises:
        StoreError: if it cannot be written.
    """
    train, test = splits
    arrays = {name: np.array(text) for name, text in notes.items()}

    def fill(file: IO[bytes]) -> None:
        np.savez(
            file,
            train_images=train.images,
            train_labels=train.labels,
            test_images=test.images,
            test_labels=test.labels,
            **arrays,  # type: ignore[arg-type]
        )

    atomic_files.write(path, fill)


def read_splits(path: Path) -> tuple[Splits, dict[str, str]]:
    """Return the train and test split in `path`, and its notes; callers check the fingerprint.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if it is damaged.
    """
    with path.open("rb") as file:
        try:
            arrays = read_npz(file, max(_SMALL, path.stat().st_size))
            train = Split(arrays["train_images"], arrays["train_labels"])
            test = Split(arrays["test_images"], arrays["test_labels"])
            notes = {key: str(array) for key, array in arrays.items() if not key.endswith(_ARRAYS)}
        except (ValueError, KeyError, OSError) as error:
            raise ValueError(f"{path.name} is damaged: {error}") from error
    return (train, test), notes
