"""``convcompare runs export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from convcompare.core.errors import printable

from ... import completions as c
from ... import options as o
from ...console import err, show_warning
from ...console import out as results
from ...output import end
from ...run_choice import selected

PLACES = {
    "csv": "convcompare-export",
    "tensorboard": "convcompare-tensorboard",
    "mlflow": "mlruns",
    "wandb": "convcompare-wandb",
}


def export(
    names: o.Selection = None,
    to: Annotated[
        str,
        o.option(
            "--to", "-t", metavar="FORMAT", panel=o.OUTPUT, autocompletion=c.export_names,
            help="csv, tensorboard, mlflow or wandb [default: csv].",
        ),
    ] = "csv",
    out: Annotated[
        str | None,
        o.option(
            "--out", "-o", panel=o.OUTPUT,
            help="Folder [default: convcompare-export, -tensorboard or -wandb, or mlruns]; "
            "for mlflow also the URI of a server or a database.",
        ),
    ] = None,
    store: o.Store = Path("runs"),
    quiet: o.Quiet = False,
) -> None:  # fmt: skip
    """Export runs to other tools: CSV, TensorBoard, MLflow, Weights & Biases.

    $ convcompare runs export
    $ convcompare runs export --to tensorboard --out events
    $ convcompare runs export mnist --to mlflow --out sqlite:///mlflow.db
    $ convcompare runs export --to wandb

    Exporting again replaces what was exported and creates no duplicates.
    """
    from convcompare.comparison.assessment import Assessment
    from convcompare.core.registry import register
    from convcompare.store.run_store import RunStore

    write = register.export[to].function
    opened = RunStore(store)
    comparison = selected(opened, names or [])
    for line in dict.fromkeys(write(Assessment(comparison, opened), out or PLACES[to])):
        results().print(line, soft_wrap=True)
    for label, run_id in comparison.unfinished:
        show_warning(f"run {run_id} of {label} has not ended, and is not exported")
    if not quiet:
        where = printable(out or PLACES[to])
        err().print(f"wrote to {where}", style="dim", soft_wrap=True)
    end(opened)
