"""Files beside the images that list those of each split, as in published data sets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convcompare.core.config import HOLD_OUT_HINT
from convcompare.core.errors import DataError, listed, quote
from convcompare.core.formatting import several

from ..data_notes import DataNote
from .class_folders import ClassFolders, check_same_classes
from .image_index import ImageIndex
from .image_walk import FolderWalk, natural_order, one_form
from .labelled_tree import WORDS, LabelledTree
from .list_files import LIST_ENDINGS, TABLES, entries_by_split, list_entries
from .split_names import SplitKind, names_several_splits, numbers_in, split_words
from .table_columns import may_be_classes
from .table_rows import MOST_TABLES

_ENOUGH = 0.5
"""Minimum share of a list's entries that name an image, for the list to be used."""
_NUMBERS = re.compile(r"[-+.\d]+(\s+[-+.\d]+)+")
_ESCAPE = "`splits=none` reads no lists"


@dataclass(frozen=True)
class SplitLists:
    """Lists of the images of splits.

    Attributes:
        files: one file, or one per split.
        splits: the split of each image.
        missing: entries that name no image.
        twice: images in two splits.
        labels: the text after each image, in files of one split.
    """

    files: tuple[Path, ...]
    splits: Mapping[Path, SplitKind]
    missing: tuple[str, ...]
    twice: tuple[Path, ...]
    labels: Mapping[Path, str]

    @property
    def title(self) -> str:
        """Other words in the names of the files, such as ``variant``, besides the split."""
        words = split_words(self.files[0].stem)
        return " ".join(words[1]) if words else ""

    @property
    def names_classes(self) -> bool:
        """Whether the texts after images may be their classes, and not several numbers."""
        values = self.labels.values()
        return may_be_classes(values) and not any(map(_NUMBERS.fullmatch, values))


class ListFiles:
    """The files of a data set that may list images; each is read once."""

    def __init__(self, walk: FolderWalk) -> None:
        self.walk = walk
        self._entries: dict[Path, Sequence[str | int]] = {}
        self._index: tuple[Sequence[Path], ImageIndex] | None = None

    @property
    def paths(self) -> list[Path]:
        """The files, ordered by name."""
        return [path for path in self.walk.others() if path.suffix.lower() in LIST_ENDINGS]

    @property
    def tables(self) -> list[Path]:
        """The tables among them, without those of folders with a table per image."""
        paths = [path for path in self.paths if path.suffix.lower() in TABLES]
        counts = Counter(path.parent for path in paths)
        return [path for path in paths if counts[path.parent] <= MOST_TABLES]

    def entries(self, path: Path) -> Sequence[str | int]:
        """Return the images that a file lists, as written, with the rest of their lines."""
        if path not in self._entries:
            self._entries[path] = list_entries(path)
        return self._entries[path]

    def index(self, images: Sequence[Path]) -> ImageIndex:
        """Return an index of images, which is kept for the next call with the same images."""
        if self._index is None or self._index[0] != images:
            self._index = (images, ImageIndex(self.walk, images))
        return self._index[1]


def labelled_by_lists(lists: ListFiles, top: Path, label: str) -> LabelledTree | None:
    """Return the images in `top` by lists with the class after each image; None without such lists.

    Args:
        lists: the lists of the data set.
        top: the folder of the images within it.
        label: selects among several kinds of lists, such as FGVC Aircraft's
            ``images_family_train.txt``, by a word of their names; or "".

    Raises:
        DataError: if `label` does not select one of several kinds, or as `by_lists` does.
    """
    walk = lists.walk
    every = [one for one in _split_lists(lists, walk.images(top))
             if one.names_classes and len(one.labels) == len(one.splits)]  # fmt: skip
    chosen = [one for one in every if not label or label == one.title]
    titles = [one.title for one in every if one.title]
    if len({tuple(one.labels.items()) for one in chosen}) > 1 and len(set(titles)) > 1:
        raise DataError(
            f"lists of several kinds of classes lie in {quote(walk.root)}: "
            f"{listed([walk.shown(one.files[0]) for one in chosen])}",
            f"{listed([f'label={title}' for title in titles])} chooses one",
        )
    if not chosen:
        return None
    classes: ClassFolders = {}
    for path in walk.images(top):
        if name := chosen[0].labels.get(path):
            classes.setdefault(one_form(name), []).append(path)
    words = ", ".join(quote(walk.shown(path)) for path in chosen[0].files)
    notes = [DataNote("layout", f"classes from {words}", serious=False)]
    return _shared_out(walk, LabelledTree(classes, None, "", notes), chosen)


def by_lists(lists: ListFiles, found: LabelledTree) -> LabelledTree:
    """Return the images in the splits of lists below the root; unchanged if there are no lists.

    Lists are:

    - files named like splits with an image, and any further text, per line (``meta/train.txt``,
      ``labels/test1.txt``, ``annotations/trainval.txt``), or with a list in JSON;
    - a JSON object with a list per split;
    - a text or table of images and splits (``list_eval_partition.txt``), or numbers of the images
      of each split in a MATLAB file (``setid.mat``);
    - ``train_test_split.txt`` of Caltech-UCSD Birds, with 1 for training images, which are numbered
      in ``images.txt`` beside it.

    Of several lists, the one with the fewest words and the lowest number in its name is used. Lists
    of which less than half of the entries name an image are ignored, and so is a table of the train
    split that gives all these images their classes.

    Raises:
        DataError: if an image is in two splits, or if the splits differ in classes.
    """
    images = [path for paths in found.train.values() for path in paths]
    whole = {table.path for table in found.tables if table.split == "train"}
    every = [one for one in _split_lists(lists, images)
             if len(one.files) == 1 or whole.isdisjoint(one.files)]  # fmt: skip
    return _shared_out(lists.walk, found, every) if every else found


def _shared_out(walk: FolderWalk, found: LabelledTree, every: Sequence[SplitLists]) -> LabelledTree:
    lists = every[0]
    words = ", ".join(quote(walk.shown(path)) for path in lists.files)
    columns = [table.label_column for table in found.tables if table.label_column]
    escape = f"`label={columns[0]},splits=none` reads no lists" if columns else _ESCAPE
    if lists.twice:
        raise DataError(
            f"{words}: {several(len(lists.twice), 'image')} in two splits: "
            f"{listed([walk.shown(path) for path in lists.twice])}",
            f"correct the lists; {escape}",
        )
    kind: SplitKind = "test" if "test" in lists.splits.values() else "val"
    train, test = (_of_split(found.train, lists, one) for one in ("train", kind))
    try:
        check_same_classes(words, ("train", train), (WORDS[kind], test))
    except DataError as error:
        raise DataError(error.message, f"{error.hint}; {escape}") from error
    notes = [DataNote("splits", f"splits from {words}", serious=False)]
    notes += _notes(walk, found, lists, words)
    others = [one.files for one in every if one.splits != lists.splits]
    if others:
        text = "other lists of splits, not read"
        names = tuple(walk.shown(path) for files in others for path in files)
        notes.append(DataNote("unread-splits", text, names, "remove those that are not meant"))
    tested = f"{WORDS[kind]} images of {quote(walk.shown(lists.files[-1]))}"
    return replace(found, train=train, test=test, test_split=tested,
                   notes=[*found.notes, *notes], lists=lists.files)  # fmt: skip


def _of_split(classes: ClassFolders, lists: SplitLists, kind: SplitKind) -> ClassFolders:
    """Return the images of each class in a split, without classes that have none there."""
    chosen = {name: [path for path in paths if lists.splits.get(path) == kind]
              for name, paths in classes.items()}  # fmt: skip
    return {name: paths for name, paths in chosen.items() if paths}


def _notes(
    walk: FolderWalk, found: LabelledTree, lists: SplitLists, words: str
) -> Iterable[DataNote]:
    """Yield notes on images and lines that are not used."""
    if {"val", "test"} <= {*lists.splits.values()}:
        names = lists.files if len(lists.files) == 1 else lists.files[1:-1]
        those = ", ".join(quote(walk.shown(path)) for path in names)
        text = f"the validation images of {those} are not used: there is a test split"
        yield DataNote("unused", text, hint=HOLD_OUT_HINT)
    rest = tuple(walk.shown(path) for paths in found.train.values() for path in paths
                 if path not in lists.splits)  # fmt: skip
    if rest:
        text = f"{several(len(rest), 'image')} that {words} do not name, not used"
        yield DataNote("unnamed", text, rest, f"add them to the lists; {_ESCAPE}")
    if lists.missing:
        text = f"{several(len(lists.missing), 'line')} of {words} without an image, not used"
        yield DataNote("missing-files", text, lists.missing, "add what is missing")


def _split_lists(lists: ListFiles, images: Sequence[Path]) -> list[SplitLists]:
    """Return the lists that divide `images` into train and another split, the best first."""
    walk, files = lists.walk, lists.paths
    if not files:
        return []
    index = lists.index(images)
    found = [
        _looked_up(walk, index, tuple(group.values()),
                   [(path, name, kind) for kind, path in group.items()
                    for name in lists.entries(path)])
        for group in _groups(walk, files)
    ]  # fmt: skip
    tables = set(lists.tables)
    for path in files:
        if path in tables or names_several_splits(path.stem):
            entries = [(path, name, kind) for name, kind in entries_by_split(path)]
            found.append(_looked_up(walk, index, (path,), entries))
    return [one for one in found if one]


def _groups(walk: FolderWalk, files: Iterable[Path]) -> list[Mapping[SplitKind, Path]]:
    """Return groups of files in a folder whose names differ only in the split, including train.

    ``trainval`` is the train split if there is no ``train``.
    """
    groups: dict[tuple[object, ...], dict[SplitKind, Path]] = {}
    alone: dict[tuple[Path, str], list[tuple[SplitKind, Path]]] = {}
    for path in sorted(files, key=lambda path: (len(path.name), natural_order(walk.shown(path)))):
        words = split_words(path.stem)
        if words:
            alone.setdefault((path.parent, path.suffix.lower()), []).append((words[0], path))
            key = (len(words[1]), numbers_in(path.stem), words[1],
                   natural_order(walk.shown(path.parent)),
                   LIST_ENDINGS.index(path.suffix.lower()))  # fmt: skip
            groups.setdefault(key, {}).setdefault(words[0], path)
    chosen = [group for _, group in sorted(groups.items()) if {*group} > {"train"}]
    named = {path for group in chosen for path in group.values()}
    for pairs in alone.values():  # one of each, whatever else their names say
        if {kind for kind, _ in pairs} > {"train"} and len(dict(pairs)) == len(pairs):
            chosen += [dict(pairs)] if named.isdisjoint(path for _, path in pairs) else []
    order: tuple[SplitKind, ...] = ("train", "val", "test")
    return [{kind: group[kind] for kind in order if kind in group} for group in chosen]


def _looked_up(
    walk: FolderWalk,
    index: ImageIndex,
    files: tuple[Path, ...],
    entries: Sequence[tuple[Path, str | int, SplitKind]],
) -> SplitLists | None:
    """Return the images that entries name; None if too few name one, or there is one split."""
    splits: dict[Path, SplitKind] = {}
    missing: list[str] = []
    twice: list[Path] = []
    labels: dict[Path, str] = {}
    for file, name, kind in entries:
        found = index.at_the_start(name, walk.shown(file.parent))
        if found is None:
            missing.append(str(name))
        elif splits.setdefault(found[0], kind) != kind:
            twice.append(found[0])
        elif found[1]:
            labels[found[0]] = found[1]
    few = len(entries) - len(missing) < _ENOUGH * len(entries)
    if few or not (twice or {*splits.values()} > {"train"}):
        return None
    return SplitLists(files, splits, tuple(missing), tuple(twice), labels)
