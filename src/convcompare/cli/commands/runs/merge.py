"""``convcompare runs merge``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convcompare.core import formatting
from convcompare.core.errors import StoreError, UsageError, printable, quote, shell_word

from ... import options as o
from ...console import out, show_warning
from ...output import show_damage

if TYPE_CHECKING:
    from convcompare.store.run_store import RunStore


def merge(
    others: Annotated[
        list[Path],
        typer.Argument(help="Stores, or packs of them, to copy runs from.", metavar="STORE..."),
    ],
    store: o.Store = Path("runs"),
) -> None:
    """Check the runs and comparisons of other stores, and copy those that are missing here.

    $ convcompare runs merge ../laptop/runs
    $ convcompare runs merge laptop.ccpack
    $ convcompare runs merge sent/*.ccpack

    Tags and notes are copied with their runs. A run that exists in both stores is not overwritten.
    Exit code 4 if another store is damaged; its intact runs are copied.
    """
    from convcompare.store.run_store import RunStore

    here = RunStore(store)
    here.require_folder()
    stores = [_opened(other, store) for other in others]
    for there in stores:
        if len(stores) > 1:
            out().print(f"{printable(there.root)}: ", end="", soft_wrap=True)
        _merge(there, here)
    for there in stores:
        show_damage(there)
    if any(there.damage for there in stores):
        raise typer.Exit(StoreError.exit_code)


def _opened(other: Path, store: Path) -> RunStore:
    """Return another store that has runs; nothing is copied before all of them do."""
    from convcompare.store.run_store import RunStore

    there = RunStore(other)
    if other.resolve() == store.resolve():
        raise UsageError("a store is not merged with itself", "`--store DIR` names the other one")
    if not other.exists():
        raise UsageError(f"there is no store {quote(other)}", "a folder of runs, or a pack of it")
    if not any(there.finished(run_id) for run_id in there.ids()):
        raise UsageError(f"no run in {quote(other)} has ended", "the folder of another store")
    return there


def _merge(there: RunStore, here: RunStore) -> None:
    """Copy what is missing, and report how much it was; damage is reported at the end."""
    from convcompare.store.copying import copy_run

    ids = [run_id for run_id in there.ids() if there.finished(run_id)]
    new = [run_id for run_id in ids if not here.finished(run_id)]
    copied = 0
    for run_id in new:
        with there.skipping_damage():
            copy_run(there, here, run_id)
            copied += 1
    known = set(here.comparisons())
    names = [name for name in there.comparisons() if name not in known]
    for name in names:
        with there.skipping_damage():
            here.add_comparison(name, there.comparison(name))
    old = len(ids) - len(new)
    runs, also = formatting.several(copied, "run"), formatting.several(len(names), "comparison")
    left = f"{formatting.several(old, 'run')} {'was' if old == 1 else 'were'} here already"
    out().print(f"copied {runs} and {also}; {left}")
    if others := _other_figures(there, here, set(ids) - set(new)):
        are = "is" if len(others) == 1 else "are"
        show_warning(
            f"{formatting.several(len(others), 'run')} {are} in both stores with different figures",
            f"`convcompare runs diff {others[0]} --other {shell_word(there.root)}` shows the first",
        )


def _other_figures(there: RunStore, here: RunStore, ids: Iterable[str]) -> list[str]:
    """Return the ids of the runs whose figures differ between the stores."""
    found = []
    for run_id in sorted(ids):
        with there.skipping_damage():
            if not there.run(run_id).same_figures(here.run(run_id)):
                found.append(run_id)
    return found
