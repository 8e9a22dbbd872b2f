"""Data sets of the Hugging Face hub, at one revision."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from convcompare.core.errors import ConvcompareError, DataError, UsageError, quote
from convcompare.core.failures import reason
from convcompare.core.registry import register
from convcompare.store import atomic_files

from ..dataset import Dataset, Seed, Share, Side, Sources
from ..hold_out import HoldOut
from ..sources.parquet_files import import_extra
from ..sources.parquet_splits import SplitFiles, split_files
from .parquet_set import ParquetOptions, read_parquet

_REPOSITORY = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CONVERTED = "refs/convert/parquet"
"""Revision at which the hub provides data sets of other formats as Parquet."""


@register.dataset("hf", source="the Hugging Face hub")
def hub_set(
    sources: Sources,
    path: str = "",
    config: str = "",
    size: Side | None = None,
    image: str = "",
    label: str = "",
    test: Share = 0.2,
    seed: Seed = 0,
) -> Dataset:
    """Images of the Hugging Face hub: hf:OWNER/NAME or hf:OWNER/NAME@REVISION. Needs the extra hf.

    The commit becomes part of the name, so that runs record it. Its Parquet files are stored in the
    cache; `config` selects one of several configurations. The other options are those of
    ``parquet:PATH``.
    """
    repository, _, revision = path.partition("@")
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError(f"{quote(path)} is not a data set of the hub", "hf:OWNER/NAME@REVISION")
    options = ParquetOptions(size, image, label, HoldOut(test, seed))
    cached = _cached(sources, repository, revision, config)
    if cached is None and sources.offline:
        raise DataError(
            f"hf:{path} is not on this machine, and downloads are off",
            "`hf:OWNER/NAME@COMMIT` needs no network once it is cached",
        )
    commit, files = cached or _fetched(sources, repository, revision, config)
    folder = _folder(sources, repository, commit)
    name = f"hf:{repository}@{commit}"
    return read_parquet(folder, split_files(files, name, config), name, options)


def _folder(sources: Sources, repository: str, commit: str) -> Path:
    return sources.cache / "hub" / f"{repository.replace('/', '--')}@{commit}"


def _list_file(folder: Path, config: str) -> Path:
    """Return the path of the list of a configuration's files, written when all are cached."""
    return folder.with_name(f"{folder.name}--{config.replace('/', '--')}.json")


def _cached(
    sources: Sources, repository: str, revision: str, config: str
) -> tuple[str, list[PurePosixPath]] | None:
    """Return a commit and its files if all are cached; None for a revision that may change."""
    if not _COMMIT.fullmatch(revision):
        return None
    folder = _folder(sources, repository, revision)
    try:
        names = json.loads(_list_file(folder, config).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not all((folder / name).is_file() for name in names):
        return None
    return revision, [PurePosixPath(name) for name in names]


def _fetched(
    sources: Sources, repository: str, revision: str, config: str
) -> tuple[str, list[PurePosixPath]]:
    """Download a revision into the cache; return its commit and its files."""
    hub = import_extra("huggingface_hub")
    endpoint = os.environ.get("HF_ENDPOINT")
    name = f"hf:{repository}"
    if sources.quiet:
        import_extra("huggingface_hub.utils").disable_progress_bars()
    try:
        api = hub.HfApi(endpoint=endpoint)
        info = api.dataset_info(repository, revision=revision or None)
        if not revision and not _parquet(info):
            info = api.dataset_info(repository, revision=_CONVERTED)
        splits: SplitFiles = split_files(_parquet(info), name, config)
        files = [*splits.train, *splits.test]
        if not _COMMIT.fullmatch(info.sha or ""):
            raise DataError(
                f"the hub names no commit of {name}", "check that the address is that of the hub"
            )
        folder = _folder(sources, repository, info.sha)
        for file in files:
            hub.hf_hub_download(
                repository,
                str(file),
                repo_type="dataset",
                revision=info.sha,
                local_dir=folder,
                endpoint=endpoint,
            )
    except ConvcompareError:
        raise
    except Exception as error:  # the client raises errors of many libraries
        raise DataError(
            f"the hub did not give {name}: {reason(error)}",
            "check its name, the network connection and your access to it",
        ) from error
    content = json.dumps([str(file) for file in files]).encode()
    atomic_files.write(_list_file(folder, config), content)
    return info.sha, files


def _parquet(info: Any) -> list[PurePosixPath]:
    """Return the Parquet files of a repository."""
    names = [str(one.rfilename) for one in info.siblings or ()]
    paths = [PurePosixPath(name) for name in names if name.endswith(".parquet")]
    return [path for path in paths if not path.is_absolute() and ".." not in path.parts]
