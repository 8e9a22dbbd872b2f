"""Arrays, tensors and torch data sets of a Python program, stored as a named data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import DataError, StoreError, UsageError, listed
from convcompare.core.failures import reason
from convcompare.store import atomic_files

from .data_notes import DataNote, from_text, to_text
from .dataset import Dataset
from .labelled_arrays import LabelledArrays, dataset_of

FOLDER = "arrays"
"""Folder of the stored arrays within the cache."""
_AGAIN = 8
"""Number of images that are read twice, to detect random transforms."""
_OF_CONVERSION = ("scaling", "no-images")
"""Kinds of notes that the converted arrays do not show."""
HINT = (
    "(x_train, y_train, x_test, y_test), or (train, test), each a pair (x, y) or a torch data set"
)


def keep(given: Sequence[Any], cache: Path) -> str:
    """Store images and labels in the cache, and return the spec of the data set.

    The spec contains the start of their SHA-256.

    Args:
        given: images and labels of the training split, then of the test split, as arrays or
            tensors (`LabelledArrays`), or a pair of them for each split; or two map-style torch
            data sets of (image, label).
        cache: the folder of `Sources.cache`.

    Raises:
        UsageError: if `given` has another form.
        DataError: if images and labels do not form a data set.
    """
    parts = list(given)
    classes: Sequence[str] = ()
    if len(parts) == 2 and all(map(_is_pair, parts)):
        parts = [*parts[0], *parts[1]]
    if len(parts) == 2:
        classes = common_classes(*parts)
        parts = [array for one in parts for array in _items_of(one)]
    if len(parts) != 4:
        raise UsageError(f"`dataset=` has {len(parts)} parts", HINT)
    arrays = LabelledArrays(*(_array(one) for one in parts))
    dataset = dataset_of(arrays, "", "", classes)
    name = dataset.sha256[:12]
    file = cache / FOLDER / f"{name}.npz"
    notes = tuple(note for note in dataset.notes if note.kind in _OF_CONVERSION)
    if not file.exists() or (_named(file), notes_of(file)) != (dataset.classes, notes):
        atomic_files.make_folder(file.parent)
        atomic_files.write(file, lambda opened: _save(dataset, opened))
        atomic_files.write(file.with_suffix(".json"), to_text(notes).encode())
    return f"{FOLDER}:{name}"


def notes_of(file: Path) -> tuple[DataNote, ...]:
    """Return the notes on the conversion of stored arrays, which these no longer show."""
    with suppress(StoreError, ValueError):  # stored by an earlier version, or damaged
        return from_text(atomic_files.read(file.with_suffix(".json")).decode())
    return ()


def common_classes(train: Any, test: Any) -> list[str]:
    """Return the class names of two torch data sets; empty if the first has none.

    Raises:
        DataError: if they have different ones, or in another order.
    """
    names = [_class_names(train), _class_names(test)]
    if all(names) and names[0] != names[1]:
        raise DataError(
            f"the training set has the classes {listed(names[0], 5)}, and the test set "
            f"{listed(names[1], 5)}",
            "labels are places among the classes: give both sets the same, in one order",
        )
    return names[0]


def _is_pair(part: Any) -> bool:
    """Return whether a part is a tuple of images and labels, as in Keras, and not of two items."""
    own = isinstance(part, tuple) and len(part) == 2
    return own and not any(isinstance(one, tuple) for one in part)


def _class_names(dataset: Any) -> list[str]:
    """Return the class names of a torch data set, or of the one it is a subset of, by labels.

    ``class_to_idx`` has the label of each class, and ``classes`` may be in another order.
    """
    while not _names_classes(dataset) and hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    names = [str(name) for name in getattr(dataset, "classes", ())]
    labels = getattr(dataset, "class_to_idx", None)
    if isinstance(labels, Mapping) and {*labels.values()} == {*range(len(labels))}:
        ordered = [str(one) for one in sorted(labels, key=labels.__getitem__)]
        return ordered if len(names) in (0, len(ordered)) else names
    return names


def _names_classes(dataset: Any) -> bool:
    return hasattr(dataset, "classes") or hasattr(dataset, "class_to_idx")


def _named(file: Path) -> tuple[str, ...]:
    """Return the class names of stored arrays: equal arrays may have had other names."""
    with atomic_files.opened(file) as opened:
        return tuple(map(str, np.load(opened, allow_pickle=False)["classes"]))


def _save(dataset: Dataset, file: IO[bytes]) -> None:
    """Write a data set as an .npz file for `npz:FILE`; labels are indices of the classes."""
    np.savez(
        file,
        x_train=dataset.train.images,
        y_train=dataset.train.labels,
        x_test=dataset.test.images,
        y_test=dataset.test.labels,
        classes=np.array(dataset.classes),
    )


def _array(part: Any) -> npt.NDArray[Any]:
    if hasattr(part, "detach"):  # a tensor on any device
        part = part.detach().cpu()
        if "bfloat16" in str(part.dtype):  # numpy has no bfloat16
            part = part.float()
    if np.ma.is_masked(part):
        raise DataError(
            "a part of `dataset=` has masked values", "leave out these images, or fill the values"
        )
    try:
        found = np.asarray(part)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"a part of `dataset=` is not an array: {error}", HINT) from error
    if found.dtype == object and found.ndim and all(isinstance(one, str) for one in found.flat):
        found = found.astype(str)  # pandas stores texts as objects
    if found.dtype == object or not found.ndim:
        kind = f"{type(part).__name__}{' of Python objects' if found.ndim else ''}"
        raise UsageError(f"a part of `dataset=` is not an array of numbers but {kind}", HINT)
    return found


def _items_of(dataset: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return images and labels of a map-style data set, in its order."""
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise UsageError(f"a part of `dataset=` is a {type(dataset).__name__}", HINT)
    try:
        items = [dataset[index] for index in range(len(dataset))]
    except Exception as error:  # the code of a data set may raise any error
        text = f"an item of the {type(dataset).__name__} in `dataset=` cannot be read"
        raise DataError(f"{text}: {reason(error)}", HINT) from error
    if not items or any(not isinstance(item, tuple) or len(item) != 2 for item in items):
        raise UsageError("the items of a data set are (image, label)", HINT)
    images = [_array(image) for image, _ in items]
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        raise DataError(
            f"the images of a data set have {len(shapes)} sizes",
            "resize them in its transform, to one size",
        )
    again = (_array(dataset[index][0]) for index in range(min(len(items), _AGAIN)))
    if not all(map(np.array_equal, images, again)):
        raise DataError(
            "a data set returns another image each time the same one is read",
            "leave random transforms out of it: images are augmented as they are trained on",
        )
    labels = [label.cpu().numpy() if hasattr(label, "cpu") else label for _, label in items]
    return np.stack(images), _array(labels)
