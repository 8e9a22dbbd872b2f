"""A single run for people: a row per epoch, with the conditions of the run below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convcompare.core import formatting
from convcompare.core.config import recipe_name
from convcompare.store.annotation import Annotation
from convcompare.store.run import Epoch, Run, Trial

from .table import Column, Table

COLUMNS = (
    Column("epoch", "epoch", show=formatting.count),
    Column("lr", "learning rate", show=lambda value: f"{value:.3g}", priority=3),
    Column("train_loss", "train loss", show=formatting.fraction),
    Column("train_accuracy", "train accuracy", show=formatting.fraction),
    Column("val_loss", "held-out loss", show=formatting.fraction, priority=2),
    Column("val_accuracy", "held-out accuracy", show=formatting.fraction, priority=2),
    Column("test_loss", "test loss", show=formatting.fraction),
    Column("test_accuracy", "test accuracy", show=formatting.fraction),
    Column("train_seconds", "time (s)", show=formatting.three_digits, priority=1),
)


def epoch_table(
    trial: Trial, history: Sequence[Epoch], run: Run | None, status: str, annotation: Annotation
) -> Table:
    """Return the epochs of a trial; `run` is None until it has ended."""
    rows = tuple({c.key: getattr(epoch, c.key) for c in COLUMNS} for epoch in history)
    held_out = any(row["val_loss"] is not None for row in rows)
    columns = tuple(one for one in COLUMNS if held_out or not one.key.startswith("val_"))
    notes = (
        *_identity(trial, status),
        *(_result(run) if run else ()),
        *_annotation_notes(annotation),
    )
    whole = "`--format json` prints the whole record"
    return Table(columns, rows, (*notes, whole), noun="epochs")


def _identity(trial: Trial, status: str) -> Iterator[str]:
    full = f" ({trial.model})" if trial.model != trial.name else ""
    yield f"run {trial.id}: {trial.name}{full}, seed {trial.seed}, on {trial.dataset} · {status}"
    code = f" · code {trial.code[:12]}" if trial.code else ""
    yield (
        f"recipe {recipe_name(trial.config)}: {trial.config.optimizer} {trial.config.lr:g}, batch "
        f"{trial.config.batch_size}, {trial.config.precision} · images {trial.data[:12]}{code}"
    )


def _result(run: Run) -> Iterator[str]:
    cost, place = run.cost, run.environment
    macs = "not counted" if cost.macs is None else formatting.large(cost.macs)
    threads = formatting.several(place.threads, "thread")
    yield f"{formatting.count(cost.parameters)} parameters, {macs} MACs per image"
    yield f"ended {run.ended} on {place.device}, {threads}, {place.processor}, torch {place.torch}"
    if run.message:
        yield run.message


def _annotation_notes(annotation: Annotation) -> Iterator[str]:
    if annotation.tags:
        yield f"tags: {', '.join(annotation.tags)}"
    if annotation.note:
        yield f"note: {annotation.note}"
