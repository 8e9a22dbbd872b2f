"""Which Parquet files are of which split and configuration, by their names."""

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
