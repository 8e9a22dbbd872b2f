"""Parquet files: their columns of images and classes, and their rows."""

from __future__ import annotations

import importlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convcompare.core.errors import DataError, UsageError, listed, quote, shortened
from convcompare.core.failures import reason

from .image_stack import ImageStack
from .stand_ins import stand_in
from .table_columns import (
    group_columns,
    may_be_classes,
    may_name_splits,
    one_to_one,
    plain_name,
)

INSTALL = "pip install 'convcompare[hf]'"
_IMAGES = ("image", "img")
_LABELS = ("label", "labels", "class", "target")
"""Names that are preferred among several candidate columns."""
_LABEL_TYPES = re.compile(r"u?int|bool|float|double|halffloat|(large_)?string|dictionary<values=")
"""Types of columns of one number or text per row; fractions are refused when rows are read."""
_ROWS = 256


@dataclass(frozen=True)
class ParquetColumns:
    """Columns of Parquet files.

    Attributes:
        image: column of images.
        label: column of labels.
        classes: names of the classes; empty if the files have none.
        unread_splits: columns that seem to name splits, which are not read.
        only: whether the labels were chosen as the only column beside the images.
        others: other columns of labels, which group the images in another way.
        groups: columns of what several images are of, such as a patient.
    """

    image: str
    label: str
    classes: tuple[str, ...]
    unread_splits: tuple[str, ...]
    only: bool
    others: tuple[str, ...]
    groups: tuple[str, ...]


def import_extra(module: str) -> Any:
    """Import a module of the extra ``hf``; raise DataError if it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise DataError(f"{module.partition('.')[0]} is not installed", INSTALL) from error


def count_rows(files: Sequence[Path]) -> int:
    """Return the number of rows of all files, from their footers."""
    return sum(_opened(file).metadata.num_rows for file in files)


def columns_of(file: Path, image: str, label: str) -> ParquetColumns:
    """Return the columns of images and labels: the named ones, else by their types.

    Images are bytes, or bytes with a path. Labels are a ClassLabel of the Hugging Face library,
    else numbers or texts in a column with a usual name, else the only other column, if its values
    may be classes.

    Args:
        file: a Parquet file.
        image: name of the column of images, or "".
        label: name of the column of labels, or "".

    Raises:
        UsageError: if there is no such column, or several.
        DataError: if the file cannot be read.
    """
    schema = _opened(file).schema_arrow
    features = _features(schema)
    types = {field.name: str(field.type) for field in schema}
    pictures = [name for name, kind in types.items()
                if _kind(features, name) == "Image" or _holds_bytes(kind)]  # fmt: skip
    named = [name for name in types if _kind(features, name) == "ClassLabel"]
    plain = [name for name, kind in types.items()
             if name in _LABELS and _LABEL_TYPES.match(kind)]  # fmt: skip
    found = _one(image, "image", pictures, _IMAGES, types)
    only = [] if label or named or plain else _only_other(file, types, found)
    classes = _one(label, "label", named or plain or only, _LABELS, types)
    unread = (one for one in types if one not in (found, classes) and may_name_splits(one))
    others = dict.fromkeys(one for one in (*named, *plain) if not label and one != classes)
    groups = group_columns(
        {one: plain_name(one) for one in types if _LABEL_TYPES.match(types[one])}
    )
    return ParquetColumns(
        image=found,
        label=classes,
        classes=_names(features, classes),
        unread_splits=tuple(unread),
        only=bool(only),
        others=tuple(one for one in others if not one_to_one(_both(file, classes, one))),
        groups=tuple(one for one in groups if one != classes),
    )


def _both(file: Path, column: str, other: str) -> Iterator[tuple[Any, Any]]:
    """Yield the values of two columns of a file by rows."""
    for batch in _batches(file, [column, other]):
        values = (batch.column(one).to_pylist() for one in (column, other))
        yield from zip(*values, strict=True)


def _only_other(file: Path, types: Mapping[str, str], image: str) -> list[str]:
    """Return the column beside that of images, if there is only one and it may be of classes."""
    others = [name for name in types if name != image and not name.startswith("__index_level_")]
    if len(others) != 1 or may_name_splits(others[0]) or not _LABEL_TYPES.match(types[others[0]]):
        return []
    return others if may_be_classes(texts_of([file], others[0])) else []


def texts_of(files: Iterable[Path], column: str) -> list[str]:
    """Return the values of a column of some files as texts, without missing ones."""
    having = [file for file in files if column in _opened(file).schema_arrow.names]
    batches = (batch for file in having for batch in _batches(file, [column]))
    values = (one for batch in batches for one in batch.column(0).to_pylist())
    return [str(one) for one in values if one not in (None, "")]


def has_classes(files: Iterable[Path], label: str) -> bool:
    """Return whether any row has a class in the column `label`, which may be missing.

    Classes that publishers withhold are empty or -1.
    """
    having = [file for file in files if label in _opened(file).schema_arrow.names]
    batches = (batch for file in having for batch in _batches(file, [label]))
    with suppress(DataError):  # damaged: reported when rows are read
        return any(
            one not in (None, -1, "") for batch in batches for one in batch.column(0).to_pylist()
        )
    return True


def _holds_bytes(kind: str) -> bool:
    return kind in ("binary", "large_binary") or bool(
        re.match(r"struct<.*bytes: (large_)?bin", kind)
    )


def _one(
    named: str, option: str, candidates: Sequence[str], usual: Sequence[str], columns: Iterable[str]
) -> str:
    if named:
        if named not in columns:
            raise UsageError(
                f"there is no column {quote(named)}", f"columns: {', '.join(map(quote, columns))}"
            )
        return named
    preferred = [name for name in usual if name in candidates]
    found = candidates if len(candidates) == 1 else preferred[:1]
    if not found:
        several = f"several columns of {option}s: {', '.join(map(quote, candidates))}"
        hint = f"`{option}=COLUMN` names it"
        if option == "image" and not candidates:
            hint = "images have to be bytes in the file: `folder:PATH` reads them beside a table"
        raise UsageError(
            several if candidates else f"no column of {option}s among {', '.join(columns)}", hint
        )
    return found[0]


def _features(schema: Any) -> dict[str, Any]:
    """Return the Hugging Face library's metadata of the columns; empty if there is none."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    except (TypeError, KeyError, ValueError):
        return {}
    return features if isinstance(features, dict) else {}


def _names(features: dict[str, Any], column: str) -> tuple[str, ...]:
    """Return the names of the classes in a column; empty if it has none."""
    return tuple(map(shortened, (features.get(column) or {}).get("names") or ()))


def _kind(features: dict[str, Any], name: str) -> str:
    feature = features.get(name)
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def read_rows(
    files: Iterable[Path], columns: ParquetColumns, stack: ImageStack
) -> Iterator[int | str]:
    """Yield the labels of the rows while adding their images to the stack.

    Raises:
        DataError: if a row has no readable image or not one class.
    """
    from PIL import Image

    for file in files:
        for row, (image, label) in enumerate(_pairs(file, columns)):
            content = image.get("bytes") if isinstance(image, dict) else image
            if not isinstance(content, bytes):
                raise _bad(file, row, "no image", "images have to be in the file, not beside it")
            if isinstance(label, list) and len(label) == 1:
                label = label[0]
            if isinstance(label, list | dict):
                raise _bad(file, row, "several values for its class", "each image needs one class")
            if label is None or (columns.classes and not _in_range(label, columns.classes)):
                raise _bad(file, row, f"the class {label}", "each image needs a class")
            if isinstance(label, str) and not label.strip():
                raise _bad(file, row, "a blank text for its class", "each image needs a class")
            try:
                with Image.open(io.BytesIO(content)) as picture:
                    stack.add(picture)
            except DataError:
                raise
            except Exception as error:  # Pillow raises errors of many kinds
                hint = f"is {quote(columns.image)} the column of images?"
                raise _bad(file, row, "an image that cannot be read", hint) from error
            yield label


def _in_range(label: Any, classes: Sequence[str]) -> bool:
    return isinstance(label, int) and 0 <= label < len(classes)


def _pairs(file: Path, columns: ParquetColumns) -> Iterator[tuple[Any, Any]]:
    missing = {columns.image, columns.label}.difference(_opened(file).schema_arrow.names)
    if missing:
        raise DataError(
            f"{quote(file.name)} has no column {quote(missing.pop())}", "all files need the same"
        )
    names = _names(_features(_opened(file).schema_arrow), columns.label)
    if names and columns.classes and names != columns.classes:
        raise DataError(
            f"{quote(file.name)} numbers the classes {listed(names, 5)}, and another file "
            f"{listed(columns.classes, 5)}",
            "numbers are places among the names: write all files with the same, in one order",
        )
    yield from _both(file, columns.image, columns.label)


def _batches(file: Path, columns: list[str]) -> Iterator[Any]:
    """Yield the rows of some columns in batches; raise DataError if the file is damaged."""
    try:
        yield from _opened(file).iter_batches(_ROWS, columns=columns)
    except (OSError, ValueError) as error:  # base classes of pyarrow's errors
        raise DataError(
            f"{quote(file.name)} is damaged: {reason(error)}", "download the file again"
        ) from error


def _opened(file: Path) -> Any:
    parquet = import_extra("pyarrow.parquet")
    try:
        return parquet.ParquetFile(file)
    except (OSError, ValueError) as error:
        instead = stand_in(file)
        what = f"no Parquet file{f' but {instead}' if instead else ''}"
        raise DataError(f"{quote(file)} is {what}", "FILE.parquet") from error


def _bad(file: Path, row: int, what: str, hint: str) -> DataError:
    return DataError(f"row {row} of {quote(file.name)} has {what}", hint)
