"""The checks of ``convcompare doctor``."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from convcompare.core import formatting
from convcompare.core.errors import ConvcompareError, StoreError, UsageError, quote
from convcompare.core.process import cores
from convcompare.core.registry import register
from convcompare.core.version import __version__
from convcompare.data.dataset import Sources
from convcompare.data.load import list_datasets
from convcompare.data.sources.fetch import PublishedFiles
from convcompare.data.sources.probe import answers
from convcompare.store import atomic_files
from convcompare.store.check import examine
from convcompare.store.run_store import RunStore

from .installed import EXTRAS, INSTEAD, Check, accelerators, extras, plugins, version_of

NEEDED = ("torch", "torchvision", "numpy", "pandas", "scipy", "matplotlib", "safetensors")
LEAST_FREE = 1_000_000_000
"""Minimum free disk space in bytes; the runs of the longest study need a third of it."""


def diagnose(store: Path, sources: Sources, seconds: float) -> Iterator[Check]:
    """Yield the result of each check; data sources have `seconds` to answer.

    Nothing is downloaded.
    """
    yield _versions()
    yield extras()
    yield from plugins()
    yield accelerators()
    yield from _hardware()
    yield _disk(store)
    yield _data(sources)
    yield _origins(seconds)
    yield _store(store)


def _versions() -> Check:
    optional = [package for packages, _ in EXTRAS.values() for package in packages]
    there = {name: version_of(name) for name in (*NEEDED, *optional, *INSTEAD.values())}
    missing = [name for name in NEEDED if not there[name]]
    shown = ", ".join(f"{name} {version}" for name, version in there.items() if version)
    text = f"convcompare {__version__}, python {platform.python_version()}, {shown}"
    if missing:
        hint = f"`pip install {' '.join(missing)}`"
        return Check("versions", text, "error", hint, UsageError.exit_code)
    return Check("versions", text)


def _hardware() -> Iterator[Check]:
    from convcompare.training.hardware import choose_precision, choose_runtime, environment

    runtime = choose_runtime("auto", None)
    where = environment(runtime)
    device = where.device if runtime.device != "cpu" else f"cpu ({runtime.reason})"
    yield Check("device", f"{device}, {where.processor}, {where.platform}")
    precision, reason = choose_precision("auto", runtime.device)
    yield Check("precision", f"{precision} ({reason})")
    limit = os.environ.get("OMP_NUM_THREADS")
    limited = f", OMP_NUM_THREADS={limit}" if limit else ""
    text = f"{runtime.threads} a training, {cores()} cores{limited}"
    if runtime.threads < cores() and runtime.device == "cpu":
        yield Check("threads", text, "warning", f"`--threads {cores()}` uses them all")
    else:
        yield Check("threads", text)


def _disk(folder: Path) -> Check:
    """Check the free space of the store's folder and whether it can be written, without writing."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    text = f"{formatting.size(free)} free for {quote(folder)}"
    if not os.access(there, os.W_OK):
        hint = "`--store DIR` names another folder"
        return Check(
            "disk", f"{quote(there)} cannot be written", "error", hint, StoreError.exit_code
        )
    if free < LEAST_FREE:
        return Check("disk", text, "warning", "`--store DIR` names a folder with more room")
    return Check("disk", text)


def _data(sources: Sources) -> Check:
    listed = list_datasets(sources)
    there = [status.name for status in listed if status.cached]
    absent = [status.name for status in listed if not status.cached]
    text = f"here: {', '.join(there)}"
    if absent:
        text += f"; fetched at first use: {', '.join(absent)}"
    return Check("data", f"{text}; cache {quote(sources.cache)}")


def _origins(seconds: float) -> Check:
    sets = [entry.info.get("published") for entry in register.dataset]
    origins = [origin for one in sets if isinstance(one, PublishedFiles) for origin in one.origins]
    found = answers(origins, seconds)
    silent = [f"{name} ({why})" for name, why in found.items() if why]
    text = f"{len(found) - len(silent)} of {len(found)} answer within {seconds:g} s"
    if not silent:
        return Check("sources", text)
    text += f", not {', '.join(silent)}"
    if len(silent) < len(found):
        return Check("sources", text)
    hint = "`--data-dir DIR` uses a copy that you have, `--dataset mnist-mini` needs no network"
    return Check("sources", text, "warning", hint)


def _store(folder: Path) -> Check:
    """Read and verify the whole store."""
    if not atomic_files.exists(folder):
        return Check("store", f"{quote(folder)} is not there yet")
    try:
        store = RunStore(folder)
        found = examine(store)
    except ConvcompareError as error:
        return Check("store", error.message, "error", error.hint or "", error.exit_code)
    runs = formatting.several(found.runs, "run")
    text = f"{runs}, {formatting.several(found.comparisons, 'comparison')} in {quote(folder)}"
    if not found.findings:
        return Check("store", f"{text}, all sound")
    text += f", {len(found.findings)} damaged: {found.findings[0].error.message}"
    remedy = store.files.remedy if store.files.read_only else "`--repair` quarantines it"
    hint = f"`convcompare runs check` lists it, {remedy}"
    return Check("store", text, "error", hint, StoreError.exit_code)
