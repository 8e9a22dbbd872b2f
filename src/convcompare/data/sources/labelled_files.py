"""Find the images that tables of labels name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from convcompare.core.errors import DataError, listed, quote
from convcompare.core.formatting import several

from ..data_notes import DataNote
from .image_index import ImageIndex
from .image_walk import FolderWalk, one_form
from .label_table import LabelRow, LabelTable
from .matlab_files import MATLAB, matlab_class_names
from .split_names import SplitKind
from .table_rows import MOST_TABLES

Labelled = dict[SplitKind | None, dict[str, list[Path]]]
"""Images by split and class; None for those of no split."""


@dataclass
class LabelledFiles:
    """The images that tables name, by split and class.

    Attributes:
        places: folders of splits, which determine the split of images without one in a table.
        found: the images.
        notes: notes on rows that could not be used.
    """

    places: Sequence[tuple[Path, SplitKind]] = ()
    found: Labelled = field(default_factory=dict)
    notes: list[DataNote] = field(default_factory=list)
    _labels: dict[tuple[SplitKind | None, Path], tuple[str, Path]] = field(default_factory=dict)
    """Class of each image in a split, and the table that gives it."""

    def add(
        self, table: LabelTable, walk: FolderWalk, pool: Sequence[Path], split: SplitKind | None
    ) -> None:
        """Find the images of a table.

        Args:
            table: the table.
            walk: the folder of the data set.
            pool: images among which those of the table are found.
            split: the split of the whole table; None if its rows have splits, or there are none.

        Raises:
            DataError: if no image is found, a name fits several images, or rows of this table or of
                another one of the split give an image different classes or splits.
        """
        index, base = ImageIndex(walk, pool), walk.shown(table.path.parent)
        known: dict[Path, LabelRow] = {}
        missing: list[str] = []
        blank: list[str] = []
        for row in table.rows(split):
            matches = index.find(row.file, base)
            if not row.label:
                blank.append(str(row.file))
            elif not matches:
                missing.append(str(row.file))
            elif len(matches) > 1:
                raise DataError(
                    f"{quote(row.file)} in {quote(table.path)} fits several images: "
                    f"{listed([walk.shown(path) for path in matches])}",
                    "write the path of each image from the folder of the table",
                )
            else:
                self._put(table, matches[0], row, known)
        _check_found(table, walk, pool, len(known), missing)
        name = quote(walk.shown(table.path))
        for kind, names, noun, what in (
            ("missing-files", missing, "image", f"that {name} names and that cannot be found"),
            ("no-class", blank, "row", f"of {name} without a class"),
        ):
            if names:
                text = f"{several(len(names), noun)} {what}, not used"
                self.notes.append(DataNote(kind, text, tuple(names), "add what is missing"))

    def _put(
        self, table: LabelTable, path: Path, row: LabelRow, known: dict[Path, LabelRow]
    ) -> None:
        before = known.setdefault(path, row)
        if (before.label, before.split) != (row.label, row.split):
            raise DataError(
                f"{quote(table.path)} names {quote(row.file)} twice, as {quote(before.label)} "
                f"and as {quote(row.label)}",
                "cut out the box of each object: an image of its own per object"
                if table.has_boxes
                else "each image has one class and one split",
            )
        if before is row:
            place = (kind for folder, kind in self.places if path.is_relative_to(folder))
            self._add_to(row.split or next(place, None), table.path, path, one_form(row.label))

    def _add_to(self, split: SplitKind | None, table: Path, path: Path, label: str) -> None:
        """Add an image to a class, unless another table has done so."""
        other, where = self._labels.setdefault((split, path), (label, table))
        if other != label:
            raise DataError(
                f"{quote(path)} is {quote(other)} in {quote(where.name)} and {quote(label)} in "
                f"{quote(table.name)}",
                "keep one of these tables",
            )
        if where == table:
            self.found.setdefault(split, {}).setdefault(label, []).append(path)

    def name_classes(self, walk: FolderWalk, tables: Iterable[LabelTable]) -> None:
        """Give classes that MATLAB files number from 1 the names in one of these files, if any."""
        files = [path for path in walk.others() if path.suffix.lower() == MATLAB]
        numbers = {label for split in self.found.values() for label in split}
        if not all(table.path in files for table in tables) or len(files) > MOST_TABLES:
            return
        named = {names: path for path in files if (names := _class_names(path))}
        if len(named) != 1:
            return
        ((names, path),) = named.items()
        known = {str(number): one_form(name) for number, name in enumerate(names, start=1)}
        if numbers <= known.keys() and len({*known.values()}) == len(known):
            self.found = {kind: {known[label]: paths for label, paths in split.items()}
                          for kind, split in self.found.items()}  # fmt: skip
            text = f"names of the classes from {quote(walk.shown(path))}"
            self.notes.append(DataNote("layout", text, serious=False))

    @property
    def count(self) -> int:
        """Number of images that the tables name."""
        return sum(len(paths) for split in self.found.values() for paths in split.values())

    def unnamed(self, walk: FolderWalk, pool: Iterable[Path]) -> list[DataNote]:
        """Return a note on the images of `pool` that no table names."""
        named = {
            path for split in self.found.values() for group in split.values() for path in group
        }
        rest = tuple(walk.shown(path) for path in pool if path not in named)
        if not rest:
            return []
        text = f"{several(len(rest), 'image')} that no table names, not used"
        return [DataNote("unnamed", text, rest, "add them to the table, or move them away")]


def _check_found(
    table: LabelTable, walk: FolderWalk, pool: Sequence[Path], found: int, missing: Sequence[str]
) -> None:
    """Raise DataError for a table that names no image, or not each image of `pool` by its place.

    Args:
        table: the table.
        walk: the folder of the data set.
        pool: images among which those of the table were found.
        found: number of images that the table names and that were found.
        missing: names of those that were not found.
    """
    if table.table.by_place and (missing or found < len(pool)):
        raise DataError(
            f"{quote(table.path)} has classes of {several(found + len(missing), 'image')} "
            f"in their order, and the names of {several(len(pool), 'image')} do not number "
            f"them from 1, as {quote(walk.shown(pool[0]))}",
            "move other images out of the folder, or write a table with columns file and label",
        )
    if not found and not missing:
        raise DataError(
            f"no row of {quote(table.path)} names a file and, in its column "
            f"{quote(table.label_column)}, a class",
            "`label=COLUMN` names another column of classes",
        )
    if not found:
        raise DataError(
            f"none of the images that {quote(table.path)} names is there, as {listed(missing, 1)}",
            "the paths of the images start at the folder of the table; "
            f"there is {quote(os.path.relpath(pool[0], table.path.parent))}",
        )


def _class_names(path: Path) -> tuple[str, ...]:
    """Return the names of classes in a MATLAB file; empty if it has none or cannot be read."""
    with suppress(ValueError):
        return tuple(matlab_class_names(path))
    return ()
