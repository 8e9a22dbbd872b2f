"""``convcompare runs pack``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convcompare.core import formatting
from convcompare.core.errors import UsageError, quote

from ... import completions as c
from ... import options as o
from ...console import out as results
from ...console import show_warning
from ...run_choice import named_runs

if TYPE_CHECKING:
    from convcompare.store.run_store import RunStore


def pack(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Comparisons, networks, patterns such as 'cnn:*', or runs (all that have ended).",
            metavar="NAME",
            autocompletion=c.selected_names,
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, o.option("--out", "-o", panel=o.OUTPUT, help="The file to write.")] = Path(
        "runs.ccpack"
    ),
    replace: Annotated[
        bool, o.option("--replace", panel=o.OUTPUT, help="Write it in place of one that is there.")
    ] = False,
    store: o.Store = Path("runs"),
) -> None:
    """Put runs that have ended into one file, which every command reads as a store.

    $ convcompare runs pack
    $ convcompare runs pack kernels --out kernels.ccpack
    $ convcompare runs latest --store kernels.ccpack

    Everything is verified before it is packed, and each file of the pack whenever it is read.
    `runs unpack` gives back the same bytes; the store stays as it is.
    """
    from convcompare.store import packing
    from convcompare.store.run_store import RunStore

    opened = RunStore(store)
    chosen = _chosen(opened, names or [])
    ended = [run_id for run_id in chosen if opened.finished(run_id)]
    if not ended:
        raise UsageError(f"no run in {quote(store)} has ended", "`convcompare runs` lists all")
    _check_free(out, replace)
    packed = packing.pack(opened, ended, out)
    if len(ended) < len(chosen):
        left = formatting.several(len(chosen) - len(ended), "run")
        show_warning(f"{left} not ended and not packed", "the same command goes on with them")
    runs = formatting.several(packed.runs, "run")
    comparisons = formatting.several(packed.comparisons, "comparison")
    results().print(f"packed {runs} and {comparisons}: {formatting.size(packed.size)}")


def _chosen(store: RunStore, names: Sequence[str]) -> list[str]:
    """The ids of all runs, or of those that are named."""
    from convcompare.comparison.selection import known_records

    if not names:
        return store.ids()
    known, there = known_records(store), set(store.ids())
    found: list[str] = []
    for name in names:
        if name in known:
            trials = [one for model in known[name]["models"] for one in model["trials"]]
            found += [run_id for run_id in trials if run_id in there]
        else:
            found += named_runs(store, [name])
    return list(dict.fromkeys(found))


def _check_free(path: Path, replace: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{quote(path, 300)} is a folder", "`--out FILE` names a file")
    if path.exists() and not replace:
        raise UsageError(
            f"{quote(path, 300)} is there already", "`--replace` writes it anew, `--out` another"
        )
