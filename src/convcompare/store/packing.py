"""A store, or some of its runs, made into a pack; and a folder made of a pack again.

Both are whole or not there. The bytes of each file are the same in both: so are those of a pack of
a folder that was made of a pack.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from convcompare.core.version import __version__

from . import atomic_files
from .check import damages_of
from .json_records import sha256, stamp
from .pack import KIND, MANIFEST, MOST_DEFLATED, VERSION, Pack
from .reader import ADDITIONS, COMPARISONS, RECORDS, REMOVED, STEP_TIMES, RunReader

COMPRESSED = ".npz"
"""What is compressed already."""
WORTH = 0.95
"""A file that deflates to more of its size is stored."""


@dataclass(frozen=True)
class Packed:
    """What was packed."""

    runs: int
    comparisons: int
    size: int


def pack(store: RunReader, run_ids: Collection[str], path: Path) -> Packed:
    """Write runs that have ended, and what belongs to them, into a file.

    The comparisons are those of which every run in the store is among them. Of all runs of the
    store, the times of steps are packed as well.

    Raises StoreError, and writes nothing, if anything of it is damaged.
    """
    for run_id in run_ids:
        for damage in damages_of(store, run_id):
            raise damage.error
    comparisons = _comparisons(store, set(run_ids))
    names = sorted([*_of_runs(store, run_ids), *comparisons, *_beside(store, run_ids)])

    def fill(file: IO[bytes]) -> None:
        digests = {}
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                data = store.files.content(store.root / name)
                digests[name] = sha256(data)
                _add(archive, name, data)
            manifest = {
                "kind": KIND,
                "pack_version": VERSION,
                "written_by": __version__,
                "runs": len(run_ids),
                "comparisons": len(comparisons),
                "sha256": digests,
            }
            _add(archive, MANIFEST, stamp(manifest))

    atomic_files.make_folder(path.parent)
    atomic_files.write(path, fill)
    return Packed(len(run_ids), len(comparisons), path.stat().st_size)


def unpack(pack: Pack, folder: Path) -> int:
    """Make a folder of a pack, which may not be there or must be empty; how many files it has.

    Raises StoreError, and leaves nothing, if anything of it is damaged.
    """
    members = pack.members  # which opens it, so that nothing is made for a file that is none
    with atomic_files.new_folder(folder) as new:
        for name in members:
            atomic_files.put(new / name, pack.content(pack.root / name))
    return len(members)


def _of_runs(store: RunReader, run_ids: Collection[str]) -> Iterator[str]:
    for run_id in run_ids:
        named = [*RECORDS, *store.recorded(run_id).sha256]
        named += [f"{ADDITIONS}/{name}" for name in store.additions(run_id)]
        for name in named:
            if store.files.exists(store.folder(run_id) / name):
                yield f"{run_id}/{name}"


def _comparisons(store: RunReader, run_ids: Collection[str]) -> list[str]:
    found = []
    for name in store.comparisons():
        record = store.comparison(name)
        ids = {one for model in record["models"] for one in model["trials"]}
        ended = {run_id for run_id in ids if store.finished(run_id)}
        if ended and ended <= set(run_ids):
            found.append(f"{COMPARISONS}/{name}.json")
    return found


def _beside(store: RunReader, run_ids: Collection[str]) -> Iterator[str]:
    """What was removed, since its results could be seen, and the times of steps."""
    for name in store.files.names(store.root / REMOVED):
        store.files.read_record(store.root / REMOVED / name)
        yield f"{REMOVED}/{name}"
    if all(run_id in run_ids for run_id in store.ids() if store.finished(run_id)):
        for key in store.step_times():
            store.step_time(key)
            yield f"{STEP_TIMES}/{key}.json"


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """The same bytes for the same data: no time, no owner."""
    info = zipfile.ZipInfo(name)  # of 1980
    info.create_system, info.external_attr = 3, 0o100644 << 16
    small = 0 if name.endswith(COMPRESSED) else len(zlib.compress(data, 9))
    deflated = small * MOST_DEFLATED >= len(data) and small < WORTH * len(data)
    info.compress_type = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    archive.writestr(info, data, compresslevel=9)
