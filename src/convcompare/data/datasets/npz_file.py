"""Arrays in an .npz, .npy or MATLAB file, as of Keras, MedMNIST, SVHN or `numpy.savez`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from convcompare.core.config import HOLD_OUT_HINT
from convcompare.core.errors import DataError, quote
from convcompare.core.registry import register
from convcompare.store.npz import read_npz

from ..array_labels import Array, decoded, flat_labels
from ..data_notes import DataNote
from ..dataset import Dataset, Seed, Share, Sources
from ..hold_out import HoldOut
from ..labelled_arrays import LabelledArrays, dataset_of, held_out_set
from ..sources.array_names import CLASS_NAMES, SAVEZ, Part, array_roles, part_in
from ..sources.matlab_files import MATLAB, matlab_arrays
from ..sources.other_formats import reads_instead
from ..sources.split_names import SplitKind, split_words
from ..sources.stand_ins import stand_in

LARGEST = 16 << 30
"""Maximum size of all arrays of a file together, in bytes."""


@register.dataset("npz", source="your arrays")
def npz_file(sources: Sources, path: str = "", test: Share = 0.2, seed: Seed = 0) -> Dataset:
    """Your own arrays: npz:FILE with x_train, y_train, x_test and y_test (or x_val and y_val).

    A folder with a file per array, such as x_train.npy, is read too, and MATLAB files, whose last
    axis is that of the images: a file with X and y, or a folder with a file per split. A folder of
    .npz files has one per split, or one per array, as kmnist-train-imgs.npz.

    Images are (n, height, width), with channels last or first, of any numeric type. Labels are
    numbers or texts, one per row, or one-hot rows. An array `classes` or `class_names` has the
    names of the classes. Without a test or validation split, a share `test` of each class is held
    out, selected by `seed`.
    """
    source = f"arrays in {quote(path)}"
    return read_arrays(Path(path).expanduser(), f"npz:{path}", source, HoldOut(test, seed))


def read_arrays(file: Path, name: str, source: str, hold_out: HoldOut) -> Dataset:
    """Return the data set of the arrays in a file.

    Args:
        file: an .npz file.
        name: name of the data set.
        source: source of the data set, for tables.
        hold_out: how to make a test split if there is none.

    Raises:
        DataError: if the file cannot be read or has no images and labels.
    """
    path = str(file)
    try:
        arrays, left = _arrays_of(file)
    except OSError as error:
        raise DataError(
            f"{quote(path)} cannot be read: {error.strerror}", "npz:FILE.npz"
        ) from error
    except ValueError as error:
        what = f"{quote(path)} is not a file of arrays: {stand_in(file) or error}"
        raise DataError(what, _hint(file)) from error
    splits = _splits(array_roles(arrays))
    if not arrays:
        raise DataError(
            f"{quote(path)} holds no file of arrays",
            reads_instead(sorted(file.iterdir())) or "a folder of .npy, .npz or MATLAB files",
        )
    if not splits:
        raise DataError(
            f"{quote(path)} has the arrays {', '.join(map(quote, sorted(arrays)[:8]))}",
            "it needs x_train and y_train, and x_test and y_test unless images are to be held out",
        )
    key = next((one for one in CLASS_NAMES if one in arrays), "")
    classes = _class_names(arrays, key, path)
    notes = _unread(
        (*sorted(arrays.keys() - {key, *(name for pair in splits for name in pair)}), *left)
    )
    parts = [arrays[name] for pair in splits for name in pair]
    if len(splits) == 1:
        images, labels = parts
        labels = flat_labels(labels, len(images) if images.ndim else 0, "training")
        return held_out_set(images, labels, hold_out, name, source, classes, notes)
    notes += hold_out.unused()
    tested = split_words(splits[1][0])
    kind = "validation" if tested and tested[0] == "val" else "test"
    both, test_split = LabelledArrays(*parts), f"the {kind} arrays"
    return dataset_of(both, name, source, classes, notes, test_split=test_split)


def _hint(file: Path) -> str:
    """Return how to save arrays so that they are read, for a file that is not."""
    if file.suffix == ".npy":
        return "`npz:FOLDER` reads a folder with a file per array: x_train.npy, y_train.npy, …"
    if file.suffix.lower() == MATLAB or file.is_dir():
        return f"save the arrays by {SAVEZ}"
    objects = "arrays of Python objects are not read: `y.astype(str)` makes them texts"
    return f"{SAVEZ} writes one; {objects}"


def _arrays_of(path: Path) -> tuple[dict[str, Array], list[str]]:
    """Return the arrays of a file or folder by name, and the names of files that are not read.

    Of a folder, the .npy files are read, or else the .npz files, or else the MATLAB files.

    Raises:
        OSError: if a file cannot be read.
        ValueError: if a file holds no array, or Python objects.
        DataError: if several files are parts of one split.
    """
    if path.suffix.lower() == MATLAB and path.is_file():
        return _from_files([path])
    if not path.is_dir():
        return _arrays_in(path), []
    every = [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
    files = [file for file in every if file.suffix == ".npy"]
    if not files:
        packed = [file for file in every if file.suffix.lower() == ".npz"]
        return _from_files(packed or [one for one in every if one.suffix.lower() == MATLAB])
    if sum(file.stat().st_size for file in files) > LARGEST:
        raise ValueError("it holds more than it can rightly hold")
    return {  # mapped: a header may claim no more than the file holds
        file.stem: np.array(np.load(file, mmap_mode="r", allow_pickle=False)) for file in files
    }, []


def _arrays_in(file: Path) -> dict[str, Array]:
    """Return the arrays of an .npz or MATLAB file by name; errors are those of `_arrays_of`."""
    if file.suffix.lower() == MATLAB:
        return matlab_arrays(file, LARGEST // 8)
    with file.open("rb") as opened:
        return read_npz(opened, LARGEST)


def _from_files(files: Sequence[Path]) -> tuple[dict[str, Array], list[str]]:
    """Return the arrays of .npz or MATLAB files by name, and the names of files that are not read.

    ``X`` in ``train_32x32.mat`` is ``train X``, and the only array in ``kmnist-train-imgs.npz`` is
    ``train imgs``. Files that name no split are not read beside those that do. Labels of MATLAB
    files from 1 become places in the list of class names, if there is one.
    """
    splits = {file: words[0] for file in files if (words := split_words(file.stem))}
    found: dict[str, Array] = {}
    for file in splits or files:
        title = f"{splits[file]} " if file in splits else f"{file.stem} " * (len(files) > 1)
        arrays = _arrays_in(file)
        for name, array in arrays.items():
            part = (len(files) > 1 and len(arrays) == 1 and part_in(file.stem)) or name
            key = name if name in CLASS_NAMES else title + part
            if key in found and key != name:
                raise DataError(
                    f"several files hold the array {quote(key)}, as {quote(file.name)}",
                    "join them into one file per split",
                )
            found[key] = array
    if files and files[0].suffix.lower() == MATLAB and not found.keys().isdisjoint(CLASS_NAMES):
        labels = [name for (_, part), name in array_roles(found).items() if part == "labels"]
        if all(found[name].dtype.kind in "uif" and found[name].min() > 0 for name in labels):
            found |= {name: found[name] - 1 for name in labels}
    return found, [file.name for file in files if splits and file not in splits]


def _splits(roles: Mapping[tuple[SplitKind | None, Part], str]) -> list[tuple[str, str]]:
    """Return the names of images and labels: of training, then of the test or validation split.

    Arrays named after no split may be the training split. A split counts only with images and
    labels; without a training split there are none.
    """
    found = {
        kind: (roles[kind, "images"], roles[kind, "labels"])
        for kind in {kind for kind, _ in roles}
        if {(kind, "images"), (kind, "labels")} <= roles.keys()
    }
    train = found.get("train", found.get(None))
    tested = found.get("test", found.get("val"))
    return [pair for pair in (train, tested) if pair] if train else []


def _class_names(arrays: Mapping[str, Array], key: str, path: str) -> list[str]:
    """Return the class names, empty if there are none; raise DataError if they are not a list."""
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
    """Return a note on unused arrays; a warning if one is named after a split."""
    if not names:
        return []
    splits = any(split_words(name) for name in names)
    hint = HOLD_OUT_HINT if splits else ""
    return [DataNote("unused", "arrays that are not used", names, hint, serious=splits)]
