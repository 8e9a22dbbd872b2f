"""Entries of files that list images: texts with one image per line, tables, JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from convcompare.core.errors import DataError

from .json_tables import LARGEST, json_content
from .matlab_files import MATLAB
from .split_names import SplitKind, split_kinds, split_words
from .table_columns import (
    FILES,
    LABELS,
    SPLITS,
    cell,
    file_column,
    first_of,
    image_of,
    may_name_splits,
    plain_name,
    plain_names,
    split_column,
)
from .table_rows import LISTS, TableFile, encoding_of

TABLES, _JSON = (".csv", ".tsv", MATLAB), ".json"
LIST_ENDINGS = (*LISTS, *TABLES, _JSON)
"""Extensions of files that may list images, in order of preference."""


def list_entries(path: Path) -> Sequence[str | int]:
    """Return the images that a file lists, as written, with the rest of their lines."""
    if path.suffix.lower() == _JSON:
        return [*_names(json_content(path))]
    table = TableFile(path)
    column = file_column(table, plain_names(table))
    if column and not (table.is_list and path.suffix.lower() in LISTS):
        names = [name for row in _rows(table) if (name := image_of(table, row, column))]
        if names or path.suffix.lower() not in LISTS:
            return names
    if path.suffix.lower() == MATLAB:
        return []
    lines = _lines(path)
    return lines[1:] if lines and plain_name(lines[0]) in FILES else lines


def entries_by_split(path: Path) -> list[tuple[str | int, SplitKind]]:
    """Return the images that a file of several splits lists, with their splits.

    The file is a table with a column of splits, a text with a split at the end of each line, or a
    JSON object with a list per split. Empty for other files, or if a split is not known.
    """
    if path.suffix.lower() == _JSON:
        content = json_content(path)
        splits = content.items() if isinstance(content, dict) else ()
        known = [(words[0], part) for key, part in splits if (words := split_words(key))]
        return [(name, kind) for kind, part in known for name in _names(part)]
    pairs, title = _pairs(path)
    numbers = _numbered_images(path) if title == path.stem else {}
    values = {value for _, value in pairs}
    kinds = split_kinds(title, values)
    if not kinds and numbers and values == {"0", "1"}:  # 1 marks training images
        kinds = {"0": "test", "1": "train"}
    if not values or values - kinds.keys():
        return []
    return [(numbers.get(str(name), name), kinds[value]) for name, value in pairs]


def _pairs(path: Path) -> tuple[list[tuple[str | int, str]], str]:
    """Return the image and the split of each line as written, and the title of the splits."""
    table = TableFile(path)
    if path.suffix.lower() in LISTS and (table.is_list or not table.columns):
        parts = (line.replace(",", " ").rsplit(maxsplit=1) for line in _lines(path))
        return [(part[0].strip(), part[-1]) for part in parts], path.stem
    names = plain_names(table)
    file = file_column(table, names)
    named = [column for column in names if may_name_splits(column)]
    split = first_of(names, SPLITS) or (named[0] if len(named) == 1 else None)
    split = split or split_column(table, (file,))
    if not file or not split:
        return [], ""
    return [(image_of(table, row, file), cell(row, split)) for row in _rows(table)], split


def _numbered_images(path: Path) -> dict[str, str]:
    """Return the images in ``images.txt`` beside a list, by the numbers before them."""
    beside = path.with_name("images.txt")
    parts = (line.split(maxsplit=1) for line in _lines(beside)) if beside.is_file() else ()
    return {part[0]: part[1] for part in parts if len(part) == 2}


def _rows(table: TableFile) -> list[dict[str, object]]:
    with suppress(DataError):
        return table.rows
    return []


def _lines(path: Path) -> list[str]:
    """Return the lines of a text, without blank lines and comments; empty if it is unreadable."""
    with suppress(OSError, UnicodeError):
        if path.stat().st_size <= LARGEST:
            text = path.read_text(encoding_of(path))
            return [line.strip() for line in text.splitlines()
                    if line.strip() and not line.startswith("#")]  # fmt: skip
    return []


def _names(content: Any) -> Iterator[str]:
    """Yield the images in JSON, each followed by its class if it has one.

    They are texts, the first text of each record, or in the lists of an object.
    """
    if isinstance(content, dict):
        content = list(content.values())
        yield from (name for part in content if isinstance(part, list) for name in _names(part))
    elif isinstance(content, list):
        for one in content:
            cells = [*one.values()] if isinstance(one, dict) else one
            cells = cells if isinstance(cells, list) and cells else [cells]
            named = (
                [value for key, value in one.items() if plain_name(key) in LABELS]
                if isinstance(one, dict)
                else cells[1:]
            )
            if isinstance(cells[0], str):
                yield "\t".join([cells[0], *map(str, named[-1:])])
