"""Images in Parquet files, in the layout of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from convcompare.core.config import HOLD_OUT_HINT
from convcompare.core.errors import DataError, quote
from convcompare.core.registry import register

from ..data_notes import DataNote
from ..dataset import Dataset, Seed, Share, Side, Sources
from ..gathered import gathered
from ..hold_out import HoldOut
from ..sources.image_groups import divided
from ..sources.image_stack import ImageStack
from ..sources.image_walk import is_of_system
from ..sources.other_formats import reads_instead
from ..sources.parquet_files import (
    ParquetColumns,
    columns_of,
    count_rows,
    has_classes,
    read_rows,
    texts_of,
)
from ..sources.parquet_splits import SplitFiles, split_files
from ..sources.table_columns import surely_names_splits


@dataclass(frozen=True)
class ParquetOptions:
    """Options of `parquet_set` for reading rows."""

    size: int | None
    image: str
    label: str
    hold_out: HoldOut


@register.dataset("parquet", source="your Parquet files")
def parquet_set(
    sources: Sources,
    path: str = "",
    size: Side | None = None,
    image: str = "",
    label: str = "",
    test: Share = 0.2,
    seed: Seed = 0,
) -> Dataset:
    """Images in Parquet files: parquet:PATH, a file or a folder. Needs the extra hf.

    Splits are recognised by the names of files or folders (train-00000-of-00001.parquet). Columns
    are recognised by their types, or named: ``image=COLUMN,label=COLUMN``. `size` scales the square
    in the middle of each image, for images of several sizes. Without a test split, networks are
    tested on the validation split, else on a share `test` of each class, selected by `seed`.
    """
    root = Path(path).expanduser()
    name = f"parquet:{path}"
    if root.is_dir():
        every = [PurePosixPath(one.relative_to(root).as_posix()) for one in root.rglob("*.parquet")]
        found = [path for path in every if not any(map(is_of_system, path.parts))]
    else:
        root, found = root.parent, [PurePosixPath(root.name)]
    if not found:
        others = sorted(one for one in root.rglob("*") if one.is_file())
        hint = reads_instead(others) or "FILE.parquet, or a folder of them"
        raise DataError(f"{quote(name)} has no Parquet files", hint)
    options = ParquetOptions(size, image, label, HoldOut(test, seed))
    return read_parquet(root, split_files(found, name), name, options)


def read_parquet(root: Path, splits: SplitFiles, name: str, options: ParquetOptions) -> Dataset:
    """Return the data set of Parquet files below `root`.

    Raises:
        UsageError: if an option does not fit the files.
        DataError: if the files cannot be read or have no images and classes.
    """
    columns = columns_of(root / splits.train[0], options.image, options.label)
    splits, notes = _with_classes(root, splits, columns.label)
    train, test = (_below(root, files) for files in (splits.train, splits.test))
    stack = ImageStack(name, count_rows([*train, *test]), options.size)
    labels = [*read_rows(train, columns, stack)]
    trained = len(labels)
    labels += read_rows(test, columns, stack)
    found = gathered(stack, labels, trained, splits.words, options.hold_out, columns.classes)
    parts = (train, test if trained < len(labels) else None)
    notes = (*notes, *_notes_on(splits, columns), *_grouped(columns.groups, *parts))
    return replace(found, notes=(*notes, *found.notes))


def _with_classes(
    root: Path, splits: SplitFiles, label: str
) -> tuple[SplitFiles, tuple[DataNote, ...]]:
    """Return the splits without a test split that lacks classes, and a note on it.

    The validation split replaces it, if there is one.
    """
    if not splits.test or has_classes(_below(root, splits.test), label):
        return splits, ()
    text = f"the {splits.words} is not used: it has no classes"
    note = DataNote("unused", text, tuple(map(str, splits.test)))
    other = SplitFiles(splits.train, splits.unread, "validation split")
    if not splits.unread:
        return other, (note,)
    other, notes = _with_classes(root, other, label)
    return other, (note, *notes)


def _notes_on(splits: SplitFiles, columns: ParquetColumns) -> Iterator[DataNote]:
    """Yield notes on unused splits, and on a label column that was the only candidate."""
    if columns.only:
        text = f"classes are the column {quote(columns.label)}, the only one beside that of images"
        yield DataNote("label", text, serious=False)
    if columns.others:
        text = f"classes are the column {quote(columns.label)}, and not"
        hint = f"`label={columns.others[0]}` reads that column"
        yield DataNote("label", text, columns.others, hint)
    if splits.unread:
        names = tuple(map(str, splits.unread))
        text = "the validation split is not used beside the test split"
        yield DataNote("unused", text, names, HOLD_OUT_HINT)
    if columns.unread_splits and not splits.test:
        yield DataNote("unused", "columns that are not read", columns.unread_splits,
                       "files called train.parquet and test.parquet are splits",
                       serious=any(map(surely_names_splits, columns.unread_splits)))  # fmt: skip


def _grouped(
    groups: Sequence[str], train: Sequence[Path], test: Sequence[Path] | None
) -> Iterator[DataNote]:
    """Yield warnings about images of one patient, video or object in both splits, by columns."""
    for column in groups:
        tested = None if test is None else texts_of(test, column)
        remedy = "write files called train.parquet and test.parquet that keep them together"
        yield from divided(f"column {quote(column)}", texts_of(train, column), tested, remedy)


def _below(root: Path, files: Sequence[PurePosixPath]) -> list[Path]:
    return [root / file for file in files]
