"""Values in the cells of a comparison's table, and their sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from convcompare.comparison.comparison import Comparison
from convcompare.comparison.doubts import About
from convcompare.comparison.estimate_words import plus_minus, share
from convcompare.comparison.model_runs import ModelRuns
from convcompare.comparison.run_figures import field_of_run, gradient_of_run
from convcompare.comparison.stats.estimates import Estimate
from convcompare.comparison.study import study_named
from convcompare.core import formatting
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from .table import Column


@dataclass(frozen=True)
class Context:
    """Sources of a cell besides the runs of its model."""

    comparison: Comparison
    store: RunStore


@dataclass(frozen=True)
class Figure:
    """A column of the table, and the value of a model in it."""

    column: Column
    value: Callable[[ModelRuns, Context], Any]
    about: About | Literal["network"] = "accuracy"
    """Subject of the marks that exclude a value from being the best; none for ``network``."""

    @property
    def is_estimate(self) -> bool:
        """Whether its values have intervals, which exports have in separate columns."""
        return self.column.show in (share, fraction, plus_minus, milliseconds)


def fraction(value: Estimate) -> str:
    """Format a loss or a share without its interval."""
    return formatting.fraction(value.value)


def milliseconds(value: Estimate) -> str:
    """Format seconds as milliseconds with their interval."""
    return plus_minus(value, 1e3)


def stored_figure(
    figure: Callable[[Run, RunStore], float | None],
) -> Callable[[ModelRuns, Context], Estimate | None]:
    """Return the mean over the runs of a figure that is read from a stored measurement."""
    return lambda group, context: group.mean(lambda run: figure(run, context.store))


def epochs(group: ModelRuns, _: Context) -> float:
    """Return the passes over the training images, as an integer if whole."""
    if not group.finished:
        return group.runs[0].trial.config.epochs
    return round(group.finished[0].passes, 4)


def images(group: ModelRuns, context: Context) -> int | None:
    """Return the number of training images per epoch; None if it is not known."""
    known = context.comparison.conditions.train_images
    return group.runs[0].trial.config.train_images or known or None


def memory(group: ModelRuns, _: Context) -> int | None:
    """Return the peak memory of a training step in bytes."""
    return group.finished[0].cost.peak_memory if group.finished else None


def first_gradient(moment: int) -> Callable[[ModelRuns, Context], float | None]:
    """Return the mean absolute gradient of the first layer, averaged over the runs."""

    def value(group: ModelRuns, context: Context) -> float | None:
        mean = group.mean_of_measured(lambda run: gradient_of_run(run, context.store, moment))
        return mean.value if mean else None

    return value


def field(group: ModelRuns, context: Context) -> str | None:
    """Return the receptive field of the features before the head: ``38×38`` pixels."""
    every = (field_of_run(run, context.store) for run in group.finished)
    found = next((one for one in every if one is not None), None)
    if found is None:
        return None
    size = found.features_size
    return "whole image" if size is None else f"{size[0]}×{size[1]}"


def published(name: str) -> Callable[[ModelRuns, Context], Any]:
    """Return the published figure of a network, by its name in `Published`."""

    def value(group: ModelRuns, context: Context) -> Any:
        study = context.comparison.study
        row = study_named(study).row(group.label) if study else None
        return getattr(row.published, name) if row else None

    return value
