"""Published data sets: from the cache, from the user's files, from the network, in this order.

Decoded arrays from every source are verified against one pinned fingerprint, so that all sources
are interchangeable to the byte. Only verified arrays enter the cache. Sets without a known
fingerprint are verified by the publishers' checksums of their files.
"""

from __future__ import annotations

import contextlib
import shlex
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convcompare.core import formatting
from convcompare.core.errors import DataError, StoreError, quote
from convcompare.store import atomic_files, lease

from ..dataset import Augmentation, Dataset, Sources, Splits, Statistics, fingerprint, statistics
from .array_file import read_splits, write_splits
from .download import Advance, SourceError, TimeLimits
from .npm import Origin

Reader = Callable[[Path], Splits | None]
_UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, IndexError, SyntaxError),
    *(zlib.error, tarfile.TarError, zipfile.BadZipFile, struct.error),
)


@dataclass(frozen=True)
class PublishedFiles:
    """A published data set.

    Attributes:
        name: registered name.
        title: name in messages.
        sha256: `fingerprint` of its decoded splits; None if ``read`` verifies the files by their
            publisher's checksums.
        read: decodes the files in a folder; returns None if it has none of this set.
        origins: sources on the network, in the order in which they are tried.
        system: folders of the operating system that may contain it.
        advice: further advice for the hint if it is not available.
    """

    name: str
    title: str
    sha256: str | None
    read: Reader
    origins: tuple[Origin, ...]
    system: tuple[Path, ...] = ()
    advice: str = ""

    def cached_at(self, sources: Sources) -> Path:
        """Return the path of its file in the cache."""
        return sources.cache / f"{self.name}.npz"

    @property
    def size(self) -> int:
        """Size of a download in bytes."""
        return self.origins[0].size if self.origins else 0

    def whereabouts(self, sources: Sources) -> tuple[str, bool]:
        """Return its source for tables, and whether it is on this machine; decode nothing."""
        if self.cached_at(sources).is_file():
            return "cache", True
        for folder in self.system:
            if folder.is_dir():
                return str(folder), True
        return " or ".join(origin.name for origin in self.origins), False


def published_set(
    published: PublishedFiles,
    sources: Sources,
    classes: Sequence[str],
    augmentation: Augmentation,
    normalisation: Statistics | None = None,
) -> Dataset:
    """Return a published data set with its official test split.

    Args:
        published: the data set's files.
        sources: sources of the files.
        classes: names of the classes in the order of their labels.
        augmentation: transformations that keep the class of an image.
        normalisation: mean and std; None measures them on the train split.

    Raises:
        DataError: if it is not available, or a copy on this machine is damaged.
    """
    (train, test), source = obtain(published, sources)
    mean, std = normalisation or statistics(train.images)
    return Dataset(
        name=published.name,
        train=train,
        test=test,
        classes=tuple(classes),
        mean=mean,
        std=std,
        augmentation=augmentation,
        test_split="official test split",
        source=source,
    )


def obtain(
    published: PublishedFiles, sources: Sources, limits: TimeLimits | None = None
) -> tuple[Splits, str]:
    """Return the verified splits of a published data set, and their source for tables.

    Raises:
        DataError: if no source has them, or a copy on this machine is damaged.
    """
    try:
        found = _from_cache(published, sources) or _from_disk(published, sources)
        if found:
            return found
        if sources.offline:
            raise _unavailable(published, "and downloads are off", "")
        atomic_files.make_folder(sources.cache)
        waiting = f"waiting for another process that fetches {published.title}"
        with lease.hold(
            sources.cache, f"{published.name}.lease", lambda _: print(waiting, file=sys.stderr)
        ):
            return _from_cache(published, sources) or _from_network(
                published, sources, limits or TimeLimits()
            )
    except (OSError, StoreError) as error:
        if isinstance(error, OSError):
            text = f"cannot use {quote(sources.cache)}: {error.strerror or error}"
        else:
            text = error.message
        hint = "the variable CONVCOMPARE_CACHE names another folder for data sets"
        raise DataError(f"data cache: {text}", hint) from error


def _from_cache(published: PublishedFiles, sources: Sources) -> tuple[Splits, str] | None:
    path = published.cached_at(sources)
    try:
        splits, notes = read_splits(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, IsADirectoryError):
        splits, notes = None, {}
    if splits is None or fingerprint(splits) != (published.sha256 or notes.get("sha256")):
        remedy = f"{'rm -r' if path.is_dir() else 'rm'} {shlex.quote(str(path))}"
        raise DataError(
            f"the cached copy of {published.title} is damaged: {quote(path, 300)}",
            f"{quote(remedy, 300)} and run again: it will be downloaded again",
        )
    return splits, notes.get("source", "cache")


def _from_disk(published: PublishedFiles, sources: Sources) -> tuple[Splits, str] | None:
    own = (sources.data_dir,) if sources.data_dir else ()
    for folder in (*own, *published.system):
        try:
            splits = published.read(folder)
        except _UNREADABLE as error:
            problem = quote(str(error) or type(error).__name__)
            raise _wrong_files(published, folder, f"cannot be read: {problem}") from error
        if splits and published.sha256 and fingerprint(splits) != published.sha256:
            pinned = f"differs from the pinned SHA-256 {published.sha256[:12]}…"
            raise _wrong_files(published, folder, pinned)
        if splits:
            return splits, str(folder)
    return None


def _from_network(
    published: PublishedFiles, sources: Sources, limits: TimeLimits
) -> tuple[Splits, str]:
    """Try each origin in turn, then the slow ones again with a lower minimum speed."""
    failed: dict[Origin, SourceError] = {}
    lenient = replace(limits, min_speed=limits.min_speed / 20)
    for within in (limits, lenient):
        for origin in published.origins:
            if within is limits or failed[origin].slow:
                try:
                    return _from_origin(published, origin, sources, within)
                except SourceError as error:
                    failed[origin] = error
    reasons = {origin.name: error.reason for origin, error in failed.items()}
    tried = formatting.series(f"{name} ({reason})" for name, reason in reasons.items())
    raise _unavailable(published, "and no source answered", f"tried {tried}; ")


def _from_origin(
    published: PublishedFiles, origin: Origin, sources: Sources, limits: TimeLimits
) -> tuple[Splits, str]:
    """Download, decode, verify and cache; the downloaded files are removed in any case."""
    folder = sources.cache / f"{published.name}.part"
    atomic_files.remove(folder)  # of a process that was killed
    try:
        atomic_files.make_folder(folder)
        text = f"downloading {published.name} from {origin.name}"
        with _progress(text, origin.size, sources.quiet) as advance:
            origin.fetch(folder, limits, advance)
        try:
            splits = published.read(folder)
        except _UNREADABLE:
            splits = None
        sha256 = fingerprint(splits) if splits else ""
        if splits is None or sha256 != (published.sha256 or sha256):
            raise SourceError("not the right content")
        write_splits(published.cached_at(sources), splits, source=origin.name, sha256=sha256)
    finally:
        atomic_files.remove(folder)
    return splits, origin.name


def _unavailable(published: PublishedFiles, why: str, tried: str) -> DataError:
    remedies = ["`--data-dir DIR` uses a copy that you have"]
    remedies += [published.advice] if published.advice else []
    remedies += ["`--dataset mnist-mini` needs no network"]
    hint = tried + ", ".join(remedies)
    return DataError(f"{published.title} is not on this machine {why}", hint)


def _wrong_files(published: PublishedFiles, folder: Path, problem: str) -> DataError:
    return DataError(
        f"{published.title} in {quote(folder)} {problem}",
        "replace the files there, or remove them to use another source",
    )


@contextlib.contextmanager
def _progress(text: str, size: int, quiet: bool) -> Iterator[Advance]:
    """Show a bar on stderr if that is a terminal, else one plain line."""
    if quiet:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        print(f"{text} ({formatting.size(size)})", file=sys.stderr, flush=True)
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=size)
        yield lambda count: progress.advance(task, count)
