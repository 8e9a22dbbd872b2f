"""Tests of one figure between two networks, or reasons why it is not tested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from ..pairs import Pair
from ..stats import censored, dispersion, estimates, paired, ratios
from ..stats.censored import NEVER
from ..stats.estimates import FEWEST, Estimate
from ..stats.paired import PairedTest
from ..verdict import Differing, LeftOut, Reason, Refusal, Relation, Verdict
from .measure import Measure


@dataclass(frozen=True)
class Tested:
    """A tested figure of a pair, before the adjustment in its family.

    ``differences`` are the tested differences or logarithms of ratios, one per seed; empty if the
    test has none, so that neither equivalence nor a detectable size can be computed.
    """

    measure: Measure
    draft: Verdict
    test: PairedTest
    differences: tuple[float, ...] = ()


def tested(measure: Measure, pair: Pair, store: RunStore) -> Tested | Verdict:
    """Return the test of a figure of two networks, or a final verdict if there is no test."""
    blank = Verdict(*pair.labels, measure.quantity, "unclear", pair.seeds)
    if measure.test == "counted":
        return _counted(measure, pair, store, blank)
    refusal = pair.cost_refusal() if measure.quantity.timed else pair.refusal
    if refusal is not None:
        return replace(blank, relation="refused", refusal=refusal)
    return _by_seed(measure, pair, store, blank)


def _by_seed(measure: Measure, pair: Pair, store: RunStore, blank: Verdict) -> Tested | Verdict:
    read = [(_of(measure, a, pair, store), _of(measure, b, pair, store)) for a, b in pair.runs]
    both = [(a, b) for a, b in read if a is not None and b is not None]
    if not both:
        return _refused(blank, "not recorded", _lacking(pair, read))
    draft = replace(blank, n=len(both), left_out=(*pair.left_out(), *_left_out(pair, read)))
    values, baseline = [a for a, _ in both], [b for _, b in both]
    if measure.test == "times":
        return _times(measure, draft, values, baseline)
    if measure.test == "spread":
        return _spread(measure, draft, values, baseline)
    if measure.test == "ratio":
        return by_ratio(measure, draft, values, baseline)
    if len(both) == 1:
        ((run, other),) = [
            runs for runs, found in zip(pair.runs, read, strict=True) if None not in found
        ]
        return _over_images(measure, draft, values[0] - baseline[0], (run, other), store)
    return by_mean(measure, draft, values, baseline)


def _of(measure: Measure, run: Run, pair: Pair, store: RunStore) -> float | None:
    """Return the figure of a run; for spreads it is the score that verdicts on accuracy use."""
    return pair.score.of(run) if measure.test == "spread" else measure.of_run(run, store)


def by_mean(
    measure: Measure, draft: Verdict, values: Sequence[float], baseline: Sequence[float]
) -> Tested | Verdict:
    """Return the paired t-test of the differences.

    It is computed in units of the largest value, so that the rounding threshold fits any figure.
    """
    draft = replace(draft, values=(fmean(values), fmean(baseline)))
    differences = tuple(a - b for a, b in zip(values, baseline, strict=True))
    unit = max(map(abs, (*values, *baseline))) or 1.0
    in_units = [difference / unit for difference in differences]
    if len(differences) < FEWEST:
        return _too_few(draft, unit * paired.mean_difference(in_units))
    test = paired.t_test(in_units).mapped(lambda value: unit * value)
    return Tested(measure, draft, test, differences)


def by_ratio(
    measure: Measure, draft: Verdict, values: Sequence[float], baseline: Sequence[float]
) -> Tested | Verdict:
    """Return the paired t-test of log ratios; a refusal unless all figures are positive."""
    if not all(0 < value < math.inf for value in (*values, *baseline)):
        return _refused(draft, "no value")
    draft = replace(draft, values=(fmean(values), fmean(baseline)))
    logs = tuple(ratios.logs(values, baseline))
    if len(logs) < FEWEST:
        return _too_few(draft, ratios.factor(paired.mean_difference(logs)))
    return Tested(measure, draft, ratios.log_ratio(values, baseline), logs)


def _times(
    measure: Measure, draft: Verdict, values: Sequence[float], baseline: Sequence[float]
) -> Tested | Verdict:
    """Return the test of log ratios if all runs reach the level, otherwise that of censored times.

    In the second case, ``values`` of the verdict are the numbers of runs that reached it.
    """
    if NEVER not in (*values, *baseline):
        return by_ratio(measure, draft, values, baseline)
    reached = tuple(sum(value < NEVER for value in side) for side in (values, baseline))
    draft = replace(draft, values=(reached[0], reached[1]))
    if not any(reached):
        return _refused(draft, "never reached")
    return Tested(measure, draft, censored.prentice_wilcoxon(values, baseline))


def _spread(
    measure: Measure, draft: Verdict, values: Sequence[float], baseline: Sequence[float]
) -> Tested | Verdict:
    if len(values) < FEWEST:
        return replace(draft, relation="too few")
    deviations = tuple(stdev(side) for side in (values, baseline))
    if not all(deviations):
        return _refused(draft, "no value")
    draft = replace(draft, values=(deviations[0], deviations[1]))
    if len(values) < dispersion.FEWEST:
        logs = ratios.logs(*((one,) for one in deviations))
        return _too_few(draft, ratios.factor(paired.mean_difference(logs)))
    return Tested(measure, draft, dispersion.ratio(values, baseline))


def _over_images(
    measure: Measure, draft: Verdict, value: float, runs: tuple[Run, Run], store: RunStore
) -> Verdict:
    """Return the verdict for one seed, with an interval over the test images if possible.

    The interval is Student's t of the differences by image. It is about these two trained networks,
    so the verdict stays undecided.
    """
    if measure.of_images is None:
        return _too_few(draft, value)
    found = [store.predictions(run) for run in runs]
    if len(found[0].labels) != len(found[1].labels):
        return _too_few(draft, value)
    scores = [measure.of_images(one.logits, one.labels) for one in found]
    over = estimates.mean((scores[0] - scores[1]).tolist())
    estimate = Estimate(value, over.low, over.high, 1, "paired t over the test images")
    return replace(draft, relation="too few", estimate=estimate, level=estimates.ALPHA)


def _counted(measure: Measure, pair: Pair, store: RunStore, blank: Verdict) -> Tested | Verdict:
    """Return the verdict on counts, or the test of their ratio if they vary with the seed."""
    sides = [
        [measure.of_run(run, store) for run in group.runs] for group in (pair.model, pair.baseline)
    ]
    known = [[value for value in side if value is not None] for side in sides]
    lacking = tuple(label for label, side in zip(pair.labels, known, strict=True) if not side)
    if lacking:
        return _refused(blank, "not recorded", lacking)
    if measure.on_device and (refusal := _other_device(pair)):
        return replace(blank, relation="refused", refusal=refusal)
    if any(len(set(side)) > 1 for side in known):
        varying = replace(measure, quantity=replace(measure.quantity, scale="ratio"), test="ratio")
        return tested(varying, pair, store)
    a, b = known[0][0], known[1][0]
    return with_counts(blank, a, b, pair.seeds)


def with_counts(blank: Verdict, a: float, b: float, seeds: int) -> Verdict:
    """Return the verdict on two counts.

    It has no ratio if a count is infinite or that of the baseline is 0.
    """
    relation: Relation = "higher" if a > b else "lower" if a < b else "equal"
    finite = 0 < b < math.inf and a < math.inf
    ratio = Estimate(a / b, None, None, seeds, "counted") if finite else None
    return replace(blank, relation=relation, estimate=ratio, values=(a, b))


def _other_device(pair: Pair) -> Refusal | None:
    """Return the refusal if the kinds of device differ: memory is counted differently on each."""
    kinds = [
        tuple(dict.fromkeys(run.environment.device.partition(":")[0] for run in group.runs))
        for group in (pair.model, pair.baseline)
    ]
    if len({*kinds[0], *kinds[1]}) == 1:
        return None
    return Refusal("machine", differing=(Differing("device", kinds[0], kinds[1]),))


def _too_few(draft: Verdict, value: float) -> Verdict:
    """Return a verdict of too few seeds, with an estimate without an interval."""
    made = Estimate(value, None, None, draft.n, "single run" if draft.n == 1 else "mean of seeds")
    return replace(draft, relation="too few", estimate=made)


def _refused(blank: Verdict, reason: Reason, models: tuple[str, ...] = ()) -> Verdict:
    return replace(blank, relation="refused", refusal=Refusal(reason, models))


def _lacking(pair: Pair, read: Sequence[tuple[float | None, float | None]]) -> tuple[str, ...]:
    """Return the networks without the figure in any run; both if they have it for other seeds."""
    without = tuple(
        label
        for label, side in zip(pair.labels, zip(*read, strict=True), strict=True)
        if all(value is None for value in side)
    )
    return without or pair.labels


def _left_out(pair: Pair, read: Sequence[tuple[float | None, float | None]]) -> list[LeftOut]:
    """Return the seeds for which one of the two networks lacks the figure."""
    seeds = [run.trial.seed for run, _ in pair.runs]
    found = []
    for label, side in zip(pair.labels, zip(*read, strict=True), strict=True):
        missing = tuple(s for s, value in zip(seeds, side, strict=True) if value is None)
        if missing:
            found.append(LeftOut(label, missing))
    return found
