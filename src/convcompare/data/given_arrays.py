"""Arrays, tensors and torch data sets of a Python program, kept as a data set that has a name."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import DataError, UsageError
from convcompare.store import atomic_files

from .dataset import Dataset
from .labelled_arrays import LabelledArrays, dataset_of

FOLDER = "arrays"
"""Where they are kept below the cache."""
HINT = "(x_train, y_train, x_test, y_test), or (train, test) of torch data sets"


def keep(given: Sequence[Any], cache: Path) -> str:
    """Keep images and labels below the cache, by their content; the spec of the data set.

    Args:
        given: Images and labels of the training split, then of the test split, as arrays or
            tensors (`LabelledArrays`); or two map-style torch data sets of (image, label).
        cache: The folder of `Sources.cache`.

    Raises:
        UsageError: It is neither.
        DataError: They do not belong together.
    """
    parts = list(given)
    classes: Sequence[str] = ()
    if len(parts) == 2:
        classes = [str(name) for name in getattr(parts[0], "classes", ())]
        parts = [array for one in parts for array in _drawn(one)]
    if len(parts) != 4:
        raise UsageError(f"`dataset=` has {len(parts)} parts", HINT)
    arrays = LabelledArrays(*(_array(one) for one in parts))
    dataset = dataset_of(arrays, "", "", classes)
    name = dataset.sha256[:12]
    file = cache / FOLDER / f"{name}.npz"
    if not file.exists():
        atomic_files.make_folder(file.parent)
        atomic_files.write(file, _npz(dataset))
    return f"{FOLDER}:{name}"


def _npz(dataset: Dataset) -> bytes:
    """As `npz:FILE` reads it. Labels are places among the classes."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        x_train=dataset.train.images,
        y_train=dataset.train.labels,
        x_test=dataset.test.images,
        y_test=dataset.test.labels,
        classes=np.array(dataset.classes),
    )
    return buffer.getvalue()


def _array(part: Any) -> npt.NDArray[Any]:
    if hasattr(part, "detach"):  # a tensor, of any device
        part = part.detach().cpu()
    try:
        found = np.asarray(part)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"a part of `dataset=` is not an array: {error}", HINT) from error
    if found.dtype == object or not found.ndim:
        raise UsageError(f"a part of `dataset=` is not an array but {type(part).__name__}", HINT)
    return found


def _drawn(dataset: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Images and labels of a map-style data set, in its order."""
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise UsageError(f"a part of `dataset=` is a {type(dataset).__name__}", HINT)
    items = [dataset[index] for index in range(len(dataset))]
    if not items or any(not isinstance(item, tuple) or len(item) != 2 for item in items):
        raise UsageError("the items of a data set are (image, label)", HINT)
    images = [_array(image) for image, _ in items]
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        raise DataError(
            f"the images of a data set have {len(shapes)} sizes",
            "resize them in its transform, to one size",
        )
    return np.stack(images), np.asarray([int(label) for _, label in items])
