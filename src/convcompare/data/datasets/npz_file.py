"""Arrays in an .npz file: of Keras, MedMNIST, or saved by `numpy.savez`."""

from __future__ import annotations

from pathlib import Path

from convcompare.core.errors import DataError, quote
from convcompare.core.registry import register
from convcompare.store.npz import read_npz

from ..dataset import Dataset, Sources
from ..labelled_arrays import LabelledArrays, dataset_of

NAMES = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "y_train", "X_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("train_x", "train_y", "test_x", "test_y"),
)
"""Names of the four arrays, as libraries choose them."""
LARGEST = 16 << 30
"""Bytes of all arrays of a file together."""


@register.dataset("npz", source="your arrays")
def npz_file(sources: Sources, path: str = "") -> Dataset:
    """Your own arrays: npz:FILE with x_train, y_train, x_test and y_test.

    Images (n, height, width), with channels last or first, of any number type; labels one a row,
    as numbers or texts, or with one 1 a row. `classes`, if it is there, names the classes.
    """
    return read_arrays(Path(path).expanduser(), f"npz:{path}", f"arrays in {quote(path)}")


def read_arrays(file: Path, name: str, source: str) -> Dataset:
    """The data set of the arrays in a file. Raises DataError if they are none."""
    path = str(file)
    try:
        with file.open("rb") as opened:
            arrays = read_npz(opened, LARGEST)
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise DataError(f"{quote(path)} cannot be read: {reason}", "npz:FILE.npz") from error
    except ValueError as error:
        raise DataError(
            f"{quote(path)} is not a file of arrays: {error}",
            "`numpy.savez(FILE, x_train=…, y_train=…, x_test=…, y_test=…)` writes one; arrays of "
            "Python objects are not read",
        ) from error
    names = next((one for one in NAMES if set(one) <= arrays.keys()), None)
    if names is None:
        raise DataError(
            f"{quote(path)} has the arrays {', '.join(map(quote, sorted(arrays)[:8]))}",
            f"it needs {', '.join(NAMES[0])}",
        )
    found = LabelledArrays(*(arrays[name] for name in names))
    classes = [str(one) for one in arrays.get("classes", ())]
    return dataset_of(found, name, source, classes)
