"""The columns of a comparison's table: each says what it shows and where it comes from.

The default ones are those of the reports; the others are named by ``--columns``.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import learning, register, units
from .comparison import Comparison, Group
from .errors import UsageError, did_you_mean, quote
from .field_record import FIELDS, FieldRecord
from .gradients import GRADIENTS, GradientRecord
from .run import Run
from .stats import Estimate, mean
from .store import RunStore
from .study import Published, Study
from .tables import Column


@dataclass(frozen=True)
class Context:
    """What a cell may be made of beside the runs of its model."""

    comparison: Comparison
    store: RunStore

    @property
    def study(self) -> Study | None:
        """The study that was run; None for a comparison of one's own."""
        name = self.comparison.study
        found: Study | None = register.study[name].function() if name else None
        return found

    def published(self, group: Group) -> Published:
        """What the report prints of a model; empty where it prints nothing."""
        row = self.study.row(group.label) if self.study else None
        return row.published if row else Published()


@dataclass(frozen=True)
class Figure:
    """A column of the table, and the value that it shows of a model."""

    column: Column
    value: Callable[[Group, Context], Any]

    @property
    def is_estimate(self) -> bool:
        """Whether its values have intervals, which exports carry in columns of their own."""
        return self.column.show in (accuracy, fraction, duration, milliseconds)


def accuracy(value: Estimate) -> str:
    """A fraction with its interval."""
    half = value.half_width
    return units.fraction(value.value) if half is None else f"{value.value:.4f} ± {half:.4f}"


def fraction(value: Estimate) -> str:
    """A loss or a share, the value alone."""
    return units.fraction(value.value)


def duration(value: Estimate) -> str:
    """Seconds with their interval."""
    return units.plus_minus(value.value, value.half_width)


def milliseconds(value: Estimate) -> str:
    """Seconds as milliseconds with their interval."""
    half = value.half_width
    return units.plus_minus(1e3 * value.value, None if half is None else 1e3 * half)


def _scientific(value: float) -> str:
    return f"{value:.1e}"


def _shown(name: str) -> Callable[[Group, Context], Estimate | None]:
    return lambda group, _: group.shown(name)


def _run_figure(figure: Callable[[Run], float]) -> Callable[[Group, Context], Estimate | None]:
    return lambda group, _: group.mean(figure)


def _latency(batch: int) -> Callable[[Group, Context], Estimate | None]:
    """Seconds an image at one size of batch, over the runs that measured it."""

    def value(group: Group, _: Context) -> Estimate | None:
        measured = [one for run in group.finished for one in run.cost.inference]
        chosen = [one.per_image for one in measured if (one.batch == 1) == (batch == 1)]
        return mean(chosen) if chosen else None

    return value


def _memory(group: Group, _: Context) -> int | None:
    return group.finished[0].cost.peak_memory if group.finished else None


def first_gradient(moment: int) -> Callable[[Group, Context], float | None]:
    """Mean absolute gradient of the first layer: initialisation (0) or last epoch (-1)."""

    def value(group: Group, context: Context) -> float | None:
        records = _recorded(group, context, GRADIENTS, GradientRecord.from_arrays)
        return statistics.fmean(r.mean_abs[moment, 0] for r in records) if records else None

    return value


def _field(group: Group, context: Context) -> str | None:
    records = _recorded(group, context, FIELDS, FieldRecord.from_arrays)
    if not records:
        return None
    size = records[0].features_size
    return "whole image" if size is None else f"{size[0]}×{size[1]}"


def _recorded(
    group: Group, context: Context, name: str, read: Callable[[Mapping[str, Any]], Any]
) -> list[Any]:
    """What an analysis left of the finished runs of a model."""
    arrays = [context.store.analysis(run, name) for run in group.finished]
    return [read(found) for found in arrays if found is not None]


def _published(name: str) -> Callable[[Group, Context], Any]:
    return lambda group, context: getattr(context.published(group), name)


DEFAULT = (
    Figure(
        Column("parameters", "parameters", show=units.count, priority=2), lambda g, _: g.parameters
    ),
    Figure(
        Column("test_loss", "test loss", show=fraction, best="low", priority=5), _shown("test_loss")
    ),
    Figure(
        Column("train_loss", "train loss", show=fraction, best="low", priority=7),
        _shown("train_loss"),
    ),
    Figure(
        Column("test_accuracy", "test accuracy", show=accuracy, best="high"),
        lambda g, c: g.test_accuracy(c.comparison.conditions.test_images),
    ),
    Figure(
        Column("train_accuracy", "train accuracy", show=fraction, best="high", priority=6),
        _shown("train_accuracy"),
    ),
    Figure(
        Column("time", "time (s)", show=duration, best="low", priority=1),
        _run_figure(lambda run: run.cost.train_seconds),
    ),
)
EXTRA: Mapping[str, tuple[Figure, ...]] = {
    "epochs": (
        Figure(Column("epochs", "epochs", priority=3), lambda g, _: g.runs[0].trial.config.epochs),
    ),
    "epoch-time": (
        Figure(
            Column("epoch_time", "s/epoch", show=duration, best="low", priority=3),
            _run_figure(lambda run: statistics.median(e.train_seconds for e in run.history)),
        ),
    ),
    "inference": (
        Figure(
            Column("inference", "ms/image", show=milliseconds, best="low", priority=3), _latency(1)
        ),
        Figure(
            Column("inference_batch", "ms/image in batches", show=milliseconds, best="low",
                   priority=4),
            _latency(0),
        ),
    ),
    "lr": (
        Figure(
            Column("lr", "learning rate", show="{:g}".format, priority=3),
            lambda g, _: g.runs[0].trial.config.lr,
        ),
    ),
    "gaps": (
        Figure(
            Column("accuracy_gap", "accuracy gap", show=fraction, best="low", priority=3),
            _run_figure(learning.accuracy_gap),
        ),
        Figure(
            Column("loss_gap", "loss gap", show=fraction, best="low", priority=3),
            _run_figure(learning.loss_gap),
        ),
    ),
    "macs": (
        Figure(Column("macs", "MACs", show=units.large, best="low", priority=3),
               lambda g, _: g.macs),
    ),
    "receptive-field": (
        Figure(Column("receptive_field", "receptive field", priority=3), _field),
    ),
    "gradients": (
        Figure(
            Column("gradient_start", "first |g|, start", show=_scientific, priority=3),
            first_gradient(0),
        ),
        Figure(
            Column("gradient_end", "first |g|, end", show=_scientific, priority=3),
            first_gradient(-1),
        ),
    ),
    "memory": (
        Figure(
            Column("memory", "peak memory", show=units.size, best="low", priority=3), _memory
        ),
    ),
    "published": (
        Figure(
            Column("published_accuracy", "published accuracy", show=units.fraction, priority=1),
            _published("test_accuracy"),
        ),
        Figure(
            Column("published_parameters", "published parameters",
                   show=lambda n: units.count(int(n)), priority=4),
            _published("parameters"),
        ),
    ),
}  # fmt: skip
NOTES: Mapping[str, str] = {
    "epoch-time": "s/epoch: training, median of the epochs",
    "inference": (
        "ms/image: forward pass in eval mode, median of up to 100, one image at a time and in "
        "batches of 100"
    ),
    "macs": "MACs: multiply-accumulates of one image, conv and linear, no bias; FLOPs are twice",
    "receptive-field": "receptive field: pixels seen by the features before the head",
    "gradients": "|g|: mean absolute gradient of the first layer, initialisation and last epoch",
    "gaps": "gaps of overfitting: train − test accuracy, test − train loss (as report 000 logs)",
    "memory": "peak memory: tensors held at once in a training step, without the data set",
    "published": "published: as printed in the report, one run on other hardware",
}
"""What the columns mean, for the lines under the table."""


def check_columns(names: Iterable[str]) -> None:
    """UsageError where there is no such column."""
    for name in names:
        named(name)


def chosen(names: Sequence[str], comparison: Comparison) -> list[Figure]:
    """The default columns and those of `names`; settings, too, in which the models differ."""
    configs = [run.trial.config for group in comparison.groups for run in group.runs]
    differing = [name for name in ("epochs", "lr") if len({getattr(c, name) for c in configs}) > 1]
    extra = dict.fromkeys([*differing, *names])
    return [*DEFAULT, *(figure for name in extra for figure in named(name))]


def named(name: str) -> tuple[Figure, ...]:
    """The columns of that name: of EXTRA, a metric, or ``epochs-to=0.98``.

    UsageError where there are none.
    """
    if name in EXTRA:
        return EXTRA[name]
    if name in register.metric:
        return (_metric(name),)
    word, equals, text = name.partition("=")
    if word == "epochs-to" and equals:
        return (_epochs_to(text),)
    known = [*EXTRA, *(entry.name for entry in register.metric), "epochs-to=0.98"]
    raise UsageError(
        f"there is no column {quote(name)}",
        did_you_mean(name, known) or f"columns: {', '.join(known)}",
    )


def _metric(name: str) -> Figure:
    """A metric of the stored predictions, its mean over the runs."""
    entry = register.metric[name]

    def value(group: Group, context: Context) -> Estimate | None:
        def of_run(run: Run) -> float:
            found = context.store.predictions(run)
            result: float = entry.function(found.logits, found.labels)
            return result

        estimate = group.mean(of_run)
        return estimate if estimate and math.isfinite(estimate.value) else None

    column = Column(
        name, name.replace("-", " "), show=fraction, best=entry.info["best"], priority=3
    )
    return Figure(column, value)


def _epochs_to(text: str) -> Figure:
    """The first epoch that reaches a test accuracy, its mean over the runs that do."""
    try:
        reached = float(text)
    except ValueError:
        reached = math.nan
    if not 0 < reached <= 1:
        raise UsageError(
            f"`epochs-to` cannot be {quote(text)}", "a test accuracy: `epochs-to=0.98`"
        )

    def value(group: Group, _: Context) -> Estimate | None:
        found = [learning.epochs_to(run, reached) for run in group.finished]
        epochs = [epoch for epoch in found if epoch is not None]
        return mean(epochs) if epochs and len(epochs) == len(found) else None

    column = Column(
        f"epochs-to-{text}", f"epochs to {reached:g}", show=duration, best="low", priority=3
    )
    return Figure(column, value)
