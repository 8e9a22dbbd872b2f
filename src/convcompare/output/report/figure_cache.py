"""Cache of drawn figures by their content, so that only changed ones are drawn again.

The key of a figure is the SHA-256 of everything that it is drawn from: the comparison with the
records of its runs, which contain the digests of their files; later measurements of the runs; the
source files of this package; the versions of the drawing libraries, and their settings. Figures and
metrics of plugins have no such key and are not cached.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from convcompare.core.errors import ConvcompareError, StoreError
from convcompare.core.registry import register
from convcompare.store import atomic_files

from ..plots.rendered import RenderedFigure
from ..plots.source import Source

MOST_BYTES = 256_000_000
"""Maximum size of the cache; beyond it, the least recently used figures are removed."""
LIBRARIES = ("matplotlib", "numpy", "scipy", "pillow")
_PACKAGE = Path(__file__).parents[2]
_ENDING = ".figures"


@dataclass(frozen=True)
class FigureCache:
    """A folder of drawn figures. Figures that cannot be read or written are drawn again."""

    folder: Path

    def get(self, key: str) -> tuple[RenderedFigure, ...] | None:
        """Return the figures of a key; None if they are missing or damaged."""
        path = self._path(key)
        try:
            digest, _, content = atomic_files.read(path).partition(b"\n")
            if hashlib.sha256(content).hexdigest().encode() != digest:
                return None
            record = json.loads(content)
            found = tuple(_figure(one) for one in record["figures"])
            if record["key"] != key:
                return None
        except (StoreError, ValueError, KeyError, TypeError):
            return None
        with suppress(StoreError):
            atomic_files.touch(path)
        return found

    def keep(self, key: str, figures: Sequence[RenderedFigure]) -> None:
        """Store the figures of a key."""
        record = {"key": key, "figures": [_record(one) for one in figures]}
        content = json.dumps(record).encode()
        with suppress(StoreError):
            atomic_files.make_folder(self.folder)
            digest = hashlib.sha256(content).hexdigest().encode()
            atomic_files.write(self._path(key), digest + b"\n" + content)

    def prune(self, most: int = MOST_BYTES) -> None:
        """Remove the least recently used figures beyond `most` bytes."""
        with suppress(StoreError, OSError):
            names = [n for n in atomic_files.names(self.folder) if n.endswith(_ENDING)]
            states = {name: (self.folder / name).stat() for name in names}
            kept = 0
            for name in sorted(names, key=lambda name: -states[name].st_mtime):
                kept += states[name].st_size
                if kept > most:
                    atomic_files.remove(self.folder / name)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_ENDING}"


def key_of(source: Source, kind: str) -> str | None:
    """Return the key of the figures of a kind, or None if their sources are not all known."""
    comparison, tool = source.comparison, _tool()
    if tool is None or not comparison.conditions.classes or _has_plugins(kind):
        return None
    try:
        added = {run.id: source.store.additions(run.id) for run in comparison.runs}
    except StoreError:
        return None
    drawn_from = [tool, _settings(), kind, repr(comparison), added]
    return hashlib.sha256(json.dumps(drawn_from).encode("utf-8", "backslashreplace")).hexdigest()


def _has_plugins(kind: str) -> bool:
    """Return whether a plugin may contribute to a figure: a kind, a metric or a study."""
    try:
        entries = [register.plot[kind]]
        for registry in (register.metric, register.study):
            entries += list(registry)
        return any(entry.code is not None for entry in entries)
    except ConvcompareError:
        return True


@cache
def _tool() -> str | None:
    """Return a digest of the source files of this package and of the library versions."""
    files = sorted(_PACKAGE.rglob("*.py"))
    if not files:
        return None
    digest = hashlib.sha256(sys.version.encode())
    for path in files:
        digest.update(str(path.relative_to(_PACKAGE)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for name in LIBRARIES:
        digest.update(f"{name} {metadata.version(name)}".encode())
    return digest.hexdigest()


def _settings() -> str:
    """Return the settings of matplotlib, including the user's own file and the fonts."""
    import matplotlib

    return repr(sorted((name, repr(value)) for name, value in matplotlib.rcParams.items()))


def _record(figure: RenderedFigure) -> dict[str, Any]:
    record = {**vars(figure)}
    for name in ("file", "page"):
        record[name] = base64.b64encode(record[name]).decode()
    return record


def _figure(record: dict[str, Any]) -> RenderedFigure:
    values = dict(record)
    for name in ("file", "page"):
        values[name] = base64.b64decode(values[name])
    if values["models"] is not None:
        values["models"] = tuple(values["models"])
    if set(values) != {field.name for field in dataclasses.fields(RenderedFigure)}:
        raise ValueError("the fields of another version")
    return RenderedFigure(**values)
