"""Splits and configurations of Parquet files, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from convcompare.core.errors import DataError, UsageError, did_you_mean, quote

from .split_names import SplitKind, split_words

_SHARD = re.compile(
    r"(?P<split>.*?)[-_.](?P<number>\d+)[-_]of[-_](?P<count>\d+)(?:[-_.][0-9a-f]+)?"
)
_Files = dict[SplitKind | None, dict[tuple[str, ...], list[PurePosixPath]]]
"""Files by their split and the other words of its name."""


@dataclass(frozen=True)
class SplitFiles:
    """Files of the splits.

    Attributes:
        train: files of the training split.
        test: files of the test split; empty if there is none.
        words: description of the test split.
        unread: files of a validation split that is not used.
    """

    train: tuple[PurePosixPath, ...]
    test: tuple[PurePosixPath, ...]
    words: str
    unread: tuple[PurePosixPath, ...] = ()


def split_files(paths: Iterable[PurePosixPath], name: str, config: str = "") -> SplitFiles:
    """Return the files of each split, by their names or those of their folders.

    Examples are ``train-00000-of-00002.parquet``, ``data/test.parquet`` and
    ``plain_text/train/0000.parquet``. Files without a split in their names are a training split.

    Args:
        paths: paths of Parquet files, relative to the data set.
        name: name of the data set in errors.
        config: the configuration to read; "" for the only one.

    Raises:
        UsageError: if there is no such configuration, or several and none is selected.
        DataError: if files or the training split are missing.
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
        what = f"no configuration {quote(config)}" if config else f"{len(configs)} configurations"
        raise UsageError(
            f"{quote(name)} has {what}", did_you_mean(config, configs) or f"choose one of {known}"
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
    """Return the configuration of a file, its split, and the other words of the split's name."""
    shard = _SHARD.fullmatch(path.stem)
    folders = [part for part in path.parent.parts if part != "data"]
    words = split_words(shard["split"] if shard else path.stem)
    if words is None and folders and (words := split_words(folders[-1])):
        folders.pop()
    return "/".join(folders), *(words or (None, ()))


def _chosen(files: Mapping[tuple[str, ...], list[PurePosixPath]], name: str) -> list[PurePosixPath]:
    """Return the files of a kind of split: those with a plain name, or the only ones.

    ``train`` is read, ``train_extra`` beside it is not.
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
    """Raise DataError if numbered files of a split are missing."""
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
