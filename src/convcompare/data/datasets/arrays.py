"""Arrays that a Python program passed as a data set."""

from __future__ import annotations

from dataclasses import replace

from convcompare.core.errors import DataError, quote
from convcompare.core.registry import register

from ..dataset import Dataset, Sources
from ..given_arrays import FOLDER, notes_of
from ..hold_out import HoldOut
from .npz_file import read_arrays


@register.dataset("arrays", source="a Python program")
def arrays(sources: Sources, path: str = "") -> Dataset:
    """Arrays of a Python program: compare(dataset=(x_train, y_train, x_test, y_test)).

    The name after the colon is the start of their SHA-256; they are stored in the cache.
    """
    file = sources.cache / FOLDER / f"{path}.npz"
    if not path.isalnum() or not file.is_file():
        raise DataError(
            f"no arrays {quote(path)} are kept here",
            "`convcompare.compare(…, dataset=(x_train, y_train, x_test, y_test))` keeps them",
        )
    source = "arrays of a Python program"
    found = read_arrays(file, f"{FOLDER}:{path}", source, HoldOut())
    return replace(found, notes=(*notes_of(file), *found.notes))
