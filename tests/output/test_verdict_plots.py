"""Figures of verdicts show the computed verdicts and are legible."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy import stats as scipy_stats

from convcompare.comparison import verdict_words
from convcompare.comparison.assessment import Assessment
from convcompare.comparison.comparison import Comparison
from convcompare.comparison.figures import figure_words
from convcompare.comparison.quantity import ACCURACY
from convcompare.comparison.stats.paired import Spread
from convcompare.core.errors import UsageError
from convcompare.core.registry import register
from convcompare.data.dataset import Sources
from convcompare.output.plots import forest_rows, terminal
from convcompare.output.plots.figure import Drawing, renderer, styled
from convcompare.output.plots.kinds.power import detectable, seeds_for
from convcompare.output.plots.source import Source, draw
from convcompare.output.plots.terminal import ForestLine
from convcompare.store.run_store import RunStore
from tests.support.runs import comparison, trained

NAMES = ("fcn", "simple", "residual", "a-network-with-a-name:width=64x128x256,dropout=0.25", "d",
         *(f"convolutional-network:width=64x128,depth={i}" for i in range(7)))  # fmt: skip


def made(networks: int, seeds: int, *figures: str, step: float = 0.004) -> Comparison:
    """Return a comparison of increasingly accurate networks whose time and parameters grow."""
    rng = np.random.default_rng(5)
    runs = []
    for i, seed in itertools.product(range(networks), range(seeds)):
        noise = rng.standard_normal(3) if step else np.zeros(3)
        run = trained(NAMES[i], seed, 0.9 + i * step + 0.003 * noise[0])
        last = dataclasses.replace(run.history[0], test_loss=0.4 - i * step + 0.01 * noise[1])
        seconds = 10 * (1 + i) * math.exp(0.02 * noise[2])
        cost = dataclasses.replace(run.cost, train_seconds=seconds, parameters=1000 * (1 + i))
        runs.append(dataclasses.replace(run, history=(last,), cost=cost))
    return dataclasses.replace(comparison(*runs), verdict_on=figures)


def drawn(found: Comparison, kind: str = "verdicts") -> list[Drawing]:
    store = RunStore(Path("none"))
    source, assessment = Source(found, store, Sources(Path("none"))), Assessment(found, store)
    assessment.__dict__["marks"] = []  # the runs lack the predictions from which marks are computed
    source.__dict__["assessment"] = assessment
    with styled():
        drawings = draw(register.plot[kind], source)
        for drawing in drawings:
            drawing.figure.draw_without_rendering()
    return drawings


def test_nearly_equal_counts_are_drawn_close_together() -> None:
    """268,650 and 268,810 parameters do not lie at opposite ends of the axis."""
    found = trained("fcn", 0, 0.9), trained("simple", 0, 0.9)
    counts = (268_650, 268_810)
    runs = (
        dataclasses.replace(run, cost=dataclasses.replace(run.cost, parameters=count))
        for run, count in zip(found, counts, strict=True)
    )
    (drawing,) = drawn(dataclasses.replace(comparison(*runs), verdict_on=("parameters",)))
    axes = drawing.figure.axes[-1]
    low, high = axes.get_xlim()
    assert low < -math.log(1.1) and high > math.log(1.1)
    assert sum(low <= tick <= high for tick in axes.get_xticks()) >= 3


FIGURES = ("accuracy", "test-loss", "time", "parameters")


@pytest.mark.parametrize(
    ("networks", "seeds", "step"),
    [(2, 5, 0.004), (6, 3, 0.004), (12, 4, 0.01), (3, 2, 0.004), (3, 4, 0.0)],
)
def test_no_text_overlaps_or_is_clipped(networks: int, seeds: int, step: float) -> None:
    (drawing,) = drawn(made(networks, seeds, *FIGURES, step=step))
    figure, measure = drawing.figure, renderer(drawing.figure)
    boxes = []
    for axes in figure.axes:
        labels = [one for one in axes.get_xticklabels() if one.get_text()]
        low, high = axes.get_xlim()
        ticks = zip(axes.get_xticks(), labels, strict=True)
        shown = [label for place, label in ticks if low <= place <= high]
        texts = [*axes.texts, *axes.get_yticklabels(), *shown, axes.xaxis.label, axes._left_title]
        boxes += [(text.get_window_extent(measure), text.get_text()) for text in texts]
    boxes.append((figure._suptitle.get_window_extent(measure), "headline"))
    for box, text in boxes:
        inside = box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1
        assert inside and box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1, text
    for (a, text), (b, other) in itertools.combinations(boxes, 2):
        assert not a.shrunk(0.98, 0.8).overlaps(b.shrunk(0.98, 0.8)), (text, other)


@pytest.mark.parametrize("seeds", [3, 5, 12])
def test_word_beside_a_row_agrees_with_the_sentence(seeds: int) -> None:
    """For figures other than accuracy, "no clear difference" would imply a power that is not
    computed.
    """
    found = made(6, seeds, "accuracy", "test-loss", "time", step=0.0005)
    assessment = Assessment(found, RunStore(Path("none")))
    assessment.__dict__["marks"] = []
    words = {verdict: forest_rows.word(verdict) for verdict in assessment.verdicts}
    for verdict, word in words.items():
        sentence = figure_words.words(verdict)
        if verdict.quantity.name == ACCURACY.name:
            sentence = verdict_words.words(verdict)
        assert ("inconclusive" in sentence) == (word == "inconclusive"), sentence
        assert ("no clear" in sentence) == (word == "no clear difference"), sentence
    assert {"inconclusive", "worse"} <= {*words.values()}


def test_figure_shows_the_verdicts_best_first() -> None:
    found = made(5, 4, "accuracy", "time")
    (drawing,) = drawn(found)
    rows = [dict(zip(drawing.columns, row, strict=True)) for row in drawing.rows]
    accuracy, time = (
        [r for r in rows if r["figure"] == name] for name in ("test_accuracy", "train_seconds")
    )
    assert [r["estimate"] for r in accuracy] == sorted(
        (r["estimate"] for r in accuracy), reverse=True
    )
    assert [r["estimate"] for r in time] == sorted(r["estimate"] for r in time)
    for axes, part, place in zip(
        drawing.figure.axes, (accuracy, time), (lambda v: 100 * v, math.log), strict=True
    ):
        marks = [line for line in axes.lines if line.get_marker() not in ("|", "<", ">", "None")]
        lines = [line for line in axes.lines if len(line.get_xdata()) == 2][1:]
        for row, mark, line in zip(part, marks, lines, strict=True):
            assert mark.get_xdata()[0] == pytest.approx(place(row["estimate"]))
            filled = to_hex(mark.get_markerfacecolor()) != "#ffffff"
            assert filled == (row["decided"] in ("better", "worse", "equivalent"))
            low, high = axes.get_xlim()
            expected = [max(place(row["low"]), low), min(place(row["high"]), high)]
            assert list(line.get_xdata()) == pytest.approx(expected)


def test_interval_beyond_the_axis_ends_in_an_arrow() -> None:
    runs = [
        trained(name, seed, accuracy)
        for name, values in (
            ("fcn", (0.90, 0.91, 0.90)), ("simple", (0.911, 0.921, 0.9115)),
            ("d", (0.5, 0.99, 0.8)),
            *((f"quiet {i}", (0.91, 0.92, 0.911 + i / 1e4)) for i in range(12)),
        )
        for seed, accuracy in enumerate(values)
    ]  # fmt: skip
    (drawing,) = drawn(comparison(*runs))
    markers = [line.get_marker() for line in drawing.figure.axes[0].lines]
    assert markers.count("<") == markers.count(">") >= 1


def test_two_seeds_have_no_interval_and_one_network_no_figure() -> None:
    (drawing,) = drawn(made(3, 2, "accuracy"))
    assert not [line for line in drawing.figure.axes[0].lines if line.get_marker() == "|"]
    assert "Two seeds have no useful interval" in drawing.caption
    with pytest.raises(UsageError, match="a single network has no baseline"):
        drawn(made(1, 3))


def test_text_forest_is_aligned() -> None:
    rows = [
        ForestLine("good", 2.0, (1.0, 3.0), True, "+2 ± 1  better"),
        ForestLine("unclear", 0.5, (-1.0, 2.0), False, "undecided"),
        ForestLine("refused", None, None, False, "not compared"),
    ]
    text = terminal.forest(rows, 60, "title").splitlines()
    assert text[0] == "title"
    assert "●" in text[1] and "├" in text[1] and text[1].endswith("better")
    assert "○" in text[2] and text[2].index("├") < text[2].index("┼") < text[2].index("┤")
    assert text[1].index("┊") == text[2].index("┼") == text[3].index("┊")
    assert max(map(len, text)) <= 60


def test_power_is_drawn_for_undecided_contrasts() -> None:
    found = made(2, 4, "accuracy", step=0.0005)  # more networks would share their spread
    (drawing,) = drawn(found, "power")
    rows = [dict(zip(drawing.columns, row, strict=True)) for row in drawing.rows]
    undecided = {r["model"] for r in rows}
    for model in undecided:
        sides = [[r.test_accuracy for r in g.finished] for g in found.groups
                 if g.label in (model, "fcn")]  # fmt: skip
        spread = np.std(np.subtract(*sides), ddof=1)
        mine = {r["seeds"]: r for r in rows if r["model"] == model}
        size, n = mine[10]["detectable"] / 100, 10
        level = 0.05
        critical = scipy_stats.t.ppf(1 - level / 2, n - 1)
        shift = size * math.sqrt(n) / spread
        assert scipy_stats.nct.sf(critical, n - 1, shift) == pytest.approx(0.8, abs=1e-3)
        low, high = (spread * math.sqrt(3 / scipy_stats.chi2.ppf(p, 3)) for p in (0.975, 0.025))
        assert mine[10]["low"] / mine[10]["detectable"] == pytest.approx(low / spread)
        assert mine[10]["high"] / mine[10]["detectable"] == pytest.approx(high / spread)


@pytest.mark.parametrize("seeds", [2, 4])
def test_power_shows_the_completed_seeds(seeds: int) -> None:
    (drawing,) = drawn(made(2, seeds, "accuracy", step=0.0005), "power")
    (axes,) = drawing.figure.axes
    dots = [line for line in axes.get_lines() if line.get_xdata()[0] == seeds]
    low, high = axes.get_ylim()
    assert all(low < line.get_ydata()[0] < high for line in dots)
    assert len(dots) == (2 if seeds == 2 else 1), "the dot, and for two seeds the line from there"
    assert sum(low <= tick <= high for tick in axes.yaxis.get_majorticklocs()) >= 2


def test_power_is_refused_if_all_is_decided_or_seeds_are_too_few() -> None:
    with pytest.raises(UsageError, match="every contrast is decided"):
        drawn(made(3, 5, "accuracy", step=0.03), "power")
    with pytest.raises(UsageError, match="the spread over seeds is not known"):
        drawn(made(3, 1, "time"), "power")


def test_seeds_for_a_size_is_the_smallest_number() -> None:
    (verdict,) = [v for v in _verdicts(made(2, 4, "accuracy", step=0.0005)) if not v.settled]
    known = dataclasses.replace(verdict, spreads=(Spread(0.004, 3),))
    seeds = seeds_for(known, 1.0)
    assert seeds is not None
    assert detectable(known, seeds) <= 1.0 < detectable(known, seeds - 1)
    assert seeds_for(known, 1e-6) is None


@pytest.mark.parametrize("figure", ["accuracy", "test-loss"])
def test_power_shows_the_sizes_that_the_verdicts_state(figure: str) -> None:
    """The accuracies of three networks share their spread, which has more degrees of freedom."""
    found = made(3, 3, figure, step=0.0005)
    undecided = [v for v in _verdicts(found) if v.detectable]
    assert undecided
    (drawing,) = drawn(found, "power")
    rows = [dict(zip(drawing.columns, row, strict=True)) for row in drawing.rows]
    for verdict in undecided:
        shown = {r["seeds"]: r["detectable"] for r in rows if r["model"] == verdict.model}
        for seeds, size in ((3, verdict.detectable), (6, verdict.detectable_doubled)):
            assert size and shown[seeds] == pytest.approx(verdict.quantity.factor * size)


def _verdicts(found: Comparison) -> tuple:
    assessment = Assessment(found, RunStore(Path("none")))
    assessment.__dict__["marks"] = []
    return assessment.verdicts
