"""``convcompare runs tag``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ... import completions as c
from ... import options as o
from ...console import out
from ...run_choice import Named, named_runs


def tag(
    tag: Annotated[
        str,
        typer.Argument(
            metavar="TAG",
            help="Tag, or several separated by commas.",
            autocompletion=c.tag_names,
        ),
    ],
    runs: Named,
    remove: Annotated[bool, o.option("--remove", panel=o.STORE, help="Remove the tag.")] = False,
    store: o.Store = Path("runs"),
) -> None:
    """Tag runs, to find them again.

    $ convcompare runs tag baseline 3fa9 50ad
    $ convcompare runs tag paper,wide "cnn:*"
    $ convcompare runs tag baseline 3fa9 --remove
    $ convcompare runs --tag baseline

    A tag is stored beside the record of a run, which does not change. Exports include it.
    """
    from convcompare.store.annotation import checked
    from convcompare.store.run_store import RunStore

    opened = RunStore(store)
    opened.require_folder()
    tags = [checked(one.strip()) for one in tag.split(",")]
    for run_id in named_runs(opened, runs):
        before = opened.annotation(run_id)
        after = before.without(tags) if remove else before.tagged(tags)
        opened.annotate(run_id, after)
        out().print(f"{run_id}  {', '.join(after.tags) or 'no tags'}", soft_wrap=True)
