"""Calibration of each model's probabilities, as trained and temperature-scaled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from convcompare.comparison.metrics.calibration import brier_score, calibration_error, log_loss
from convcompare.comparison.predictions import BINS, Labels, Logits, Reliability, reliability
from convcompare.comparison.stats import estimates
from convcompare.comparison.temperature import HELD_OUT, Scaled, scaled_predictions
from convcompare.core.registry import register

from ..figure import GREY, WIDTH, Drawing, model_rows, panels
from ..limits import BEHIND, arrow_in_row, bulk, padded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.store.run import Run
    from convcompare.store.run_store import Predictions

    from ..source import Source
    from ..style import ModelStyle

ACROSS = 3
FAR = 20.0
"""Factor by which a model must reach further than the others to be outside an axis."""
SCORES: Mapping[str, tuple[str, Callable[[Logits, Labels], float], float]] = {
    "log_loss": ("log loss (nats)", log_loss, 0.05),
    "brier_score": ("Brier score", brier_score, 0.02),
    "calibration_error": ("calibration error (%)", calibration_error, 1.0),
}
"""Title, metric and smallest span of an axis, by name."""


@dataclass(frozen=True)
class CalibratedRun:
    """A finished run: its test predictions, and the same after temperature scaling."""

    run: Run
    plain: Predictions
    scaled: Scaled

    def scores(self) -> dict[str, tuple[float, float | None]]:
        """Return each of `SCORES`, as trained and scaled."""
        labels, scaled = self.plain.labels, self.scaled.logits
        return {
            name: (
                metric(self.plain.logits, labels),
                None if scaled is None else metric(scaled, labels),
            )
            for name, (_, metric, _) in SCORES.items()
        }


@register.plot("calibration", hollow=True)
def calibration(source: Source) -> list[Drawing]:
    """Accuracy against confidence, and proper scores, as trained and temperature-scaled."""
    judged = {
        group.label: [
            CalibratedRun(run, source.store.predictions(run), scaled_predictions(run, source.store))
            for run in group.finished
        ]
        for group in source.groups
    }
    scores = {label: [one.scores() for one in runs] for label, runs in judged.items()}
    return [_diagrams(source, judged, scores), _scores(source, judged, scores)]


Scores = Mapping[str, Sequence[Mapping[str, tuple[float, float | None]]]]
"""Scores of each run, by the label of its model."""


def pooled(found: Sequence[Reliability]) -> Reliability:
    """Return the bins of several runs as one: mean images per run, shares over all images."""
    images = np.sum([one.images for one in found], axis=0)

    def mean(values: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
        sums = [np.nan_to_num(v) * one.images for v, one in zip(values, found, strict=True)]
        whole = np.full(len(images), np.nan)
        np.divide(np.sum(sums, axis=0), images, out=whole, where=images > 0)
        return whole

    mean_images = np.asarray(images / len(found))
    confidence, accuracy = ([getattr(o, n) for o in found] for n in ("confidence", "accuracy"))
    return Reliability(mean_images, mean(confidence), mean(accuracy))


def _bins(runs: Sequence[CalibratedRun]) -> tuple[Reliability, Reliability | None]:
    """Return the bins of a model, as trained and scaled; None if some run could not be scaled."""
    plain = [reliability(one.plain.logits, one.plain.labels) for one in runs]
    scaled = [
        reliability(one.scaled.logits, one.plain.labels)
        for one in runs
        if one.scaled.logits is not None
    ]
    return pooled(plain), pooled(scaled) if len(scaled) == len(runs) else None


def _diagrams(source: Source, judged: Mapping[str, list[CalibratedRun]], scores: Scores) -> Drawing:
    across = min(ACROSS, len(judged))
    rows = math.ceil(len(judged) / across)
    figure, _ = panels(1, 1, 2.95 * rows, WIDTH if across > 1 else 3.6)
    figure.clear()
    every = figure.subplots(
        2 * rows, across, squeeze=False, sharex=True, sharey="row", height_ratios=[3, 1] * rows
    )
    data: list[tuple[object, ...]] = []
    for place, (group, (label, runs)) in enumerate(zip(source.groups, judged.items(), strict=True)):
        upper, lower = every[2 * (place // across) : 2 * (place // across) + 2, place % across]
        plain, scaled = _bins(runs)
        _diagram(upper, lower, plain, scaled, source.look(group, "accuracy"))
        lower.set_ylim(0.5, 2 * source.comparison.conditions.test_images)
        _write(upper, _words(scores[label], runs), [plain] if scaled is None else [plain, scaled])
        for name, bins in (("none", plain), ("temperature", scaled)):
            data += [] if bins is None else list(_rows(label, name, bins))
    for spare in range(len(judged), rows * across):
        for axes in every[2 * (spare // across) : 2 * (spare // across) + 2, spare % across]:
            figure.delaxes(axes)
    _label(every, len(judged), across)
    fitted = _fitted(judged)
    caption = (
        f"Reliability diagram: share of the test images that is right against the mean confidence, "
        f"the probability of the given class, in {BINS} bins of equal width; below, the images of "
        "a run in each bin, on a logarithmic axis. On the diagonal confidence equals accuracy; "
        "below it the model is overconfident. The runs of a model are pooled; the line at a "
        "dot is Wilson's 95 % interval over the images of one run. Grey and dotted: after "
        f"temperature scaling, {fitted}. ECE: expected calibration error, the mean distance from "
        "the diagonal, a mean of the seeds; it is above 0 for a perfectly calibrated network, too."
    )
    alt = "; ".join(
        f"{label}: {', '.join(_words(scores[label], judged[label]))}" for label in judged
    )
    columns = ("model", "scaling", "bin_low", "bin_high", "images", "confidence", "accuracy")
    key = "in colour: as trained · grey, dotted: temperature-scaled · line at a dot: 95 % interval"
    return Drawing("calibration", figure, caption, columns, data, f"Calibration. {alt}.", key)


def _diagram(
    upper: Axes, lower: Axes, plain: Reliability, scaled: Reliability | None, look: ModelStyle
) -> None:
    """Draw the curves of a model into the upper panel and the images per bin into the lower one."""
    upper.plot([0, 100], [0, 100], color=GREY, linewidth=0.7, linestyle="-", zorder=1)
    if scaled is not None:
        dotted = {"marker": ".", "markersize": 4, "linewidth": 0.9, "linestyle": ":"}
        _curve(upper, scaled, color=GREY, zorder=2, **dotted)
        _counts(lower, scaled, fill=False, edgecolor=GREY, linestyle=":", zorder=3)
    _intervals(upper, plain, look.colour)
    _curve(upper, plain, **look.line(), zorder=3)
    _counts(lower, plain, color=look.colour, alpha=0.4)
    upper.set_title(look.name)
    lower.set_yscale("log")
    lower.minorticks_off()
    lower.grid(False, axis="x")


def _write(axes: Axes, lines: Sequence[str], curves: Sequence[Reliability]) -> None:
    """Write in the corner, above or below the diagonal, that has fewer dots."""
    x = np.concatenate([one.confidence[one.images > 0] for one in curves])
    y = np.concatenate([one.accuracy[one.images > 0] for one in curves])
    above, below = ((x < 0.55) & (y > 0.75)).sum(), ((x > 0.45) & (y < 0.25)).sum()
    place = (0.03, 0.95, "left", "top") if above < below else (0.97, 0.05, "right", "bottom")
    axes.text(*place[:2], "\n".join(lines), ha=place[2], va=place[3], fontsize=7,
              transform=axes.transAxes, zorder=4, bbox=BEHIND)  # fmt: skip


def _curve(axes: Axes, bins: Reliability, **look: Any) -> None:
    there = bins.images > 0
    axes.plot(100 * bins.confidence[there], 100 * bins.accuracy[there], **look)


def _intervals(axes: Axes, bins: Reliability, colour: str) -> None:
    for images, confidence, accuracy in zip(
        bins.images, bins.confidence, bins.accuracy, strict=True
    ):
        n = max(1, round(float(images)))
        if images:
            ends = [100 * end for end in estimates.share_interval(round(accuracy * n), n)]
            axes.plot([100 * confidence] * 2, ends, color=colour, linewidth=0.8, alpha=0.45)


def _counts(axes: Axes, bins: Reliability, **look: Any) -> None:
    width = 100 / BINS
    axes.bar((np.arange(BINS) + 0.5) * width, bins.images, 0.92 * width, linewidth=0.8, **look)


def _words(
    scores: Sequence[Mapping[str, tuple[float, float | None]]], runs: Sequence[CalibratedRun]
) -> list[str]:
    """Return ``ECE 3.21 → 1.02 %`` and the temperature, as means of the seeds."""
    before = [one["calibration_error"][0] for one in scores]
    after = [one["calibration_error"][1] for one in scores]
    temperatures = [one.scaled.temperature for one in runs]
    known = [(a, t) for a, t in zip(after, temperatures, strict=True) if a is not None and t]
    if len(known) < len(runs):
        some = f"of {len(known)} of {len(runs)} runs" if known else "none"
        return [f"ECE {100 * np.mean(before):.2f} %", f"temperature: {some}"]
    scaled = 100 * float(np.mean([a for a, _ in known]))
    temperature = float(np.exp(np.mean(np.log([t for _, t in known]))))
    return [f"ECE {100 * np.mean(before):.2f} → {scaled:.2f} %", f"temperature {temperature:.2f}"]


def _rows(label: str, scaling: str, bins: Reliability) -> Iterator[tuple[object, ...]]:
    for i in range(BINS):
        found = bins.confidence[i], bins.accuracy[i]
        known = (None if math.isnan(one) else float(one) for one in found)
        yield label, scaling, i / BINS, (i + 1) / BINS, float(bins.images[i]), *known


def _label(every: npt.NDArray[Any], count: int, across: int) -> None:
    """Label the left of each row, and the last panel of each column."""
    for column in range(min(across, count)):
        last = every[2 * ((count - 1 - column) // across) + 1, column]
        last.set_xlabel("confidence (%)")
        last.tick_params(labelbottom=True)
    for row in range(0, len(every), 2):
        every[row, 0].set(ylabel="accuracy (%)", xlim=(0, 100), ylim=(-3, 103))
        every[row + 1, 0].set_ylabel("images")


def _fitted(judged: Mapping[str, list[CalibratedRun]]) -> str:
    """Describe the images on which the temperatures were fitted, and models without one."""
    words = {one.scaled.fitted_on for runs in judged.values() for one in runs}
    parts = []
    if HELD_OUT in words:
        parts.append("fitted on the training images that the run held out")
    if words - {HELD_OUT}:
        parts.append(
            "fitted on one half of the test images and shown on the other, and the reverse, since "
            "no logits of held-out training images are recorded (`--val-fraction` records them)"
        )
    return " or, for other runs, ".join(parts) + "".join(map(_lacking, judged, judged.values()))


def _lacking(label: str, runs: Sequence[CalibratedRun]) -> str:
    """Describe why a model or some of its runs have no temperature; empty if all have one."""
    whys = [one.scaled.why for one in runs if one.scaled.logits is None]
    if not whys:
        return ""
    which = "none" if len(whys) == len(runs) else f"not of {len(whys)} of {len(runs)} runs"
    return f"; {which} of {label}: {whys[0]}"


def _scores(source: Source, judged: Mapping[str, list[CalibratedRun]], scores: Scores) -> Drawing:
    figure, axes = model_rows([source.looks[label] for label in judged], len(SCORES))
    for one, name in zip(axes, SCORES, strict=True):
        _score_panel(one, source, name, scores)
    caption = (
        "Log loss, Brier score and expected calibration error on the test images, a dot per run; "
        "lower is better. The ticks below the dots: after temperature scaling, "
        f"{_fitted(judged)}. Scaling changes no prediction. `--verdict-on log-loss,brier-score` "
        "compares the two proper scores; the calibration error is biased and gets no verdict."
    )
    columns = ("model", "seed", "run", "temperature", "fitted_on")
    both = tuple(f"{name}{end}" for name in SCORES for end in ("", "_scaled"))
    data = [
        (label, one.run.trial.seed, one.run.id, one.scaled.temperature, one.scaled.fitted_on,
         *(v for name in SCORES for v in found[name]))
        for label in judged
        for one, found in zip(judged[label], scores[label], strict=True)
    ]  # fmt: skip
    alt = "; ".join(_score_words(label, found) for label, found in scores.items())
    key = "dot: a run as trained · tick below: temperature-scaled"
    return Drawing("calibration-scores", figure, caption, (*columns, *both), data, f"{alt}.", key)


def _score_panel(axes: Axes, source: Source, name: str, scores: Scores) -> None:
    """Draw one score of each run, with a row per model and a tick for the scaled value."""
    title, _, least = SCORES[name]
    scale = 100 if name == "calibration_error" else 1
    values = {
        label: [[scale * v for v in run[name] if v is not None] for run in runs]
        for label, runs in scores.items()
    }
    spans = [(min(min(v) for v in runs), max(max(v) for v in runs)) for runs in values.values()]
    if shown := bulk(spans, least, FAR):
        axes.set_xlim(padded(shown, least, (0.0, math.inf)))
    for y, group in enumerate(source.groups):
        look = source.looks[group.label]
        for run, found in zip(group.finished, scores[group.label], strict=True):
            before, after = found[name]
            style = source.look_of_run(group, run, "accuracy").dots()
            axes.plot([scale * before], [y - 0.14], markersize=4.5, alpha=0.75, **style)
            if after is not None:
                axes.plot([scale * after], [y + 0.2], color=look.colour, marker="|", markersize=6)
        flat = [v for run in values[group.label] for v in run]
        arrow_in_row(axes, y, flat, look.colour, "{:.3g}".format)
    axes.set_xlabel(title)


def _score_words(label: str, found: Sequence[Mapping[str, tuple[float, float | None]]]) -> str:
    means = [f"{name.replace('_', ' ')} {np.mean([one[name][0] for one in found]):.3g}"
             for name in SCORES]  # fmt: skip
    return f"{label}: {', '.join(means)}"
