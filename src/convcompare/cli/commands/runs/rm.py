"""``convcompare runs rm``."""

from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from convcompare.core.errors import StoreError, UsageError, invalid, quote

from ... import options as o
from ...console import err, out
from ...run_choice import OptionalNamed, named_runs

if TYPE_CHECKING:
    from convcompare.store.run_store import RunStore


def rm(
    runs: OptionalNamed = None,
    failed: Annotated[
        bool, o.option("--failed", panel=o.STORE, help="Remove runs that failed or diverged.")
    ] = False,
    older_than: Annotated[
        str | None,
        o.option(
            "--older-than",
            metavar="TIME",
            panel=o.STORE,
            help="Remove runs that ended longer ago than this: 30d, 12h.",
        ),
    ] = None,
    yes: Annotated[bool, o.option("--yes", "-y", panel=o.STORE, help="Do not ask.")] = False,
    store: o.Store = Path("runs"),
) -> None:
    """Remove runs permanently, after asking.

    $ convcompare runs rm 3fa9
    $ convcompare runs rm 3fa9 50ad --yes
    $ convcompare runs rm "cnn:*" --older-than 30d
    $ convcompare runs rm --failed

    With names, `--failed` and `--older-than` choose among those runs. Comparisons with removed runs
    still open, and name what is missing.
    """
    from convcompare.store.run_store import RunStore

    opened = RunStore(store)
    opened.require_folder()
    if not (runs or failed or older_than):
        raise UsageError(
            "no run given", "name runs by id or network, or use `--failed` or `--older-than 30d`"
        )
    found = named_runs(opened, runs) if runs else opened.ids()
    before = None if older_than is None else _before(older_than)
    found = [one for one in found if _chosen(opened, one, failed, before)]
    if not found:
        raise UsageError("no run matches", "`convcompare runs` lists all")
    for run_id in found:
        if opened.held(run_id):
            raise opened.being_written(run_id)
    if not yes and not _confirmed(opened, found):
        err().print("nothing was removed")
        return
    for run_id in found:
        opened.remove(run_id)
        out().print(f"removed {run_id}")


def _before(text: str) -> datetime.datetime:
    """Return the time a number of days, hours or minutes ago.

    Raises:
        UsageError: if the text is not such a number.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([dhm])", text.strip())
    if match is None:
        raise invalid("--older-than", text, "30d, 12h or 90m")
    unit = {"d": "days", "h": "hours", "m": "minutes"}[match[2]]
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(**{unit: float(match[1])})


def _chosen(store: RunStore, run_id: str, failed: bool, before: datetime.datetime | None) -> bool:
    """Return whether a run has the requested status and age."""
    if not failed and before is None:
        return True
    run = None
    with store.skipping_damage():
        run = store.outcome(run_id)
    if run is None or (failed and run.status == "finished"):
        return False
    ended = datetime.datetime.fromisoformat(run.ended)
    return before is None or ended.replace(tzinfo=ended.tzinfo or datetime.UTC) < before


def _confirmed(store: RunStore, found: list[str]) -> bool:
    """Show the runs and ask whether to remove them.

    Raises:
        UsageError: if stdin is not a terminal.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            "removing runs needs a confirmation, and there is no terminal to ask",
            "`--yes` removes them",
        )
    for run_id in found:
        err().print(_line(store, run_id), soft_wrap=True)
    many = "this run" if len(found) == 1 else f"these {len(found)} runs"
    err().print(f"remove {many} permanently? [y/N] ", end="")
    err().file.flush()
    answer = sys.stdin.readline()
    if not answer:
        err().print()
    return answer.strip().lower() in ("y", "yes")


def _line(store: RunStore, run_id: str) -> str:
    try:
        trial = store.trial(run_id)
    except StoreError as error:
        return f" {run_id}  {error.message}"
    state = "ended" if store.finished(run_id) else "incomplete"
    what = f"{quote(trial.name)} on {quote(trial.dataset)}, seed {trial.seed}"
    return f" {run_id}  {what}, {state}"
