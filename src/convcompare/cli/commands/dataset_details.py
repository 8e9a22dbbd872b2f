"""Output of ``convcompare datasets NAME``: splits, classes, images and their faults."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core import formatting
from convcompare.core.errors import DataError, UsageError, one_of, printable, quote
from convcompare.core.spec import Spec
from convcompare.output.tables.formats import Format
from convcompare.output.tables.table import Column, Table

from ..console import out, show_warning, width
from ..output import emit_json, emit_paths, emit_table, write_file

if TYPE_CHECKING:
    from convcompare.data.data_notes import DataNote
    from convcompare.data.dataset import Dataset, Sources

COLUMNS = (
    Column("class", "class", "left", show=printable),
    Column("train", "train", show=formatting.count),
    Column("test", "test", show=formatting.count),
)
NAMED = 20
"""Maximum number of file names in a warning; JSON has all."""


def show(name: str, sources: Sources, kind: Format, sheet: Path | None) -> None:
    """Print the data set `name`, and draw examples of it into the file `sheet`.

    Files that cannot be read are skipped and listed; afterwards the error that training would raise
    is raised.
    """
    if sheet is not None:
        _check_sheet(sheet)
    dataset, unreadable = _load(name, sources)
    notes = dataset.notes or _examined(dataset)
    rows = _classes(dataset)
    if kind == "json":
        record = to_json(dataset, notes, rows)
        emit_json(record)
    elif kind == "table":
        _print_head(dataset)
        notes_shown = [note.line() for note in notes if not note.serious]
        emit_table(Table(COLUMNS, tuple(rows), tuple(notes_shown)), kind)
    else:
        emit_table(Table(COLUMNS, tuple(rows)), kind)
    for note in notes:
        if note.serious:
            show_warning(note.line(NAMED), note.hint or None)
    if sheet is not None:
        from convcompare.output.plots.contact_sheet import contact_sheet

        write_file(sheet, contact_sheet(dataset, sheet.suffix[1:].lower()))
        emit_paths([sheet])
    if unreadable:
        raise unreadable


def to_json(
    dataset: Dataset, notes: tuple[DataNote, ...], classes: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the data set as one JSON object; fields are only ever added."""
    return {
        "name": dataset.name,
        "source": dataset.source,
        "test_split": dataset.test_split,
        "channels": dataset.channels,
        "image_size": dataset.image_size,
        "train": len(dataset.train),
        "test": len(dataset.test),
        "mean": dataset.mean,
        "std": dataset.std,
        "augmentation": dataset.augmentation,
        "sha256": dataset.sha256,
        "classes": classes,
        "notes": [dict(vars(note)) for note in notes if not note.serious],
        "warnings": [dict(vars(note)) for note in notes if note.serious],
    }


def _load(name: str, sources: Sources) -> tuple[Dataset, DataError | None]:
    from convcompare.data.datasets.image_folder import UnreadableImages
    from convcompare.data.load import load_dataset

    try:
        return load_dataset(name, sources), None
    except UnreadableImages as error:
        spec = Spec.parse(name)
        kept = tuple(option for option in spec.options if option[0] != "broken")
        skipping = Spec(spec.name, (*kept, ("broken", "skip")))
        return load_dataset(str(skipping), sources), error


def _examined(dataset: Dataset) -> tuple[DataNote, ...]:
    """Return notes on the images of a data set without its own notes, by the rows of its images."""
    from convcompare.data.examine import examine

    splits = dataset.train, dataset.test
    train, test = ([f"{where} {i}" for i in range(len(split))]
                   for where, split in zip(("train", "test"), splits, strict=True))  # fmt: skip
    return tuple(examine(splits, dataset.classes, (train, test)))


def _classes(dataset: Dataset) -> list[dict[str, Any]]:
    import numpy as np

    counts = [np.bincount(split.labels, minlength=len(dataset.classes)).tolist()
              for split in (dataset.train, dataset.test)]  # fmt: skip
    return [
        {"class": name, "train": train, "test": test}
        for name, train, test in zip(dataset.classes, *counts, strict=True)
    ]


def _print_head(dataset: Dataset) -> None:
    size = f"{dataset.channels}×{dataset.image_size}×{dataset.image_size}"
    train, test = formatting.count(len(dataset.train)), formatting.count(len(dataset.test))
    console, mean, std = out(), _numbers(dataset.mean), _numbers(dataset.std)
    console.print(printable(dataset.name), style="bold", soft_wrap=True)
    columns = width(console)
    for line in (
        f"{train} train, {test} test · {size} · {len(dataset.classes)} classes",
        f"test split: {dataset.test_split}",
        f"source: {printable(dataset.source)}",
        f"training images: mean {mean}, std {std} of 0 to 1",
    ):
        for part in formatting.wrapped(line, columns - 1) if columns else [line]:
            console.print(f" {part}", soft_wrap=True)
    console.print(f" SHA-256 {dataset.sha256}\n", soft_wrap=True)


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.3f}" for value in values)


def _check_sheet(path: Path) -> None:
    from convcompare.output.plots.figure import FORMATS

    endings = [f".{kind}" for kind in FORMATS]
    hint = f"its ending sets the format: {', '.join(endings)}"
    one_of(endings, path.suffix.lower(), f"{quote(path)} is not the name of a figure", hint)
    if path.is_dir():
        raise UsageError(f"{quote(path)} is a folder", "give a file name such as sheet.png")
