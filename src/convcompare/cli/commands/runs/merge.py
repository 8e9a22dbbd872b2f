"""``convcompare runs merge``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convcompare.core import formatting
from convcompare.core.errors import StoreError, UsageError, quote, shell_word

from ... import options as o
from ...console import out, show_error, show_warning
from ...output import end

if TYPE_CHECKING:
    from convcompare.store.run_store import RunStore


def merge(
    other: Annotated[
        Path, typer.Argument(help="Store, or pack of one, to copy runs from.", metavar="STORE")
    ],
    store: o.Store = Path("runs"),
) -> None:
    """Check the runs and comparisons of another store, and copy those that are missing here.

    $ convcompare runs merge ../laptop/runs
    $ convcompare runs merge laptop.ccpack

    Tags and notes are copied with their runs. A run that exists in both stores is not overwritten.
    Exit code 4 if the other store is damaged; its intact runs are copied.
    """
    from convcompare.store.run_store import RunStore

    there, here = RunStore(other), RunStore(store)
    here.require_folder()
    if other.resolve() == store.resolve():
        raise UsageError("a store is not merged with itself", "`--store DIR` names the other one")
    ids = [run_id for run_id in there.ids() if there.finished(run_id)]
    if not other.exists():
        raise UsageError(f"there is no store {quote(other)}", "a folder of runs, or a pack of it")
    if not ids:
        raise UsageError(f"no run in {quote(other)} has ended", "the folder of another store")
    new = [run_id for run_id in ids if not here.finished(run_id)]
    copied = sum(_copied(there, here, run_id) for run_id in new)
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
            f"`convcompare runs diff {others[0]} --other {shell_word(other)}` shows the first",
        )
    end(there)


def _other_figures(there: RunStore, here: RunStore, ids: Iterable[str]) -> list[str]:
    """Return the ids of the runs whose figures differ between the stores."""
    found = []
    for run_id in sorted(ids):
        with there.skipping_damage():
            if not there.run(run_id).same_figures(here.run(run_id)):
                found.append(run_id)
    return found


def _copied(there: RunStore, here: RunStore, run_id: str) -> bool:
    """Copy a run; return whether it was copied, after showing the error if it is damaged."""
    from convcompare.store.copying import copy_run

    try:
        copy_run(there, here, run_id)
    except StoreError as error:
        show_error(error)
        there.damage.append(error)
        return False
    return True
