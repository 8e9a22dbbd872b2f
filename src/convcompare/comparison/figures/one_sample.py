"""Test of one figure of a network against a number: a gap above 5 points, a field of 20."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from convcompare.core.errors import UsageError
from convcompare.store.run_store import RunStore

from ..model_runs import ModelRuns
from ..quantity import Quantity
from ..score import LAST_EPOCH, Score
from ..verdict import Refusal, Verdict
from . import figure_tests
from .figure_tests import Tested
from .measure import Measure


@dataclass(frozen=True)
class OneSample:
    """The runs of a network, and the number with which a figure of them is compared.

    ``value`` is in the unit of the records: accuracies are fractions.
    """

    model: ModelRuns
    value: float
    score: Score = LAST_EPOCH


def shown_number(value: float, quantity: Quantity) -> str:
    """Return a number as the baseline of a verdict: ``5 points``, ``100``."""
    if quantity.scale == "exact":
        return quantity.show(value)
    return quantity.in_unit(value, ".6g")


def one_sample_test(measure: Measure, sample: OneSample, store: RunStore) -> Tested | Verdict:
    """Return the test of a figure against a number, or a final verdict if there is no test.

    It is Student's one-sample t-test over the seeds, of the differences or of the log ratios.
    Counts are compared directly.

    Raises:
        UsageError: for spreads and for times that may not be reached, which have no such test.
    """
    quantity, label = measure.quantity, sample.model.label
    blank = Verdict(label, shown_number(sample.value, quantity), quantity, "unclear")
    if measure.test in ("spread", "times"):
        raise UsageError(f"{quantity.noun} is compared between networks, not with a number")
    runs = sample.model.runs if measure.test == "counted" else sample.model.finished
    read = [
        sample.score.of(run) if measure.test == "accuracy" else measure.of_run(run, store)
        for run in runs
    ]
    values = [value for value in read if value is not None]
    blank = replace(blank, n=len(values))
    if not values:
        reason = Refusal("not recorded" if runs else "no run", (label,))
        return replace(blank, relation="refused", refusal=reason)
    if measure.test == "counted":
        return _counted(blank, values, sample.value)
    beside = [sample.value] * len(values)
    make = figure_tests.by_ratio if measure.test == "ratio" else figure_tests.by_mean
    return make(measure, blank, values, beside)


def _counted(blank: Verdict, values: Sequence[float], number: float) -> Verdict:
    """Return the verdict on the count of all runs; a refusal if it varies with the seed."""
    if len(set(values)) > 1:
        return replace(blank, relation="refused", refusal=Refusal("no value", (blank.model,)))
    return figure_tests.with_counts(blank, values[0], number, len(values))
