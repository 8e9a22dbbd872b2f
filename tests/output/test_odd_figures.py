"""Figures of unusual runs: diverged, slow, marked, equal, zero, numerous or oddly named."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.lines import Line2D
from matplotlib.text import Text

from convcompare.cli.output import View, emit_assessment
from convcompare.core.errors import UsageError
from convcompare.core.registry import register
from convcompare.output.plots import limits, terminal, vector
from convcompare.output.plots.end_labels import MOST_IN_LEGEND, spread
from convcompare.output.plots.figure import (
    Drawing,
    headline,
    lay_out,
    panels,
    renderer,
    styled,
)
from convcompare.output.plots.fonts import MISSING, drawable, installed, visual_order
from convcompare.output.plots.kinds.accuracy_vs_compute import Stretch, strip
from convcompare.output.plots.kinds.accuracy_vs_cost import pareto
from convcompare.output.plots.rendered import render
from convcompare.output.plots.source import Source
from convcompare.output.plots.style import distinct, looks
from convcompare.output.plots.terminal import forest_range
from convcompare.output.report.document import Bullets
from convcompare.output.report.front import front
from convcompare.output.report.sections import Section
from convcompare.output.tables.sorting import sorted_by
from convcompare.output.tables.verdict_columns import assessed_table
from tests.support.figures import Made, drawn, source

FLAT = (0.7, 0.5, 0.45, 0.449)
"""Losses of a converged training."""
FINE = [
    Made("fcn", (0.95, 0.955, 0.945), FLAT, seconds=10),
    Made("simple", (0.97, 0.972, 0.968), FLAT, seconds=25),
    Made("residual", (0.985, 0.987, 0.986), FLAT, seconds=40),
]


def one(networks: list[Made], kind: str, name: str = "", **more: Any) -> Drawing:
    return next(d for d in drawn(source(networks, **more), kind) if d.name == (name or kind))


@pytest.mark.parametrize("kind", ["accuracy", "learning-curves", "accuracy-vs-compute"])
def test_spread_over_seeds_is_drawn_after_one_epoch(kind: str) -> None:
    networks = [dataclasses.replace(net, losses=(0.5,)) for net in FINE]
    axes = one(networks, kind).figure.axes
    bars = [
        segment[:, 1]
        for panel in axes
        for lines in panel.collections
        if isinstance(lines, LineCollection)
        for segment in lines.get_segments()
    ]
    for net in networks:
        spread = 100 * min(net.accuracies), 100 * max(net.accuracies)
        assert any(bar == pytest.approx(spread) for bar in bars), net.label


def test_cells_of_disagreements_have_the_same_decimals() -> None:
    shown = [text.get_text() for text in one(FINE, "disagreements").figure.axes[0].texts]
    assert len(shown) == 9 and all(re.fullmatch(r"\d+\.\d", text) for text in shown)


@pytest.mark.parametrize(("images", "unit"), [(400, "counts"), (40_000, "per cent of the row")])
def test_caption_of_a_confusion_matrix_names_its_unit(images: int, unit: str) -> None:
    """Counts too long for their cells become percentages."""
    drawing = one(FINE, "confusion-matrix", images=images)
    assert f"(columns): {unit}, mean of the seeds" in drawing.caption


def texts(drawing: Drawing) -> Iterator[Text]:
    """Iterate over the visible texts of a figure."""
    for text in drawing.figure.findobj(Text):
        if isinstance(text, Text) and text.get_visible() and text.get_text().strip():
            yield text


def words(drawing: Drawing) -> list[str]:
    return [text.get_text() for text in texts(drawing)]


def marks(drawing: Drawing, marker: str, panel: int = 0) -> list[Line2D]:
    """Return the unclipped markers of a panel, which may lie on its edge."""
    lines = drawing.figure.axes[panel].lines
    return [line for line in lines if line.get_marker() == marker and not line.get_clip_on()]


# Limits


@pytest.mark.parametrize(
    ("spans", "least", "expected"),
    [
        ([(0, 1), (0, 1.2), (0, 100)], 0.1, (0, 1.2)),
        ([(0, 1), (0, 2), (0, 5), (0, 12)], 0.1, (0, 12)),  # each extends only a few times further
        ([(9.8, 9.9), (9.7, 9.9), (1, 1.1)], 0.1, (9.7, 9.9)),
        ([(9.8, 9.9), (9.7, 9.9), (9.3, 9.3)], 0.5, (9.3, 9.9)),  # too near to matter
        ([(0, 1), (0, 5)], 0.1, (0, 5)),
        ([(0, 1), (0, 1e6)], 0.1, (0, 1)),
        ([(3, 3)], 0.1, (3, 3)),
        ([(3, 3), (3, 3)], 0.1, (3, 3)),
        ([(0, 1), (0, 1), (0, float("inf"))], 0.1, (0, 1)),
        ([(0, float("nan"))], 0.1, None),
    ],
)
def test_bulk_covers_most_spans(spans: Any, least: float, expected: Any) -> None:
    assert limits.bulk(spans, least) == (None if expected is None else pytest.approx(expected))
    assert limits.bulk(spans[::-1], least) == limits.bulk(spans, least)


def test_bulk_contains_at_least_half_of_the_values() -> None:
    rng = np.random.default_rng(3)
    for size in (1, 2, 3, 8, 31):
        values = np.sort(10.0 ** rng.uniform(-6, 6, size))
        found = limits.bulk([(v, v) for v in values.tolist()], 1e-9)
        assert found is not None
        assert ((values >= found[0]) & (values <= found[1])).sum() >= size / 2
        assert np.isclose(values, found[1]).any()


def test_axis_excludes_a_spike_and_includes_the_first_epoch() -> None:
    usual = np.array([2.3, 0.5, 0.3, 0.2, 0.15])
    spiked = np.array([2.3, 0.5, 4e4, 0.2, 0.15])
    curves = [np.stack([one, one], axis=1) for one in (usual, usual)]
    assert limits.of_curves(curves, 0.02) == pytest.approx((0.15, 2.3))
    curves = [np.stack([one, one], axis=1) for one in (spiked, spiked)]
    assert limits.of_curves(curves, 0.02) == pytest.approx((0.15, 2.3))


def test_axis_of_one_epoch_includes_all_networks_except_spikes() -> None:
    points = [np.array([[value, value]]) for value in (0.38, 0.16)]
    assert limits.of_curves(points, 0.02) == (0.16, 0.38)
    assert limits.of_curves([*points, np.array([[8e6, 8e6]])], 0.02) == (0.16, 0.38)


WILD = Made("wild", (0.31, 0.32, 0.30), (1.2, 3e4, 8e6, 2e5))


@pytest.mark.parametrize("kind", ["loss", "learning-curves"])
def test_diverging_loss_has_an_arrow_and_its_number(kind: str, tmp_path: Path) -> None:
    drawing = one([*FINE, WILD], kind)
    assert drawing.figure.axes[0].get_ylim()[1] < 1
    panel = 0 if kind == "loss" else 6
    (arrow,) = marks(drawing, "^", panel)
    assert arrow.get_ydata()[0] == drawing.figure.axes[panel].get_ylim()[1]
    assert arrow.get_xdata()[0] == 3
    highest = 8e6 * 1.04
    assert f"{highest:.3g}" in words(drawing)
    drawing.save(tmp_path)
    rows = list(csv.DictReader((tmp_path / f"{kind}.csv").read_text().splitlines()))
    assert max(float(row["test_loss"]) for row in rows) == pytest.approx(highest)


def test_outlying_accuracy_does_not_compress_the_others() -> None:
    seeds = one([*FINE, WILD], "seeds")
    low, high = seeds.figure.axes[0].get_xlim()
    assert 90 < low < 94
    assert high < 100
    assert next(arrow.get_xdata()[0] for arrow in marks(seeds, "<")) == low
    assert "30.00" in words(seeds)
    costs = one([*FINE, WILD], "accuracy-vs-cost")
    assert costs.figure.axes[0].get_ylim()[0] > 90
    assert all(len(marks(costs, "v", panel)) == 1 for panel in range(4))
    forest = one([*FINE, WILD], "verdicts")
    assert forest.figure.axes[0].get_xlim()[0] > -20
    assert any(text.strip().startswith("−64") for text in words(forest))


def test_bar_lengths_are_the_times() -> None:
    """Bars are never clipped; times far apart get points on a logarithmic axis."""
    for slow, scale in ((100, "linear"), (4000, "log")):
        drawing = one([*FINE, Made("slow", losses=FLAT, seconds=slow)], "time")
        for axes in drawing.figure.axes:
            assert axes.get_xscale() == scale
            points = np.concatenate([np.asarray(line.get_xdata()) for line in axes.lines])
            low, high = axes.get_xlim()
            assert low <= points.min() and points.max() <= high
            lengths = [patch.get_width() for patch in axes.patches]
            assert len(lengths) == (len(FINE) + 1 if scale == "linear" else 0)
            assert lengths == sorted(lengths) and max(lengths, default=high) <= high


def test_forest_range_excludes_an_outlier() -> None:
    rows = [(v, (v - 0.5, v + 0.5)) for v in (0.2, 0.9, 1.4, -60.0)]
    low, high = forest_range(rows)
    assert -3 < low < -0.3
    assert 1.9 <= high < 4


def test_intervals_end_at_100_per_cent_and_are_not_clipped() -> None:
    for network in (Made("alone", (0.9975,), FLAT), Made("alone", (0.99, 0.999, 0.97), FLAT),
                    Made("alone", (1.0,), FLAT), Made("alone", (1.0, 1.0, 1.0), FLAT)):  # fmt: skip
        drawing = one([network], "seeds")
        axes = drawing.figure.axes[0]
        low, high = axes.get_xlim()
        drawn_at = np.concatenate([np.asarray(line.get_xdata()) for line in axes.lines])
        assert drawn_at.max() <= 100
        assert low < drawn_at.min() and drawn_at.max() < high
        assert not marks(drawing, "<") and not marks(drawing, ">")
        assert all(tick <= 100.001 for tick in axes.get_xticks() if low <= tick <= high)
        assert high - low >= 0.5


def test_numbers_of_a_text_figure_have_the_same_decimals() -> None:
    text = terminal.curves({"a": [44.0, 47.25], "b": [45.0, 50.5]}, 60, "accuracy", "epoch")
    shown = [line.split(" ┤")[0] for line in text.splitlines() if line[0].isdigit()]
    assert shown == ["50.50", "47.25", "44.00"]
    assert "47.25" in text.splitlines()[-1]
    assert "50.50" in text.splitlines()[-1]


def test_text_figure_of_one_value_has_no_negative_loss() -> None:
    text = terminal.curves({"a": [0.005]}, 60, "loss", "epoch")
    shown = [float(line.split(" ┤")[0]) for line in text.splitlines() if line[0].isdigit()]
    assert shown == [0.02, 0.01, 0.0]


def test_both_networks_of_a_pair_are_named_in_a_text_forest() -> None:
    rows = [terminal.ForestLine("Residual CNN vs Simple CNN", 1.0, (0.5, 1.5), True, "+1 better")]
    assert "Residual CNN vs Simple CNN" in terminal.forest(rows, 80, "Test accuracy", 26)


def test_text_figures_mark_outliers() -> None:
    text = terminal.curves({"a": [2.0, 1.0], "b": [2.2, 0.9], "c": [2.0, 9e6]}, 40, "loss", "epoch")
    assert text.splitlines()[1].lstrip().startswith("2.20 ┤")
    assert "▲ c to 9e+06" in text
    bars = terminal.bars({"a": 10.0, "b": 20.0, "c": 400.0}, 60, "time", str).splitlines()
    assert bars[3].endswith("█ 400.0")
    full = bars[3].count("█")
    assert bars[2].count("█") == 20 * full // 400, "bars are as long as the values"
    dots = terminal.dots({"a": [98.0, 98.5], "b": [97.5], "c": [10.0]}, 40, "accuracy").splitlines()
    assert dots[3].startswith("c ◂")
    assert dots[1].count("●") == 2


# Order


def test_best_network_is_first_and_keeps_its_colour() -> None:
    for kind, expected_order in (("seeds", ["residual", "simple", "fcn"]),
                        ("time", ["fcn", "simple", "residual"])):  # fmt: skip
        shuffled = [FINE[1], FINE[2], FINE[0]]
        drawing = one(shuffled, kind)
        axes = drawing.figure.axes[0]
        assert [text.get_text() for text in axes.get_yticklabels()] == expected_order
        assert axes.get_ylim()[0] > axes.get_ylim()[1]
        colours = {line.get_label(): line.get_color() for line in axes.lines}
        expected = looks([network.label for network in shuffled])
        assert all(colours[name] == look.colour for name, look in expected.items())
        assert [row[0] for row in drawing.rows][:3] == ["simple"] * 3, "data keep their order"


# Marks

MARKED = [
    Made("waits", (0.95, 0.955, 0.945), FLAT, waited=0.5, seconds=5),
    Made("learns-on", (0.99, 0.991, 0.992), (1.2, 0.9, 0.6, 0.3), seconds=12),
    Made("sums-to-one", (0.98, 0.98, 0.981), FLAT, found=("probabilities",), seconds=13),
    Made("fell", (0.97, 0.971, 0.972), FLAT, diverged=1, seconds=14),
    *FINE[:2],
]
OF_ACCURACY = {"learns-on", "sums-to-one", "fell"}


def hollow(drawing: Drawing, panel: int = 0) -> set[str]:
    """Return the models that have an unfilled marker."""
    axes = drawing.figure.axes[panel]
    lines = [line for line in axes.lines if line.get_marker() not in ("", "None", "|", None)]
    return {
        str(line.get_label()) for line in lines
        if not str(line.get_label()).startswith("_") and line.get_markerfacecolor() == "white"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "panel", "expected"),
    [
        ("seeds", 0, OF_ACCURACY - {"fell"}),  # each dot is a run; diverged ones have none
        ("loss", 0, OF_ACCURACY),
        ("accuracy-vs-cost", 0, OF_ACCURACY),
        ("accuracy-vs-cost", 2, OF_ACCURACY | {"waits"}),
        ("time", 0, {"waits"}),
    ],
)
def test_marked_runs_are_hollow_and_named(kind: str, panel: int, expected: set[str]) -> None:
    drawing = one(MARKED, kind)
    assert hollow(drawing, panel) == expected
    key = drawing.figure.get_suptitle()
    assert "hollow: " in key
    expected_words = {
        "time": ["shared the machine: waits"],
        "seeds": ["not converged: learns-on", "probabilities: sums-to-one"],
    }
    for mark in expected_words.get(kind, []):
        assert mark in key
        assert mark in drawing.caption
    if kind == "time":
        bars = {
            str(bar.get_label()): bar.patches[0].get_facecolor()
            for bar in drawing.figure.axes[0].containers
        }
        assert bars["waits"] == to_rgba("white", 0.3)
        assert bars["simple"] != bars["waits"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"threads": 7}, "times with 1 and 7 threads"),
        ({"processor": "another"}, "times of 2 different machines"),
        ({}, None),
    ],
)
def test_incomparable_times_are_named(change: dict[str, Any], words: str | None) -> None:
    found = source(FINE[:2])
    first, other = found.comparison.groups
    environment = dataclasses.replace(first.finished[0].environment, threads=1)
    place = dataclasses.replace(environment, **change)
    groups = [
        dataclasses.replace(
            group,
            runs=tuple(
                dataclasses.replace(run, environment=where, timing=None) for run in group.runs
            ),
        )
        for group, where in ((first, environment), (other, place))
    ]
    mixed = Source(
        dataclasses.replace(found.comparison, groups=tuple(groups)), found.store, found.sources
    )
    (drawing,) = drawn(mixed, "time")
    bars = register.plot["time"].info["terminal"](mixed, 100)
    for text in (drawing.figure.get_suptitle(), drawing.caption, bars):
        assert ("times w" in text or "times of" in text) == (words is not None)
        assert words is None or words in text


def test_decided_verdict_of_a_marked_run_is_hollow() -> None:
    drawing = one([FINE[0], MARKED[1], FINE[2]], "verdicts")
    axes = drawing.figure.axes[0]
    points = [line for line in axes.lines if line.get_markersize() == 6]
    fills = [line.get_markerfacecolor() for line in points]
    assert fills.count("white") == 1
    assert "better" in " ".join(words(drawing))


def test_mark_of_another_figure_does_not_make_a_verdict_hollow() -> None:
    (waits,) = (network for network in MARKED if network.label == "waits")
    drawing = one([FINE[0], waits], "verdicts")
    assert "shared the machine" not in drawing.figure.get_suptitle()


def test_curve_beyond_the_axis_is_labelled_with_its_range() -> None:
    drawing = one([*FINE, Made("wild", activation=1e3)], "activation-statistics")
    beyond = [word for word in words(drawing) if " to " in word]
    assert len(beyond) == 2, "mean and standard deviation, whose layers are all beyond"
    for word in beyond:
        low, high = map(float, word.split(" to "))
        assert 10 < low < high < 1000


LONG = (
    "bar: 95 % interval · grey steps: no model is both cheaper and better than these · hollow: "
    "shared the machine: 4 of 4 networks · "
) * 4


def test_headline_fits_the_figure_at_every_resolution() -> None:
    for width in np.arange(2, 7.2, 0.4).tolist():
        for dpi in (72, 100, 160, 200, 300):
            with styled():
                figure, _ = panels(1, 1, 2, width)
                figure.set_dpi(dpi)
                headline(figure, LONG)
                lay_out(figure)
                (title,) = (
                    text
                    for text in figure.findobj(Text)
                    if text.get_text() == figure.get_suptitle()
                )
                assert "\n" in title.get_text()
                assert title.get_window_extent(renderer(figure)).x1 <= width * dpi


def test_marked_runs_are_never_the_best_of_a_table() -> None:
    assessment = source(MARKED).assessment
    table = assessed_table(assessment)
    columns = {column.key: column for column in table.columns}
    names = [row["model"] for row in table.rows]
    best = {key: {names[row] for row in table.best(columns[key])} for key in columns}
    assert best["test_accuracy"] == {"simple"}, "those that are higher have marks"
    assert best["time"] == {"fcn"}, "the fastest shared the machine"
    ordered = sorted_by(table, "test_accuracy")
    placed = [row["model"] for row in ordered.rows]
    assert {placed[row] for row in ordered.best(columns["test_accuracy"])} == {"simple"}
    assert any("times (shared the machine: waits" in note for note in table.notes)
    assert any("bold" in note for note in table.notes)
    assert not any("bold" in note for note in assessed_table(source(FINE[:1]).assessment).notes)
    with_epoch_time = dataclasses.replace(
        assessment,
        comparison=dataclasses.replace(assessment.comparison, verdict_on=("epoch-time",)),
    )
    more = assessed_table(with_epoch_time)
    (column,) = (one for one in more.columns if one.key == "epoch_seconds")
    assert {names[row] for row in more.best(column)} == {"fcn"}
    assert not assessed_table(source(FINE).assessment).doubted


def test_spread_over_seeds_has_a_column_if_a_verdict_uses_it() -> None:
    assessment = source(FINE).assessment
    with_stability = dataclasses.replace(
        assessment,
        comparison=dataclasses.replace(assessment.comparison, verdict_on=("stability",)),
    )
    table = assessed_table(with_stability)
    (column,) = (one for one in table.columns if one.key == "stability")
    assert column.title == "spread (points)"
    assert [column.show(row["stability"]) for row in table.rows] == ["0.50", "0.20", "0.10"]


# Many networks


def test_labels_are_moved_apart_as_little_as_possible() -> None:
    assert spread([0.1, 0.5, 0.9], 0.2) == [0.1, 0.5, 0.9]
    assert spread([0.5, 0.5], 0.2) == pytest.approx([0.4, 0.6])
    assert spread([0.0, 0.0, 0.0], 0.1) == pytest.approx([0.0, 0.1, 0.2])
    found = spread([1.0, 0.3, 1.0, 0.31], 0.1)
    assert found == pytest.approx([0.9, 0.255, 1.0, 0.355])


@pytest.mark.parametrize(
    "kind", ["accuracy", pytest.param("accuracy-vs-cost", marks=pytest.mark.torture)]
)
def test_many_models_are_named_beside_their_curves(kind: str) -> None:
    count = 14
    networks = [
        Made(f"cnn:layers=8-MP,hidden={n},seed", (0.9 + 0.002 * n,), FLAT, parameters=1000 + 99 * n)
        for n in range(count)
    ]
    drawing = one(networks, kind)
    assert not drawing.figure.legends
    names = [look.name for look in looks([network.label for network in networks]).values()]
    assert names[3] == "cnn:…hidden=3…"
    axes = drawing.figure.axes[-1]
    labels = [text for text in axes.texts if text.get_text() in names]
    assert sorted(text.get_text() for text in labels) == sorted(names)
    measure = renderer(drawing.figure)
    boxes = [Text.get_window_extent(text, measure) for text in labels]
    for a, b in itertools.combinations(boxes, 2):
        assert not a.overlaps(b)
    assert max(box.x1 for box in boxes) <= drawing.figure.bbox.x1
    by_name = {text.get_text(): box.y0 for text, box in zip(labels, boxes, strict=True)}
    heights = [by_name[name] for name in names]
    assert heights == sorted(heights), "the order is that of the accuracies"
    few = one(networks[:MOST_IN_LEGEND], kind)
    assert len(few.figure.legends[0].get_texts()) == MOST_IN_LEGEND


# Zeros and equal values


def test_zero_gradient_is_named_and_drawn() -> None:
    networks = [Made("zero", losses=FLAT, gradient=0.0, activation=0.0), *FINE[:2],
                Made("huge", losses=FLAT, gradient=1e12)]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        by_layer, by_epoch, heat = drawn(source(networks), "gradients")
        shown = one(networks, "activations")
    assert words(by_layer).count("0 in every layer") == 1
    (feet,) = marks(by_layer, "v")
    assert list(feet.get_xdata()) == [1, 2, 3]
    assert set(feet.get_ydata()) == {0}
    assert by_layer.figure.axes[0].get_ylim()[1] < 1e3, "the huge one has an arrow"
    assert len(marks(by_layer, "^", 3)) == 1
    assert "exactly 0" in by_layer.figure.get_suptitle()
    assert "Of zero it is 0 in every layer." in by_layer.caption
    assert any(len(line.get_xdata()) == 5 for line in marks(by_epoch, "v"))
    image = heat.figure.axes[0].images[0]
    assert np.ma.getmaskarray(image.get_array()).all()
    assert to_rgba(image.get_cmap().get_bad()) == to_rgba("#bbbbbb")
    assert any("zero" in text and "0 everywhere" in text for text in words(shown))


def test_equal_matrices_are_labelled_equal() -> None:
    networks = [FINE[0], dataclasses.replace(FINE[0], label="twin"), FINE[2]]
    drawing = one(networks, "confusion-matrix", "confusion-matrix-difference")
    twin, other = drawing.figure.axes[:2]
    assert "equal" in [text.get_text() for text in twin.texts]
    assert "equal" not in [text.get_text() for text in other.texts]
    assert f"twin has as many test images right as {FINE[0].label} (all equal)" in drawing.alt
    assert f"{FINE[2].label} has 14.3 more test images right than {FINE[0].label}" in drawing.alt


# Names


@pytest.mark.parametrize("long", [True, False])
def test_labels_of_100_classes_are_distinct_and_do_not_overlap(long: bool) -> None:
    classes = [f"{'superclass-of-things/variant-' if long else ''}{n:02}" for n in range(100)]
    drawing = one(FINE[:2], "confusion-matrix", classes=classes, images=1000)
    axes = drawing.figure.axes[0]
    labels = [text for text in axes.get_yticklabels() if text.get_text()]
    shown = [text.get_text() for text in labels]
    assert len(set(shown)) == len(shown) > 10
    step = round(100 / len(shown))
    assert all(text.endswith(f"{step * n:02}") for n, text in enumerate(shown))
    boxes = [text.get_window_extent(renderer(drawing.figure)) for text in labels]
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
    assert all(name in drawing.caption for name in classes)


@pytest.mark.parametrize(("networks", "kind"), [(10, "svg"), (11, "png")])
def test_matrices_of_many_networks_are_one_image(networks: int, kind: str) -> None:
    many = [dataclasses.replace(FINE[0], label=f"net {n}") for n in range(networks)]
    with styled():
        drawing = one(many, "confusion-matrix", classes=[*"abcdefghij"], images=100)
        assert any(axes.images for axes in drawing.figure.axes) == (kind == "png")
        found = render(drawing)
    assert found.kind == kind
    assert words(drawing).count("10") == 4 * networks, "the counts are written either way"


@pytest.mark.parametrize(("count", "kind"), [(10, "svg"), (11, "png")])
def test_matrix_of_few_classes_has_numbers_and_is_a_vector_drawing(count: int, kind: str) -> None:
    classes = [f"kind {n}" for n in range(count)]
    with styled():
        drawing = one(FINE[:3], "confusion-matrix", classes=classes, images=50 * count)
        upper, right, lower = drawing.figure.axes[:3]
        found = render(drawing)
    assert found.kind == kind
    assert ("number: " in drawing.key) == (kind == "svg"), "the headline names what is there"
    panels = (upper, right, lower)
    at_left = [any(t.get_text() for t in one.get_yticklabels()) for one in panels]
    at_foot = [any(t.get_text() for t in one.get_xticklabels()) for one in panels]
    assert (at_left, at_foot) == ([True, False, True], [False, True, True])
    mesh = upper.collections[0] if upper.collections else upper.images[0]
    shown = np.asarray(mesh.get_array()).reshape(count, count)
    given = [row for row in drawing.rows if row[0] == FINE[0].label]
    assert shown.ravel() == pytest.approx([100 * row[4] for row in given])
    place = upper.transData.transform([(0, 0), (0, count - 1)])
    assert place[0, 1] > place[1, 1], "the first class is the uppermost"
    if kind == "svg":  # text on coloured cells keeps its colour on a dark page
        page = vector.inline(found.file, "x", "", 1, 1)
        seamless = re.findall(r"fill:(#\w+);stroke:\1", page)
        assert len(seamless) == 3 * count**2, "no line of the page shows through between cells"
        fills = re.findall(r"<text[^>]*?(?:fill:|fill=\")([^;\"]+)[^>]*>\d", page)
        assert fills and "var(" not in "".join(fills)


def test_counts_too_long_for_their_cells_become_percentages() -> None:
    drawing = one(FINE[:1], "confusion-matrix", images=40_000)
    assert "95" in words(drawing)
    assert "per cent of the true class" in drawing.figure.get_suptitle()
    assert max(row[3] for row in drawing.rows) == pytest.approx(9500)


def test_small_share_is_not_shown_as_zero() -> None:
    one_wrong = dataclasses.replace(FINE[0], accuracies=(1 - 1 / 40_000,))
    drawing = one([one_wrong], "confusion-matrix", images=40_000)
    shown = Counter(text.get_text() for text in drawing.figure.axes[0].texts)
    assert shown == {"100": 4, "<0.1": 1, "": 11}, "one image of the 10,000 of a class"


def contrast(text: Text, drawing: Drawing) -> float:
    """Return the contrast ratio of a text and its background, as WCAG 2.2 defines it."""
    box = text.get_window_extent(renderer(drawing.figure))
    pixels = np.asarray(drawing.figure.canvas.buffer_rgba())[::-1] / 255  # type: ignore[attr-defined]
    behind = pixels[round(box.y0) - 2, round((box.x0 + box.x1) / 2)]
    lights = []
    for colour in (behind, to_rgba(text.get_color())):
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour[:3]]
        lights.append(np.dot(linear, (0.2126, 0.7152, 0.0722)) + 0.05)
    return float(max(lights) / min(lights))


def test_numbers_in_cells_have_contrast_and_do_not_touch() -> None:
    wrong = dataclasses.replace(FINE[0], accuracies=(0.7, 0.62, 0.9995))
    networks = [dataclasses.replace(FINE[1], accuracies=(1 - 1 / 40_000,)), wrong, FINE[2]]
    classes = [*"abcdefghij"]
    with styled():
        for name in ("confusion-matrix", "confusion-matrix-difference"):
            drawing = one(networks, "confusion-matrix", name, classes=classes, images=40_000)
            drawing.picture()
            drawing.figure.canvas.draw()
            for axes in drawing.figure.axes[:2]:
                cells = [text for text in axes.texts if text.get_text()]
                assert cells
                assert min(contrast(text, drawing) for text in cells) > 4.5
                boxes = [text.get_window_extent(renderer(drawing.figure)) for text in cells]
                width = axes.get_window_extent().width / len(classes)
                assert max(box.width for box in boxes) < 0.9 * width


def test_colour_bar_of_a_difference_has_the_unit_of_its_numbers() -> None:
    drawing = one(FINE[:2], "confusion-matrix", "confusion-matrix-difference", images=40_000)
    axes, bar = drawing.figure.axes
    assert bar.get_ylabel() == "difference (points)"
    shown = np.asarray(axes.collections[0].get_array()).ravel()
    numbers = [text.get_text().replace("\N{MINUS SIGN}", "-") for text in axes.texts]
    assert [float(number or 0) for number in numbers] == [pytest.approx(v, abs=0.51) for v in shown]


def test_names_without_room_above_a_strip_become_markers() -> None:
    """The axis has ten decades, each a tenth of the panel."""
    decades = {"one": (0, 2), "name of some length": (2, 3.5), "a similar one": (3.5, 5),
               "two": (5, 9), "end": (9, 9.5), "none": (9.5, 9.6)}  # fmt: skip
    with styled():
        figure, (axes, _) = panels(2, 2, 3.0)
        axes.set_xscale("log")
        axes.set_xlim(1, 1e10)
        ahead = [Stretch(name, 10**low, 10**high) for name, (low, high) in decades.items()]
        strip(axes, ahead, source([Made(name) for name in decades]))
        figure.draw_without_rendering()
        extents = [text.get_window_extent(renderer(figure)) for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == ["one", "two"]
    assert len(axes.lines) == 3, "the markers of three others"
    for extent, name in zip(extents, ("one", "two"), strict=True):
        (low, _), (high, _) = axes.transData.transform([(10**v, 0) for v in decades[name]])
        assert low < extent.x0 and extent.x1 < high


def test_axis_contains_all_shares_of_dead_units() -> None:
    networks = [Made(f"net {i}", dead=float(i > 4)) for i in range(8)]
    drawing = one(networks, "activation-statistics")
    low, high = drawing.figure.axes[2].get_ylim()
    shares = [100 * dead for *_, dead in drawing.rows]
    assert (min(shares), max(shares) > 50) == (0, True)
    assert -10 < low < min(shares) and max(shares) < high < 110
    assert not marks(drawing, "^", 2)


def test_effective_field_behind_a_gate_is_that_of_its_path() -> None:
    drawing = one([Made("plain"), Made("gate", gated=True)], "receptive-field", "effective-field")
    assert [axes.get_title("left").splitlines() for axes in drawing.figure.axes[:2]] == [
        ["plain", "4.0 px, 57 % of the field"],
        ["gate", "4.0 px, 57 % without gates"],
    ]


def test_layer_ticks_are_evenly_spaced() -> None:
    _, _, heat = drawn(source(FINE), "gradients")
    for axes in heat.figure.axes[:3]:
        steps = np.diff(axes.get_yticks())
        assert len(set(steps)) <= 1
        assert float(steps[0]).is_integer()


@pytest.mark.parametrize("kind", ["gradients", "activation-statistics", "receptive-field"])
def test_figure_of_one_seed_states_it(kind: str) -> None:
    heads = [drawing.figure.get_suptitle() for drawing in drawn(source(FINE), kind)]
    assert all(head.startswith("tiny · first of 3 seeds") for head in heads)
    assert drawn(source(FINE), "seeds")[0].figure.get_suptitle().startswith("tiny · 3 seeds")


def test_svg_colours_follow_the_theme_of_the_page() -> None:
    for kind in ("loss", "gradients", "accuracy-vs-cost", "receptive-field", "verdicts", "seeds"):
        with styled():
            for drawing in drawn(source(FINE), kind):
                found = render(drawing)
                if found.kind == "svg":
                    page = vector.inline(found.file, "x", "", 1, 1)
                    assert not re.findall(r"(?:stroke|fill):#\w+", page), drawing.name


def test_characters_without_a_font_are_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd = "\U00017000"  # Tangut, which none of the font families contains
    names = [f"net{odd}", f"net{odd}{odd}", f"{odd}net", "a$b$c", "קפה"]
    networks = [dataclasses.replace(FINE[0], label=name) for name in names]
    found = source(networks, classes=(odd, "b", "c", "d"))
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        (drawing,) = drawn(found, "seeds")
        drawing.picture()
    assert not caplog.records
    note = f"{MISSING}: a character that no installed font has"
    assert found.left_out().count(note) == 1
    assert note in drawing.figure.get_suptitle()
    assert f"net{MISSING}" in words(drawing)
    assert r"a\$b\$c" in words(drawing)
    assert next(iter(drawing.rows))[0] == names[0], "the data keep the name"
    assert note not in source(FINE).left_out()


def test_missing_font_weight_logs_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "matplotlib"):
        with styled():
            findfont(FontProperties(family="DejaVu Sans", weight=200))
        assert not caplog.records
        findfont(FontProperties(family="DejaVu Sans", weight=300))
    assert "Failed to find font weight" in caplog.text, "outside, matplotlib logs it"


def test_home_without_a_folder_for_matplotlib_logs_no_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLCONFIGDIR", "/proc/none")
    find: Any = vars(matplotlib)["_get_config_or_cache_dir"]
    with caplog.at_level(logging.WARNING, "matplotlib"), styled():
        found = find(lambda: Path("/proc/none"))
    assert Path(found).is_dir() and not caplog.records


def test_names_that_look_alike_are_numbered() -> None:
    found = distinct(["\U00017000", "\U00017001", "plain", "plain"], 12)
    assert [drawable(name) for name in found] == [MISSING, f"{MISSING} (2)", "plain", "plain"]


def test_only_installed_fonts_are_used() -> None:
    assert installed()[0] == "DejaVu Sans", "which matplotlib brings"
    assert drawable("Grüße ×2 …\n") == "Grüße ×2 …\n"


def test_right_to_left_text_is_reordered_for_drawing() -> None:
    assert visual_order("net:width=8") == "net:width=8"
    assert visual_order("net-אבג") == "net-גבא"
    assert visual_order("אב גד:x") == "דג בא:x"
    assert visual_order("א 12 ב") == "ב 12 א"


# Letters and sizes

QUICK = ("loss", "seeds", "confusion-matrix", "verdicts")


@pytest.mark.parametrize(
    ("networks", "kinds"),
    [
        ([*MARKED[:2], WILD], QUICK),
        *(
            pytest.param(networks, register.plot.names(), marks=pytest.mark.torture)
            for networks in ([*MARKED, WILD], [Made("zero", losses=FLAT, gradient=0.0), FINE[0]],
                             [Made("alone", (0.9975,), FLAT)])
        ),
    ],
    ids=["few", "marked", "zero", "alone"],
)  # fmt: skip
def test_text_is_large_enough_and_the_headline_fits_any_size(
    networks: list[Made], kinds: list[str]
) -> None:
    """Every text of every figure is measured, again after a change of the figure's size."""
    found = source(networks, images=20_000)
    for kind in kinds:
        try:
            drawings = drawn(found, kind)
        except UsageError:
            continue
        for drawing in drawings:
            figure = drawing.figure
            assert all(text.get_fontsize() >= 7 for text in texts(drawing)), drawing.name
            assert figure.get_figwidth() <= 7
            figure.set_size_inches(4.6, 1.1 * figure.get_figheight())
            figure.draw_without_rendering()
            measure, edge = renderer(figure), figure.bbox
            head: Any = figure._suptitle  # type: ignore[attr-defined]
            box = head.get_window_extent(measure)
            assert box.x1 <= edge.x1 + 1, drawing.name
            assert box.y1 <= edge.y1 + 1, drawing.name
            panels = [axes.get_tightbbox(measure) for axes in figure.axes if axes.axison]
            assert max((one.y1 for one in panels if one), default=0) <= box.y0 + 2, drawing.name


def test_class_without_test_images_has_no_share() -> None:
    found = source([Made("a")], classes=("cat", "dog", "eel"))
    logits = found.store.logits  # type: ignore[attr-defined]
    for run_id, predictions in logits.items():
        logits[run_id] = dataclasses.replace(predictions, labels=predictions.labels % 2)
    (drawing,) = drawn(found, "confusion-matrix")
    rows = [dict(zip(drawing.columns, row, strict=True)) for row in drawing.rows]
    assert {row["true"] for row in rows if row["share_of_true"] is None} == {"eel"}


def test_pareto_front_ignores_rounding_differences() -> None:
    less, more = np.mean([0.86, 0.84]), np.mean([0.9, 0.8])
    assert less < more, "equal but for rounding"
    assert pareto([(1.0, less), (2.0, more), (3.0, 0.9)]) == [0, 2]
    assert pareto([(1.0, less), (1.0, more)]) == [1, 0]


def test_sentences_name_the_marks_that_put_them_in_doubt() -> None:
    """Tables mark doubt with a question mark; plain text must state it."""
    odd = Made("odd", (0.98, 0.98, 0.981), FLAT, found=("probabilities",))
    slow = Made("slow", (0.98, 0.98, 0.981), FLAT, waited=0.5)
    for networks, figures, expected in (
        (FINE, (), []),
        ([FINE[0], odd], (), ["in doubt: probabilities: odd"]),
        ([FINE[0], odd], ("time",), []),
        ([FINE[0], slow], ("accuracy",), []),
        ([FINE[0], slow], (), ["times not compared: shared the machine: slow"]),
        ([odd], (), []),
    ):
        made = source(networks)
        made = dataclasses.replace(
            made, comparison=dataclasses.replace(made.comparison, verdict_on=figures)
        )
        sentences = made.assessment.sentences
        assert [text for text in sentences if ": slow" in text or ": odd" in text] == expected
        assert bool(sentences) == (len(networks) > 1)


def test_first_page_counts_all_networks_whose_times_are_not_compared() -> None:
    slow = [Made(f"slow {n}", (0.98, 0.98, 0.981), FLAT, waited=0.5) for n in range(3)]
    blocks = front([Section(source(slow), "A")])
    texts = [text for block in blocks if isinstance(block, Bullets) for text in block.items]
    assert "Training times are not compared: 3 of 3 networks shared the machine." in texts


def test_notes_below_a_table_name_each_mark_once(capsys: pytest.CaptureFixture[str]) -> None:
    odd = Made("odd", (0.98, 0.98, 0.981), FLAT, found=("probabilities",))
    slow = Made("slow", (0.98, 0.98, 0.981), FLAT, waited=0.5)
    emit_assessment(source([FINE[0], odd, slow]).assessment, "markdown", None, View())
    text = capsys.readouterr().out
    assert text.count("probabilities: odd") == text.count("shared the machine: slow") == 1
    assert text.count("shared the machine") == text.count("in doubt") == 1
