"""``convcompare runs rm``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convcompare.core.errors import StoreError, UsageError, quote

from ... import completions as c
from ... import options as o
from ...console import out, talk

if TYPE_CHECKING:
    from convcompare.store.run_store import RunStore


def rm(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Runs, by the beginnings of their ids.",
            metavar="RUN...",
            autocompletion=c.run_names,
        ),
    ],
    yes: Annotated[bool, o.option("--yes", "-y", panel=o.STORE, help="Do not ask.")] = False,
    store: o.Store = Path("runs"),
) -> None:
    """Remove runs for good, after asking.

    $ convcompare runs rm 3fa9
    $ convcompare runs rm 3fa9 50ad --yes

    Comparisons that they belong to still open, and say that they are missing.
    """
    from convcompare.store.run_store import RunStore

    opened = RunStore(store)
    found = list(dict.fromkeys(opened.find(prefix) for prefix in runs))
    for run_id in found:
        if opened.held(run_id):
            raise StoreError(
                f"run {run_id} is being written by {opened.holder(run_id)}",
                "wait until it has ended, or stop it",
            )
    if not yes:
        _ask(opened, found)
    for run_id in found:
        opened.remove(run_id)
        out().print(f"removed {run_id}")


def _ask(store: RunStore, found: list[str]) -> None:
    """Show what is about to be removed; UsageError unless somebody says yes to it."""
    if not sys.stdin.isatty():
        raise UsageError(
            "runs are not removed without asking, and nobody is there to answer",
            "`--yes` removes them",
        )
    for run_id in found:
        talk().print(_line(store, run_id), soft_wrap=True)
    many = "this run" if len(found) == 1 else f"these {len(found)} runs"
    talk().print(f"remove {many} for good? [y/N] ", end="", markup=False)
    talk().file.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was removed", "`y` removes")


def _line(store: RunStore, run_id: str) -> str:
    try:
        trial = store.trial(run_id)
    except StoreError as error:
        return f" {run_id}  {error.message}"
    state = "ended" if store.finished(run_id) else "half-done"
    what = f"{quote(trial.label or trial.model)} on {quote(trial.dataset)}, seed {trial.seed}"
    return f" {run_id}  {what}, {state}"
