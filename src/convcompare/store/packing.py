"""Packing of a store, or some of its runs, and unpacking into a folder. Both are atomic.

The bytes of every file are the same in the folder and in the pack. Packing an unpacked folder
again gives the same pack.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from convcompare.core.errors import StoreError, quote
from convcompare.core.version import __version__

from . import atomic_files, layout
from .check import damages_of
from .json_fields import to_record
from .json_records import sha256, stamp
from .omission import Omission, kept_digests, replacement
from .pack import KIND, MANIFEST, MEMBER, MOST_DEFLATED, VERSION, Pack
from .reader import RunReader

COMPRESSED = ".npz"
"""Suffix of files that are compressed already."""
WORTH = 0.95
"""Files that deflate to at least this share of their size are stored."""


PARTS = (layout.WEIGHTS, layout.LOGITS)
"""Files of a run that may be omitted, in addition to those of its analyses."""


@dataclass(frozen=True)
class Packed:
    """Contents of a written pack: numbers of runs and comparisons, and its size in bytes."""

    runs: int
    comparisons: int
    size: int


def pack(
    store: RunReader,
    run_ids: Collection[str],
    path: Path,
    without: Collection[str] = (),
    first_seed: Collection[str] = (),
) -> Packed:
    """Write ended runs and their comparisons into a pack.

    A comparison is included if all its ended runs are packed. Step times are included if all ended
    runs of the store are, and records of removed runs always. Omitted logits are replaced by the
    predicted classes, omitted features by the channel means of the first activation.

    Args:
        store: Store of the runs.
        run_ids: Ids of ended runs.
        path: Path of the pack.
        without: Files to omit from every run, by their names in its record.
        first_seed: Files to omit from all seeds of a network except its smallest.

    Raises:
        StoreError: if one of the files is damaged; nothing is written.
    """
    for run_id in run_ids:
        for damage in damages_of(store, run_id):
            raise damage.error
    comparisons = _comparisons(store, set(run_ids))
    entries = dict[str, bytes | None].fromkeys([*comparisons, *_beside(store, run_ids)])
    first, named = _first_seeds(store, run_ids), {*without, *first_seed}
    for run_id in run_ids:
        entries |= _of_run(store, run_id, set(without) if run_id in first else named)
    _check_names(entries)

    def fill(file: IO[bytes]) -> None:
        digests = {}
        with zipfile.ZipFile(file, "w") as archive:
            for name, made in sorted(entries.items()):
                data = store.files.content(store.root / name) if made is None else made
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


def _check_names(names: Iterable[str]) -> None:
    """Raise StoreError for a name that a pack cannot have."""
    for name in names:
        if not MEMBER.fullmatch(name):
            raise StoreError(
                f"{quote(name)} cannot be packed by that name", "letters, digits and `.-_` can"
            )


def part_of(name: str) -> str:
    """Return the name of a file of a run in messages: ``weights``, ``logits`` or an analysis."""
    words = {layout.WEIGHTS: "weights", layout.LOGITS: "logits"}
    return words.get(name, name.removeprefix(f"{layout.ANALYSES}/").removesuffix(".npz"))


def unpack(pack: Pack, folder: Path) -> int:
    """Unpack into a folder, which must be missing or empty, and return the number of files.

    Raises:
        StoreError: if a member is damaged or the folder is not empty; nothing is left behind.
    """
    members = pack.members  # raises before a folder is created if the file is not a pack
    with atomic_files.new_folder(folder) as new:
        for name in members:
            atomic_files.put(new / name, pack.content(pack.root / name))
    return len(members)


def _first_seeds(store: RunReader, run_ids: Iterable[str]) -> set[str]:
    """Return the run of the smallest seed of each network."""
    first: dict[str, tuple[int, str]] = {}
    for run_id in run_ids:
        trial = store.trial(run_id)
        one = (trial.seed, run_id)
        first[trial.network_id] = min(one, first.get(trial.network_id, one))
    return {run_id for _, run_id in first.values()}


def _of_run(store: RunReader, run_id: str, out: Collection[str]) -> dict[str, bytes | None]:
    """Return the files of a run by their names in a pack.

    The value is None for files of the store, and the bytes of those that only the pack has.
    """
    omission, made = _omission(store, run_id, out)
    named = [*layout.RECORDS, *kept_digests(store.kept(run_id).sha256, omission)]
    named += [f"{layout.ADDITIONS}/{name}" for name in store.additions(run_id)]
    there = [name for name in named if store.files.exists(store.folder(run_id) / name)]
    return {f"{run_id}/{name}": None for name in there} | {
        f"{run_id}/{name}": data for name, data in made.items()
    }


def _omission(
    store: RunReader, run_id: str, out: Collection[str]
) -> tuple[Omission | None, dict[str, bytes]]:
    """Return the omission of a run after `out` is omitted too, and the new files that it needs."""
    from .npz import to_npz

    before, run = store.omission(run_id), store.kept(run_id)
    left_out = [name for name in run.sha256 if name in out]
    made: dict[str, bytes] = {}
    if layout.LOGITS in left_out:
        classes = replacement(store.predictions(run))
        if classes:
            made[layout.CLASSES] = to_npz(classes.to_arrays())
        else:
            left_out.remove(layout.LOGITS)
    features = layout.analysis_file(layout.FEATURES)
    means = store.channel_means(run) if features in left_out else None
    if means is not None:
        made[layout.CHANNEL_MEANS] = to_npz({"channel_means": means})
    if not left_out:
        return before, {}
    earlier = before or Omission(run_id, (), {})
    digests = {**earlier.sha256, **{name: sha256(data) for name, data in made.items()}}
    omission = Omission(run_id, tuple(sorted({*earlier.left_out, *left_out})), digests)
    return omission, made | {layout.OMISSION: stamp(to_record(omission))}


def _comparisons(store: RunReader, run_ids: Collection[str]) -> list[str]:
    found = []
    for name in store.comparisons():
        record = store.comparison(name)
        ended = {run_id for run_id in layout.run_ids(record) if store.finished(run_id)}
        if ended and ended <= set(run_ids):
            found.append(f"{layout.COMPARISONS}/{name}.json")
    return found


def _beside(store: RunReader, run_ids: Collection[str]) -> Iterator[str]:
    """Yield the records of removed runs, whose results may have been seen, and of step times."""
    for name in store.files.names(store.root / layout.REMOVED):
        store.files.read_record(store.root / layout.REMOVED / name)
        yield f"{layout.REMOVED}/{name}"
    if all(run_id in run_ids for run_id in store.ids() if store.finished(run_id)):
        for key in store.records_of(layout.STEP_TIMES):
            store.step_time(key)
            yield f"{layout.STEP_TIMES}/{key}.json"


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add a member without time or owner, so that the same data give the same bytes."""
    info = zipfile.ZipInfo(name)  # dated 1980-01-01
    info.create_system, info.external_attr = 3, 0o100644 << 16
    small = 0 if name.endswith(COMPRESSED) else len(zlib.compress(data, 9))
    deflated = small * MOST_DEFLATED >= len(data) and small < WORTH * len(data)
    info.compress_type = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    archive.writestr(info, data, compresslevel=9)
