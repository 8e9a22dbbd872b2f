"""The columns of a comparison's table: each says what it shows and where it comes from.

The default ones are those of the reports; the others are named by ``--columns``.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import register, units
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


def _gradient(moment: int) -> Callable[[Group, Context], float | None]:
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
    "epoch_time": (
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
    "macs": (
        Figure(Column("macs", "MACs", show=units.large, best="low", priority=3),
               lambda g, _: g.macs),
    ),
    "receptive_field": (
        Figure(Column("receptive_field", "receptive field", priority=3), _field),
    ),
    "gradients": (
        Figure(
            Column("gradient_start", "first |g|, start", show=_scientific, priority=3),
            _gradient(0),
        ),
        Figure(
            Column("gradient_end", "first |g|, end", show=_scientific, priority=3), _gradient(-1)
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
    "epoch_time": "s/epoch: training, median of the epochs",
    "inference": (
        "ms/image: forward pass in eval mode, median of up to 100, one image at a time and in "
        "batches of 100"
    ),
    "macs": "MACs: multiply-accumulates of one image, conv and linear, no bias; FLOPs are twice",
    "receptive_field": "receptive field: pixels seen by the features before the head",
    "gradients": "|g|: mean absolute gradient of the first layer, initialisation and last epoch",
    "memory": "peak memory: tensors held at once in a training step, without the data set",
    "published": "published: as printed in the report, one run on other hardware",
}
"""What the columns mean, for the lines under the table."""


def check_columns(names: Iterable[str]) -> None:
    """UsageError where there is no such column."""
    for name in names:
        if name not in EXTRA:
            raise UsageError(
                f"there is no column {quote(name)}",
                did_you_mean(name, EXTRA) or f"columns: {', '.join(EXTRA)}",
            )


def chosen(names: Sequence[str], comparison: Comparison) -> list[Figure]:
    """The default columns and those of `names`; epochs, too, where models differ in them."""
    epochs = {run.trial.config.epochs for group in comparison.groups for run in group.runs}
    extra = dict.fromkeys(["epochs"] * (len(epochs) > 1) + list(names))
    return [*DEFAULT, *(figure for name in extra for figure in EXTRA[name])]
