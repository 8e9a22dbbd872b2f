"""The user's own images: a folder of class folders."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Literal

import numpy as np

from convcompare.core.errors import DataError, StoreError, listed, printable, quote, shortened
from convcompare.core.formatting import several
from convcompare.core.registry import register
from convcompare.store.atomic_files import make_folder

from ..data_notes import DataNote, from_text, to_text
from ..dataset import Dataset, Seed, Share, Side, Sources, Split, Splits, fingerprint, statistics
from ..examine import examine
from ..hold_out import HoldOut
from ..sources.array_file import read_splits, write_splits
from ..sources.file_notes import file_notes
from ..sources.image_decode import DecodedImages, decode_images
from ..sources.image_tree import ClassLevel, Files, ImageTree, SplitNames, read_tree
from ..sources.memory_room import check_room

_VERSION = "14"
"""Part of the key of cached images, to be changed with decoding or its notes."""
_NAMED = 10
"""Number of broken files that an error names."""


class UnreadableImages(DataError):
    """Raised if files cannot be read as images; ``broken=skip`` leaves them out."""


@register.dataset("folder", source="your images")
def image_folder(
    sources: Sources,
    path: str = "",
    size: Side = 32,
    channels: Literal[3, 1] = 3,
    test: Share = 0.2,
    seed: Seed = 0,
    splits: SplitNames = "auto",
    label: str = "",
    names: str = "",
    classes: ClassLevel = "outer",
    broken: Literal["refuse", "skip"] = "refuse",
) -> Dataset:
    """Your own images: folder:PATH with train/CLASS/… and test/CLASS/…, CLASS/…, or a table.

    Splits may have any of their usual names. Networks are tested on the test split, which leaves a
    validation split unused, or without one on the validation split. Without either, a share `test`
    of each class is held out, selected by `seed`. A table (CSV, TSV, JSON lines) lists files and
    classes; `label` names its column of classes if the name is not a usual one.
    Lists of the images of each split (``train.txt`` and ``test.txt``) make the splits.
    ``names=CLASS_NUMBER`` (or ANY_CLASS …) reads classes from file names. ``classes=inner`` reads
    the folders that images lie in as classes, and not those around them. ``splits=none`` reads
    folders called train or test as classes.

    Images are scaled to `size`; unreadable ones are an error, or left out with ``broken=skip``.
    Mean and std are measured on the train split. Decoded images are cached until a file changes.

    Raises:
        DataError: if the folder or an image in it cannot be used.
    """
    tree = read_tree(path, splits, label, names, classes)
    hold_out, unused = HoldOut(test, seed), list[DataNote]()
    if tree.test is None:
        train, held_out = _divided(tree, hold_out)
        words = hold_out.words
    else:
        train, held_out = tree.train, tree.test
        words, unused = tree.test_split, hold_out.unused()
    decoded, notes = _decoded(tree, (train, held_out), size, channels, broken == "skip", sources)
    mean, std = statistics(decoded[0].images)
    links = f", without {several(tree.outside, 'link')} to outside of it" if tree.outside else ""
    return Dataset(
        name=f"folder:{path}",
        train=decoded[0],
        test=decoded[1],
        classes=tuple(map(shortened, tree.classes)),
        mean=mean,
        std=std,
        augmentation="flip-crop",
        test_split=words,
        source=f"images in {quote(path)}{links}",
        notes=(*tree.notes, *unused, *notes),
    )


def _divided(tree: ImageTree, hold_out: HoldOut) -> tuple[Files, Files]:
    """Return the files of each class for training and for testing."""
    sizes = [len(files) for files in tree.train]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    chosen = hold_out.rows(labels, quote(tree.root), tree.classes.__getitem__)
    classes = list(zip(tree.train, np.split(chosen, np.cumsum(sizes)[:-1]), strict=True))
    train = tuple(tuple(compress(files, ~rows)) for files, rows in classes)
    return train, tuple(tuple(compress(files, rows)) for files, rows in classes)


def _decoded(
    tree: ImageTree,
    parts: tuple[Files, Files],
    size: int,
    channels: int,
    skip: bool,
    sources: Sources,
) -> tuple[Splits, tuple[DataNote, ...]]:
    """Return the splits and their notes, from the cache if no file has changed."""
    key = _key(tree, parts, size, channels, skip)
    cached = sources.cache / "folders" / f"{key}.npz"
    with contextlib.suppress(OSError, ValueError):
        splits, texts = read_splits(cached)
        if (texts.get("key"), texts.get("sha256")) == (key, fingerprint(splits)):
            return splits, from_text(texts.get("notes", ""))
    files = [file for part in parts for group in part for file in group]
    names = [printable(file.relative_to(tree.root).as_posix()) for file in files]
    check_room(f"folder:{tree.root}", len(files), (channels, size, size))
    decoded = decode_images(files, size, channels)
    if not skip:
        _check_readable(decoded, names, tree.root)
    splits, split_names = _as_splits(decoded, parts, names)
    classes = tuple(map(shortened, tree.classes))
    _check_filled(splits, classes, tree.root, decoded)
    files_found = file_notes(decoded.facts, names, _labels(parts, classes), size, decoded.scalings)
    notes = (*examine(splits, classes, split_names), *files_found)
    with contextlib.suppress(StoreError):  # without a cache, the next call takes longer
        make_folder(cached.parent)
        write_splits(cached, splits, key=key, sha256=fingerprint(splits), notes=to_text(notes))
    return splits, notes


def _labels(parts: tuple[Files, Files], classes: Sequence[str]) -> list[str]:
    """Return the class of each file of both splits."""
    return [name for part in parts for name, group in zip(classes, part, strict=True)
            for _ in group]  # fmt: skip


def _as_splits(
    decoded: DecodedImages, parts: tuple[Files, Files], names: Sequence[str]
) -> tuple[Splits, tuple[list[str], list[str]]]:
    """Return the readable images as train and test split, and their names."""
    readable = np.array([not one.reason for one in decoded.facts], bool)
    found, shown, start = [], [], 0
    for part in parts:
        labels = np.repeat(np.arange(len(part), dtype=np.int64), [len(group) for group in part])
        here = slice(start, start + len(labels))
        start += len(labels)
        images = decoded.images[here]
        kept = readable[here]
        found.append(Split(images if kept.all() else images[kept], labels[kept]))
        shown.append([name for name, good in zip(names[here], kept, strict=True) if good])
    return (found[0], found[1]), (shown[0], shown[1])


def _check_readable(decoded: DecodedImages, names: Sequence[str], root: Path) -> None:
    broken = {
        name: one.reason for name, one in zip(names, decoded.facts, strict=True) if one.reason
    }
    if broken:
        raise UnreadableImages(
            f"{several(len(broken), 'file')} cannot be read: {listed(list(broken), _NAMED)}",
            f"{_reasons(decoded)}: convert, replace or remove what is broken in {quote(root)}; "
            "`broken=skip` leaves it out",
        )


def _reasons(decoded: DecodedImages) -> str:
    """Return the first three reasons why files cannot be read."""
    return ", or ".join(sorted({one.reason for one in decoded.facts if one.reason})[:3])


def _check_filled(
    splits: Splits, classes: Sequence[str], root: Path, decoded: DecodedImages
) -> None:
    for split, where in zip(splits, ("train", "test"), strict=True):
        counts = np.bincount(split.labels, minlength=len(classes))
        if not counts.all():
            name = quote(classes[int(counts.argmin())])
            raise DataError(
                f"class {name} in {quote(root)} has no {where} image that can be read",
                f"{_reasons(decoded)}: convert or replace its images, or remove the folder",
            )


def _key(tree: ImageTree, parts: tuple[Files, Files], size: int, channels: int, skip: bool) -> str:
    digest = hashlib.sha256(f"{_VERSION} {size} {channels} {skip} {tree.classes}".encode(
        "utf-8", "surrogateescape"))  # fmt: skip
    for number, part in enumerate(parts):
        for label, files in enumerate(part):
            for file in files:
                name = file.relative_to(tree.root).as_posix()
                digest.update(f"\0{number} {label} {_version(file)} ".encode())
                digest.update(name.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _version(file: Path) -> str:
    """Return what changes with a file's content; empty if missing, which decoding reports."""
    try:
        state = file.stat()
    except OSError:
        return ""
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}"
