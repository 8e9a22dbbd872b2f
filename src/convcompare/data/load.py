"""Load data sets by their spec, and list them without loading."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convcompare.core.errors import DataError, UsageError, did_you_mean, quote, typed
from convcompare.core.registry import register
from convcompare.core.spec import Option, Spec, bind, format_value

from .channels import OPTION, with_channels
from .dataset import Dataset, Sources
from .sources.fetch import PublishedFiles
from .sources.missing_path import check_there
from .sources.other_formats import reads_instead

_OWN_FILES = ("folder", "npz", "parquet")
_PATH_PREFIXES = (*_OWN_FILES, "arrays", "torchvision", "hf")


def default_cache() -> Path:
    """Return the folder for downloads: ``CONVCOMPARE_CACHE``, else the user's cache folder."""
    own = os.environ.get("CONVCOMPARE_CACHE")
    if own:
        return Path(own).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("convcompare"))


def default_sources(data_dir: Path | None = None, quiet: bool = False) -> Sources:
    """Return sources with the default cache, and the user's own folder if there is one."""
    return Sources(default_cache(), data_dir, quiet=quiet)


def load_recorded(text: str, sha256: str, sources: Sources, runs: str = "these runs") -> Dataset:
    """Return the data set of recorded runs.

    Args:
        text: spec of the data set.
        sha256: SHA-256 of its decoded arrays, in hex.
        sources: sources of its files.
        runs: description of the runs in errors.

    Raises:
        UsageError: if the spec is invalid.
        DataError: if the images are not available, or their SHA-256 is another.
    """
    own = text.partition(":")[0] in _OWN_FILES
    try:
        dataset = load_dataset(text, sources)
    except DataError as error:
        if not own:
            raise
        raise DataError(
            f"the images of {runs} cannot be read: {error.message}",
            f"put them where {quote(text)} is; a relative path starts at the current folder",
        ) from error
    if dataset.sha256 != sha256:
        raise DataError(
            f"the images of {quote(text)} are not those of {runs}",
            "they have changed since: put back the former ones, or run the comparison again"
            if own
            else "use the `--data-dir` of that run",
        )
    return dataset


def load_dataset(text: str, sources: Sources) -> Dataset:
    """Return the data set of a spec; its name is the canonical form of the spec.

    Args:
        text: a spec, such as ``mnist``, ``mnist:channels=3``, ``shapes:seed=1`` or
            ``folder:/data/birds:size=64``.
        sources: sources of its files.

    Raises:
        UsageError: if the spec is invalid or lacks its path.
        DataError: if the data are not available or not as expected, or if the data folder of
            `sources` does not exist.
    """
    spec = Spec.parse(text)
    given: dict[str, str] = {}
    prefix, colon, path = spec.name.partition(":")
    if colon and prefix in _PATH_PREFIXES:
        spec, given = Spec(prefix, spec.options), {"path": path}
    if spec.name not in register.dataset:
        _refuse_path(spec.name)
    entry = register.dataset[spec.name]
    options = entry.options(("sources", *given))
    if spec.name in _OWN_FILES and not path:
        raise UsageError(f"{quote(text)} names no path", f"{spec.name}:PATH")
    _check_path(text, path, options)
    if spec.name in _OWN_FILES:
        check_there(spec.name, path)
        given["path"] = str(Path(path))  # `photos/` and `./photos` are `photos`
    own = "channels" in options
    options = {OPTION.name: OPTION, **options}
    values = bind(spec, options)
    _check_data_dir(sources.data_dir)
    arguments = {name: value for name, value in values.items() if own or name != OPTION.name}
    dataset: Dataset = entry.function(sources, **given, **arguments)
    if not own:
        if values[OPTION.name] == dataset.channels:
            values[OPTION.name] = None  # not part of the canonical spec
        dataset = with_channels(dataset, values[OPTION.name])
    name = dataset.name if given else spec.name  # sets of the hub add the commit
    return replace(dataset, name=_canonical(name, options, values))


def _check_data_dir(folder: Path | None) -> None:
    if folder and not folder.is_dir():
        raise DataError(
            f"the data folder {quote(folder)} is not a folder",
            "`--data-dir DIR` names a folder that holds data sets in torchvision's layout",
        )


def _refuse_path(name: str) -> None:
    """Raise UsageError with a correct spec if a name is a path or has a misspelt prefix."""
    prefix, colon, _ = name.partition(":")
    right = did_you_mean(prefix, _PATH_PREFIXES) if colon else None
    if _exists(name):
        kind = {".npz": "npz", ".parquet": "parquet"}.get(Path(name).suffix, "folder")
        other = reads_instead([Path(name)]) if Path(name).is_file() and kind == "folder" else ""
        right = other or f"{typed(f'{kind}:{name}')} reads your own images"
    if right:
        raise UsageError(f"there is no data set {quote(name)}", right)


def _check_path(text: str, path: str, options: Collection[str]) -> None:
    """Raise UsageError if a path contains options, as in ``folder:birds:size=64:test=0.3``."""
    known = "|".join(options)
    found = re.search(rf"[:,](?:{known})=", path)
    if not known or not found or _exists(path):
        return
    start = len(text.partition(":")[0]) + 1 + found.start()
    joined = re.sub(rf":(?=(?:{known})=)", ",", text[start + 1 :])
    raise UsageError(
        f"the options of {quote(text)} are not put right",
        f"one colon before the first, commas between them: {quote(f'{text[:start]}:{joined}')}",
    )


def _exists(path: str) -> bool:
    """Return whether a path exists; False for text that is not a valid path."""
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        return Path(path).expanduser().exists()
    return False


def _canonical(name: str, options: dict[str, Option], values: dict[str, Any]) -> str:
    """Return the spec with the options that differ from their defaults, in declared order."""
    changed = ((key, value) for key, value in values.items() if value != options[key].default)
    return str(Spec(name, tuple((key, format_value(value)) for key, value in changed)))


@dataclass(frozen=True)
class DatasetStatus:
    """Facts about a data set for the listing.

    Attributes:
        name: registered name.
        summary: description in one line.
        channels: channels per image; like the next four, None if it depends on the user's files.
        image_size: side of the images in pixels.
        classes: number of classes.
        train: number of training images.
        test: number of test images.
        size: size in bytes of the shipped file or of the download; 0 without either.
        source: source of the files.
        cached: whether it loads without the network, apart from the user's data folder.
    """

    name: str
    summary: str
    channels: int | None
    image_size: int | None
    classes: int | None
    train: int | None
    test: int | None
    size: int
    source: str
    cached: bool


def list_datasets(sources: Sources) -> list[DatasetStatus]:
    """Return the status of every registered data set, without decoding or downloading any."""
    return [_status(entry.name, entry.summary, entry.info, sources) for entry in register.dataset]


def _status(name: str, summary: str, info: Any, sources: Sources) -> DatasetStatus:
    facts = {key: info.get(key) for key in ("channels", "image_size", "classes", "train", "test")}
    published = info.get("published")
    source, cached, size = str(info.get("source", "")), True, int(info.get("size", 0))
    if isinstance(published, PublishedFiles):
        size = published.size
        source, cached = published.whereabouts(sources)
    return DatasetStatus(
        name=name, summary=summary, size=size, source=source, cached=cached, **facts
    )
