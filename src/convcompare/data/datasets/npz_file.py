"""Arrays in an .npz file: of Keras, MedMNIST, or saved by `numpy.savez`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from convcompare.core.errors import DataError, quote
from convcompare.core.registry import register
from convcompare.store.npz import read_npz

from ..data_notes import DataNote
from ..dataset import Dataset, Sources
from ..labelled_arrays import Array, LabelledArrays, dataset_of, decoded
from ..sources.split_names import split_words
from ..sources.stand_ins import stand_in

NAMES = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "y_train", "X_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("train_x", "train_y", "test_x", "test_y"),
)
"""Names of the four arrays, as libraries choose them; `val` counts where there is no `test`."""
CLASS_NAMES = ("classes", "class_names", "label_names", "categories")
"""Names of the array of class names."""
LARGEST = 16 << 30
"""Bytes of all arrays of a file together."""


@register.dataset("npz", source="your arrays")
def npz_file(sources: Sources, path: str = "") -> Dataset:
    """Your own arrays: npz:FILE with x_train, y_train, x_test and y_test (or x_val and y_val).

    Images (n, height, width), with channels last or first, of any number type; labels one a row,
    as numbers or texts, or with one 1 a row. `classes` or `class_names`, if it is there, names the
    classes.
    """
    return read_arrays(Path(path).expanduser(), f"npz:{path}", f"arrays in {quote(path)}")


def read_arrays(file: Path, name: str, source: str) -> Dataset:
    """The data set of the arrays in a file. Raises DataError if they are none."""
    path = str(file)
    try:
        with file.open("rb") as opened:
            arrays = read_npz(opened, LARGEST)
    except OSError as error:
        raise DataError(
            f"{quote(path)} cannot be read: {error.strerror}", "npz:FILE.npz"
        ) from error
    except ValueError as error:
        raise DataError(
            f"{quote(path)} is not a file of arrays: {stand_in(file) or error}",
            "`numpy.savez(FILE, x_train=…, y_train=…, x_test=…, y_test=…)` writes one; arrays of "
            "Python objects are not read",
        ) from error
    splits = [tuple(name.replace("test", kind) for name in one)
              for kind in ("test", "val") for one in NAMES]  # fmt: skip
    names = next((one for one in splits if set(one) <= arrays.keys()), None)
    if names is None:
        raise DataError(
            f"{quote(path)} has the arrays {', '.join(map(quote, sorted(arrays)[:8]))}",
            f"it needs {', '.join(NAMES[0])}",
        )
    found = LabelledArrays(*(arrays[name] for name in names))
    key = next((one for one in CLASS_NAMES if one in arrays), "")
    unread = tuple(sorted(arrays.keys() - {*names, key}))
    read = dataset_of(found, name, source, _class_names(arrays, key, path), _unread(unread))
    return read if names in NAMES else replace(read, test_split="the validation arrays")


def _class_names(arrays: Mapping[str, Array], key: str, path: str) -> list[str]:
    """The names of the classes; none where there are none. Raises DataError for no list of them."""
    if not key:
        return []
    given = arrays[key]
    if given.ndim != 1:
        raise DataError(
            f"the array {quote(key)} of {quote(path)} has the shape {given.shape}",
            "a list of names, one per class",
        )
    texts = decoded(given, f"names in {quote(key)}") if given.dtype.kind == "S" else given
    return [str(one) for one in texts]


def _unread(names: tuple[str, ...]) -> list[DataNote]:
    """A note on arrays that are not read; a warning if one speaks of a split."""
    if not names:
        return []
    splits = any(split_words(name) for name in names)
    hint = "`--val-fraction 0.1` holds out training images to select by" if splits else ""
    return [DataNote("unused", "arrays that are not used", names, hint, serious=splits)]
