"""``convcompare runs check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convcompare.core import formatting
from convcompare.core.errors import Damaged, StoreError, UsageError, quote
from convcompare.output.tables.formats import check_format

from ... import options as o
from ...console import show_error, show_warning
from ...output import emit_json, emit_text

if TYPE_CHECKING:
    from convcompare.store.check import Damage, Examination
    from convcompare.store.run_store import RunStore


def check(
    repair: Annotated[
        bool,
        o.option(
            "--repair",
            panel=o.STORE,
            help="Move damaged files to quarantine/ in the store.",
        ),
    ] = False,
    store: o.Store = Path("runs"),
    format: o.Format = "table",
) -> None:
    """Verify every file of a store and list damage; --repair quarantines it.

    $ convcompare runs check
    $ convcompare runs check --repair
    $ convcompare runs check --format json

    Nothing is deleted: quarantined files can be moved back. The command that made a run trains it
    again, or continues from the last undamaged epoch. Exit code 4 if damage remains.
    """
    from convcompare.store.check import examine
    from convcompare.store.run_store import RunStore

    kind = check_format(format)
    opened = RunStore(store)
    if repair:
        opened.require_folder()
    examination = examine(opened)
    if not examination.runs and not examination.comparisons:
        raise UsageError(
            f"there are no runs in {opened.place}", "`--store DIR` names the folder of the runs"
        )
    moved = _repair(opened, examination) if repair else {}
    left = [finding for finding in examination.findings if finding not in moved]
    if kind == "json":
        emit_json(_to_json(examination, moved))
    else:
        emit_text(_words(examination, len(moved)), None)
    for finding, paths in moved.items():
        places = ", ".join(quote(path, 300) for path in paths) or "with earlier damage"
        show_warning(finding.error.message, f"quarantined: {places}")
    for finding in left:
        show_error(finding.error)
    if left:
        raise typer.Exit(StoreError.exit_code)


def _repair(store: RunStore, examination: Examination) -> dict[Damage, list[Path]]:
    """Quarantine damaged files; return their new paths per damage, and report runs in progress."""
    import datetime

    from convcompare.store.check import repair

    place = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%f")
    moved = {}
    for finding in examination.findings:
        if isinstance(finding.error, Damaged):
            try:
                moved[finding] = repair(store, finding, place)
            except StoreError as error:
                show_error(error)
    return moved


def _words(examination: Examination, moved: int) -> str:
    runs = formatting.several(examination.runs, "run")
    read = f"{runs}, {formatting.several(examination.comparisons, 'comparison')}"
    found = len(examination.findings)
    if not found:
        return f"{read}: no damage found"
    repaired = f", {moved} of them quarantined" if moved else ""
    return f"{read}: {formatting.several(found, 'file')} damaged{repaired}"


def _to_json(examination: Examination, moved: dict[Damage, list[Path]]) -> dict[str, object]:
    return {
        "runs": examination.runs,
        "comparisons": examination.comparisons,
        "damaged": [
            {
                "run": finding.run_id or None,
                "message": finding.error.message,
                "hint": finding.error.hint,
                "quarantined": [str(path) for path in moved.get(finding, [])],
            }
            for finding in examination.findings
        ],
    }
