"""``convcompare runs note``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convcompare.core.errors import printable

from ... import completions as c
from ... import options as o
from ...console import out


def note(
    run: Annotated[
        str,
        typer.Argument(help="A run by the beginning of its id.", autocompletion=c.run_names),
    ],
    text: Annotated[
        str | None,
        typer.Argument(
            help="Text of the note; '' removes the note. Without a text, show the note."
        ),
    ] = None,
    store: o.Store = Path("runs"),
) -> None:
    """Keep a note with a run, or show it.

    $ convcompare runs note 3fa9 on-battery
    $ convcompare runs note 3fa9

    `convcompare runs --verbose` lists the notes. The record of the run does not change.
    """
    from convcompare.store.run_store import RunStore

    opened = RunStore(store)
    run_id = opened.find(run)
    found = opened.annotation(run_id)
    if text is not None:
        found = found.noted(text)
        opened.annotate(run_id, found)
    shown = printable(found.note) if found.note else "no note"
    out().print(f"{run_id}  {shown}", soft_wrap=True)
