"""Parquet files: which are of which split, their columns of images and classes, their rows."""

from __future__ import annotations

import importlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from convcompare.core.errors import DataError, UsageError, did_you_mean, quote, shortened
from convcompare.core.failures import reason

from .image_stack import ImageStack
from .label_table import may_name_splits
from .split_names import SplitKind, split_words
from .stand_ins import stand_in

INSTALL = "pip install 'convcompare[hf]'"
_SHARD = re.compile(
    r"(?P<split>.*?)[-_.](?P<number>\d+)[-_]of[-_](?P<count>\d+)(?:[-_.][0-9a-f]+)?"
)
_IMAGES = ("image", "img")
_LABELS = ("label", "labels", "class", "target")
"""Names that decide between several columns that could be meant."""
_LABEL_TYPES = re.compile(r"u?int|bool|float|double|halffloat|(large_)?string|dictionary<values=")
"""Columns of one number or text per row; fractions are refused as they are read."""
_ROWS = 256
_Files = dict[SplitKind | None, dict[tuple[str, ...], list[PurePosixPath]]]
"""By the split and the other words of its name."""


@dataclass(frozen=True)
class SplitFiles:
    """The files of the training and test split; ``test`` is empty if there is no test split.

    ``words`` say what the test split is. ``unread`` are those of a validation split beside it.
    """

    train: tuple[PurePosixPath, ...]
    test: tuple[PurePosixPath, ...]
    words: str
    unread: tuple[PurePosixPath, ...] = ()


@dataclass(frozen=True)
class ParquetColumns:
    """The columns of images and of labels, and the names of the classes if the file has them.

    ``unread_splits`` are columns that seem to name splits, which are not read.
    """

    image: str
    label: str
    classes: tuple[str, ...]
    unread_splits: tuple[str, ...] = ()


def import_extra(module: str) -> Any:
    """A module of the extra ``hf``. Raises DataError if it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise DataError(f"{module.partition('.')[0]} is not installed", INSTALL) from error


def split_files(paths: Iterable[PurePosixPath], name: str, config: str = "") -> SplitFiles:
    """The files of each split, by their names or those of their folders.

    ``train-00000-of-00002.parquet``, ``data/test.parquet``, ``plain_text/train/0000.parquet``. One
    configuration alone is read: `config`, or the only one. Files of one name without a split are
    all images. Raises DataError or UsageError for several configurations, or for missing files.
    """
    configs: dict[str, _Files] = {}
    for path in sorted(paths):
        if any(part.startswith("partial-") for part in path.parts):
            raise DataError(
                f"{quote(name)} is only partly available as Parquet",
                "download all files into one folder",
            )
        found, kind, rest = _placed(path)
        configs.setdefault(found, {}).setdefault(kind, {}).setdefault(rest, []).append(path)
    with_splits = {key: files for key, files in configs.items() if "train" in files}
    configs = with_splits or configs
    if not configs:
        raise DataError(f"{quote(name)} has no Parquet files", "FILE.parquet, or a folder of them")
    if not config and len(configs) == 1:
        config = next(iter(configs))
    if config not in configs:
        known = ", ".join(map(quote, sorted(configs)))
        said = f"no configuration {quote(config)}" if config else f"{len(configs)} configurations"
        raise UsageError(
            f"{quote(name)} has {said}", did_you_mean(config, configs) or f"choose one of {known}"
        )
    splits = {kind: _chosen(files, name) for kind, files in configs[config].items() if kind}
    unsplit = [] if splits else sorted(configs[config][None][()])
    for files in (*splits.values(), unsplit):
        _check_complete(files, name)
    if unsplit:
        return SplitFiles(tuple(unsplit), (), "")
    tested: SplitKind = "test" if "test" in splits else "val"
    if "train" not in splits:
        raise DataError(f"{quote(name)} has no training split", "a file called train.parquet")
    words = "test split" if tested == "test" else "validation split"
    unread = splits.get("val", ()) if tested == "test" else ()
    return SplitFiles(tuple(splits["train"]), tuple(splits.get(tested, ())), words, tuple(unread))


def _placed(path: PurePosixPath) -> tuple[str, SplitKind | None, tuple[str, ...]]:
    """The configuration of a file, its split, and the other words of that split's name."""
    shard = _SHARD.fullmatch(path.stem)
    folders = [part for part in path.parent.parts if part != "data"]
    words = split_words(shard["split"] if shard else path.stem)
    if words is None and folders and (words := split_words(folders[-1])):
        folders.pop()
    return "/".join(folders), *(words or (None, ()))


def _chosen(files: Mapping[tuple[str, ...], list[PurePosixPath]], name: str) -> list[PurePosixPath]:
    """The files of a split: of those of one kind the one of a plain name, or the only one.

    ``train`` is read and ``train_extra`` beside it is not.
    """
    if () in files:
        return files[()]
    if len(files) > 1:
        listed = ", ".join(quote(str(some[0])) for some in files.values())
        raise UsageError(
            f"{quote(name)} has several splits of one kind: {listed}",
            "put those that you want into a folder of their own",
        )
    return next(iter(files.values()))


def _check_complete(files: Sequence[PurePosixPath], name: str) -> None:
    """Raise DataError if some files of a split are missing by their own numbers."""
    found: dict[tuple[str, int], set[int]] = {}
    for path in files:
        if shard := _SHARD.fullmatch(path.stem):
            key = (shard["split"], int(shard["count"]))
            found.setdefault(key, set()).add(int(shard["number"]))
    for (split, count), numbers in found.items():
        if len(numbers) != count:
            raise DataError(
                f"{quote(name)} has {len(numbers)} of the {count} files of {quote(split)}",
                "add the others",
            )


def count_rows(files: Sequence[Path]) -> int:
    """The rows of all files, by their footers."""
    return sum(_opened(file).metadata.num_rows for file in files)


def columns_of(file: Path, image: str, label: str) -> ParquetColumns:
    """Which columns hold images and labels: those that are named, else by their types.

    Images are bytes, or bytes beside a path; labels are what the Hugging Face library calls a
    ClassLabel, else numbers or texts in a column of a usual name. Raises UsageError if there is no
    such column, or several.
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
    classes = _one(label, "label", named or plain, _LABELS, types)
    names = (features.get(classes) or {}).get("names") or ()
    unread = (one for one in types if one not in (found, classes) and may_name_splits(one))
    return ParquetColumns(found, classes, tuple(map(shortened, names)), tuple(unread))


def has_classes(files: Iterable[Path], label: str) -> bool:
    """Whether any row has a class in the column `label`, which may be missing.

    Answers that are kept back are empty or -1.
    """
    for file in files:
        opened = _opened(file)
        if label not in {field.name for field in opened.schema_arrow}:
            continue
        try:
            for batch in opened.iter_batches(columns=[label]):
                if any(one not in (None, -1, "") for one in batch.column(label).to_pylist()):
                    return True
        except (OSError, ValueError):  # damaged, as reading the rows will say
            return True
    return False


def _holds_bytes(kind: str) -> bool:
    return kind in ("binary", "large_binary") or bool(
        re.match(r"struct<.*bytes: (large_)?bin", kind)
    )


def _one(
    asked: str, option: str, candidates: Sequence[str], usual: Sequence[str], columns: Iterable[str]
) -> str:
    if asked:
        if asked not in columns:
            raise UsageError(
                f"there is no column {quote(asked)}", f"columns: {', '.join(map(quote, columns))}"
            )
        return asked
    preferred = [name for name in usual if name in candidates]
    found = candidates if len(candidates) == 1 else preferred[:1]
    if not found:
        several = f"several columns of {option}s: {', '.join(map(quote, candidates))}"
        raise UsageError(
            several if candidates else f"no column of {option}s among {', '.join(columns)}",
            f"`{option}=COLUMN` names it",
        )
    return found[0]


def _features(schema: Any) -> dict[str, Any]:
    """What the Hugging Face library wrote of the columns; empty if it wrote nothing."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    except (TypeError, KeyError, ValueError):
        return {}
    return features if isinstance(features, dict) else {}


def _kind(features: dict[str, Any], name: str) -> str:
    feature = features.get(name)
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def read_rows(
    files: Iterable[Path], columns: ParquetColumns, stack: ImageStack
) -> Iterator[int | str]:
    """The labels of the rows, while their images are put on the stack."""
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
            except Exception as error:  # Pillow's decoders raise nearly anything
                hint = f"is {quote(columns.image)} the column of images?"
                raise _bad(file, row, "an image that cannot be read", hint) from error
            yield label


def _in_range(label: Any, classes: Sequence[str]) -> bool:
    return isinstance(label, int) and 0 <= label < len(classes)


def _pairs(file: Path, columns: ParquetColumns) -> Iterator[tuple[Any, Any]]:
    opened = _opened(file)
    missing = {columns.image, columns.label} - {field.name for field in opened.schema_arrow}
    if missing:
        raise DataError(
            f"{quote(file.name)} has no column {quote(missing.pop())}", "all files need the same"
        )
    try:
        batches = opened.iter_batches(_ROWS, columns=[columns.image, columns.label])
        for batch in batches:
            images, labels = batch.column(columns.image), batch.column(columns.label)
            yield from zip(images.to_pylist(), labels.to_pylist(), strict=True)
    except (OSError, ValueError) as error:  # pyarrow's errors are of these
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
