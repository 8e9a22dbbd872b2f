"""Figures: they show the data of the runs, name what is left out, and are legible."""

from __future__ import annotations

import csv
import io
import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from convcompare import cli
from convcompare.comparison.comparison import Comparison
from convcompare.comparison.selection import select
from convcompare.core import formatting
from convcompare.core.errors import UsageError
from convcompare.core.registry import register
from convcompare.data.dataset import Sources
from convcompare.data.load import default_cache
from convcompare.output.plots import terminal
from convcompare.output.plots.figure import (
    Drawing,
    lay_out,
    log_axis,
    panels,
    renderer,
    styled,
)
from convcompare.output.plots.kinds.accuracy_vs_compute import ahead
from convcompare.output.plots.kinds.accuracy_vs_cost import pareto
from convcompare.output.plots.kinds.confusion_matrix import confused
from convcompare.output.plots.kinds.learning_curves import band
from convcompare.output.plots.source import Source, draw
from convcompare.output.plots.style import COLOURS, looks, short
from convcompare.store.json_records import write_record
from convcompare.store.predictions import PredictedClasses
from convcompare.store.run_store import Predictions, RunStore
from tests.support.own_code import own_code_here

Run = Callable[..., Any]
DATA = "shapes:train=300,test=120"
THREE = ["fcn:hidden=16", "cnn:layers=4-MP-8-MP,hidden=0", "simple:width=4x8,hidden=16,dropout=0.1"]
TWELVE = [
    *THREE,
    *(f"fcn:hidden={n}" for n in (4, 8, 32, 64, 8)),
    *("lenet-5", "cnn:layers=4-MP-4-MP,hidden=0", "cnn:layers=4-MP,pool=average,hidden=8"),
    *("simple:width=4x4,hidden=16,dropout=0.2", "simple:width=4x4,hidden=16,dropout=0.3"),
]
UNLUCKY = '''
import torch
from torch import nn


class Unlucky(nn.Module):
    """One of the seeds 0 and 1 diverges: which, its initial random numbers decide."""

    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.flat = nn.Flatten()
        self.linear = nn.Linear(in_channels * image_size**2, num_classes)
        self.factor = 1e38 if torch.initial_seed() % 2 else 1.0

    def forward(self, x):
        return self.linear(self.flat(x)) * self.factor * self.factor
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores with comparisons of two, three and twelve models, and one with a diverged run."""
    place = tmp_path_factory.mktemp("stores")
    (place / "net.py").write_text(UNLUCKY)
    few = ["-d", DATA, "-q", "--threads", "1", "--seeds", "2"]
    assert cli.run(["compare", *THREE, *few, "-e", "2", "--store", str(place / "three")]) == 0
    shutil.copytree(place / "three", place / "two")
    assert cli.run(["compare", *THREE[:2], *few, "-e", "2", "--store", str(place / "two")]) == 0
    models = list(dict.fromkeys(TWELVE))
    assert len(models) == 12
    once = [*few[:-1], "1", "-e", "1"]
    assert cli.run(["compare", *models, *once, "--store", str(place / "twelve")]) == 0
    shutil.copytree(place / "three", place / "bad")
    bad = ["compare", "fcn:hidden=16", f"{place}/net.py:Unlucky", THREE[1]]
    with own_code_here():
        assert cli.run([*bad, *few, "-e", "2", "--store", str(place / "bad")]) == 1
    return place


def source(folder: Path, name: str, *names: str) -> Source:
    store = RunStore(folder / name)
    return Source(select(store, names), store, Sources(default_cache()))


NEEDY = ("power", "data-efficiency", "learning-rates", "robustness")
"""Kinds that only some comparisons can draw; others report what they need."""
CROWDED = (
    *("accuracy", "accuracy-vs-compute", "accuracy-vs-cost", "learning-curves"),
    *("seeds", "time", "verdicts"),
)
"""Kinds with all models in one panel; of twelve models, the short test draws only these."""
PARTS = {"crowded": ("twelve", CROWDED), "diverged": ("bad", ("seeds", "loss", "gradients"))}
"""Stores with some kinds of figures instead of all."""
TWO, TWELVE_ALL, BAD = (
    pytest.param(name, marks=pytest.mark.torture) for name in ("two", "twelve", "bad")
)


class Drawings(dict[str, list[Drawing]]):
    """The figures of a store or of a part of one, drawn on first access."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.laid_out: set[str] = set()

    def __missing__(self, name: str) -> list[Drawing]:
        store, kinds = PARTS.get(name, (name, register.plot.names()))
        opened = source(self.folder, store)
        self[name] = []
        with styled():
            for kind in kinds:
                with suppress(UsageError) if kind in NEEDY else nullcontext():
                    self[name] += draw(register.plot[kind], opened)
        return self[name]

    def placed(self, name: str) -> list[Drawing]:
        """Return the figures with their final layout."""
        with styled():
            for drawing in self[name] if name not in self.laid_out else ():
                lay_out(drawing.figure)
                drawing.figure.draw_without_rendering()
        self.laid_out.add(name)
        return self[name]


@pytest.fixture(scope="module")
def drawings(folder: Path) -> Drawings:
    """Every figure for 2, 3 and 12 models."""
    return Drawings(folder)


def rows(drawing: Drawing) -> list[dict[str, Any]]:
    return [dict(zip(drawing.columns, row, strict=True)) for row in drawing.rows]


def one(drawings: Drawings, store: str, name: str) -> Drawing:
    return next(drawing for drawing in drawings[store] if drawing.name == name)


def every_run(folder: Path, name: str) -> Iterator[Any]:
    for group in Comparison.latest(RunStore(folder / name)).groups:
        for run in group.finished:
            yield group.label, run


# Contents


@pytest.mark.parametrize("kind", ["learning-curves", "accuracy", "loss"])
def test_curves_show_the_history(drawings: Drawings, folder: Path, kind: str) -> None:
    found = [tuple(row) for row in one(drawings, "three", kind).rows]
    assert found == [
        (label, run.trial.seed, e.epoch, e.train_loss, e.test_loss, e.train_accuracy,
         e.test_accuracy)
        for label, run in every_run(folder, "three")
        for e in run.history
    ]  # fmt: skip


def test_band_contains_every_seed_around_their_mean(folder: Path) -> None:
    for group in Comparison.latest(RunStore(folder / "three")).groups:
        found = band(group.finished, "test_accuracy")
        for run in group.finished:
            values = np.array([100 * epoch.test_accuracy for epoch in run.history])
            assert (found.low <= values).all()
            assert (values <= found.high).all()
        last = [100 * run.history[-1].test_accuracy for run in group.finished]
        assert found.mean[-1] == pytest.approx(np.mean(last))


def test_times_are_those_of_the_runs(drawings: Drawings, folder: Path) -> None:
    found = rows(one(drawings, "three", "time"))
    expected = [run.cost.train_seconds for _, run in every_run(folder, "three")]
    assert [row["train_seconds"] for row in found] == pytest.approx(expected)
    assert all(row["epoch_seconds"] <= row["train_seconds"] for row in found)


def test_confusion_matrices_count_every_test_image(drawings: Drawings, folder: Path) -> None:
    found = rows(one(drawings, "three", "confusion-matrix"))
    for group in Comparison.latest(RunStore(folder / "three")).groups:
        cells = [row for row in found if row["model"] == group.label]
        assert sum(row["count"] for row in cells) == pytest.approx(120)
        right = sum(row["count"] for row in cells if row["true"] == row["given"]) / 120
        accuracies = [run.history[-1].test_accuracy for run in group.finished]
        assert right == pytest.approx(np.mean(accuracies), abs=1e-6)
        first = min(cells, key=lambda row: row["rank_of_confusion"] or 99)
        assert first["count"] == max(r["count"] for r in cells if r["true"] != r["given"])
    assert "disc" in {row["true"] for row in found}
    assert "takes most often" in one(drawings, "three", "confusion-matrix").caption


def test_confusion_matrix_equals_a_manual_count() -> None:
    logits = np.eye(3, dtype=np.float32)[[0, 1, 1, 2, 0, 1]]
    predictions = Predictions(logits, np.array([0, 1, 0, 2, 0, 2]))
    found = PredictedClasses.of(predictions).confusion(3)
    assert found.tolist() == [[2, 1, 0], [0, 1, 0], [0, 1, 1]]
    assert confused(found.astype(float)) == [(0, 1), (2, 1)]


@pytest.mark.parametrize("store", ["three", TWELVE_ALL])
def test_differences_sum_to_zero_in_each_row(drawings: Drawings, store: str) -> None:
    totals: dict[tuple[str, str], float] = {}
    counts = {
        (row["model"], row["true"], row["given"]): row["count"]
        for row in rows(one(drawings, store, "confusion-matrix"))
    }
    for row in rows(one(drawings, store, "confusion-matrix-difference")):
        assert row["first"] == TWELVE[0]
        own, of_first = (counts[row[k], row["true"], row["given"]] for k in ("other", "first"))
        assert row["difference"] == pytest.approx(own - of_first)
        key = (row["other"], row["true"])
        totals[key] = totals.get(key, 0) + row["difference"]
    assert len(totals) == {"three": 2, "twelve": 11}[store] * 10
    assert max(map(abs, totals.values())) < 1e-9


def test_pareto_front_equals_a_brute_force_search() -> None:
    rng = np.random.default_rng(0)
    for size in (1, 2, 5, 12, 40):
        points = [(float(c), float(a)) for c, a in rng.integers(0, 9, (size, 2))]
        beaten = {
            i
            for (i, p), q in itertools.product(enumerate(points), points)
            if q[0] <= p[0] and q[1] >= p[1] and q != p
        }
        assert set(pareto(points)) == set(range(size)) - beaten


def test_cost_figures_have_the_costs_and_front_of_the_runs(
    drawings: Drawings, folder: Path
) -> None:
    found = rows(one(drawings, "crowded", "accuracy-vs-cost"))
    groups = {g.label: g for g in Comparison.latest(RunStore(folder / "twelve")).groups}
    for row in found:
        group = groups[row["model"]]
        assert (row["parameters"], row["macs"]) == (group.parameters, group.macs)
        assert row["low"] <= row["test_accuracy"] <= row["high"]
        assert row["latency_seconds"] > 0
    cheapest = min(found, key=lambda row: (row["parameters"], -row["test_accuracy"]))
    best = max(found, key=lambda row: row["test_accuracy"])
    assert cheapest["pareto_parameters"] == 1
    assert any(r["pareto_macs"] for r in found if r["test_accuracy"] == best["test_accuracy"])


def test_leading_network_at_each_budget() -> None:
    """Two straight lines on a logarithmic axis cross at 100; a third starts later, below."""
    curves = {
        "flat": (np.array([1.0, 1e4]), np.array([50.0, 50.0])),
        "steep": (np.array([10.0, 1000.0]), np.array([40.0, 60.0])),
        "late": (np.array([2000.0, 1e4]), np.array([10.0, 20.0])),
    }
    found = ahead(curves)
    assert [one.label for one in found] == ["flat", "steep", "flat"]
    starts = [10, 100, 2000]  # alone before 10, and between the end of one and the start of another
    assert [one.start for one in found] == pytest.approx(starts, rel=0.03)
    assert ahead({"flat": curves["flat"]}) == []


def test_training_compute_is_cumulative(drawings: Drawings, folder: Path) -> None:
    found = rows(one(drawings, "three", "accuracy-vs-compute"))
    runs = {(label, run.trial.seed): run for label, run in every_run(folder, "three")}
    assert len(found) == sum(len(run.history) for run in runs.values())
    for row in found:
        run = runs[row["model"], row["seed"]]
        past = run.history[: row["epoch"]]
        assert row["training_macs"] == 3 * run.cost.macs * 300 * len(past)
        assert row["training_seconds"] == pytest.approx(sum(e.train_seconds for e in past))
        assert row["test_accuracy"] == past[-1].test_accuracy


def test_receptive_fields_are_the_recorded_ones(drawings: Drawings) -> None:
    drawing = one(drawings, "three", "receptive-field")
    sizes = {(r["model"], r["layer"]): r["height"] for r in rows(drawing)}
    assert sizes[THREE[2], "conv1"] == 3
    assert sizes[THREE[2], "pool2"] == 10
    assert "fcn:hidden=16 the whole image" in drawing.alt
    assert "Without such a unit: fcn:hidden=16" in one(drawings, "three", "effective-field").caption


@pytest.mark.parametrize("store", [BAD, "diverged"])
def test_diverged_run_is_named_and_excluded(
    drawings: Drawings, folder: Path, run: Run, store: str
) -> None:
    for drawing in drawings[store]:
        assert "1 of 2 runs diverged" in drawing.caption
        assert "1 of 2 runs diverged" in drawing.figure.get_suptitle().replace("\n", " ")
    seeds = rows(one(drawings, store, "seeds"))
    lost = [row for row in seeds if row["status"] == "diverged"]
    assert len(lost) == 1
    assert lost[0]["test_accuracy"] is None
    result = run("plot", "accuracy", "--store", str(folder / "bad"))
    assert result.code == 0
    assert "warning:" in result.err
    assert "1 of 2 runs diverged, not shown" in result.err


# Appearance


def names_and_colours(drawing: Drawing) -> Iterator[tuple[str, str]]:
    for axes in drawing.figure.axes:
        for line in axes.get_lines():
            yield str(line.get_label()), to_hex(line.get_color())
        for patch in axes.patches:
            yield str(patch.get_label()), to_hex(patch.get_edgecolor())


@pytest.mark.parametrize("store", [TWO, "three", TWELVE_ALL, "crowded", BAD, "diverged"])
def test_model_has_one_colour_in_all_figures(drawings: Drawings, folder: Path, store: str) -> None:
    place, _ = PARTS.get(store, (store, ()))
    labels = Comparison.latest(RunStore(folder / place)).labels
    expected = {look.name: look.colour.lower() for look in looks(labels).values()}
    seen = set()
    for drawing in drawings[store]:
        for name, colour in names_and_colours(drawing):
            if name in expected:
                seen.add(name)
                assert colour == expected[name], (drawing.name, name)
    assert seen == set(expected)


def test_twelve_models_differ_in_marker_line_and_name() -> None:
    found = looks(TWELVE[:3] + [f"net.py:Net:width={n}" for n in range(9)])
    assert len({look.marker for look in found.values()}) == 12
    assert len({(look.colour, look.linestyle) for look in found.values()}) == 12
    long = [f"simple:width={'4x' * 20}{n}{'x4' * 20}" for n in range(12)]
    names = [look.name for look in looks(long).values()]
    assert len(set(names)) == 12
    assert max(map(len, names)) <= 24
    assert short("a$b$\n") == r"a\$b\$�"
    assert looks(["x"])["x"].colour == COLOURS[0]


@pytest.mark.parametrize("store", [TWO, "three", TWELVE_ALL, "crowded", BAD, "diverged"])
def test_no_text_is_clipped_or_too_small(drawings: Drawings, store: str) -> None:
    for drawing in drawings.placed(store):
        figure = drawing.figure
        assert figure.get_figwidth() <= 7.0
        bounds = figure.bbox
        for text in texts(drawing):
            if not text.get_text():
                continue
            assert text.get_fontsize() >= 7, (drawing.name, text)
            box = text.get_window_extent(renderer(figure))
            inside = box.x0 >= -1 and box.x1 <= bounds.x1 + 1
            assert inside and box.y0 >= -1 and box.y1 <= bounds.y1 + 1, (drawing.name, text)


def tick_labels(axis: Any) -> list[Text]:
    """Return the drawn labels; matplotlib also keeps ticks outside the limits of the axis."""
    low, high = sorted(axis.get_view_interval())
    ticks = axis.get_major_ticks(len(axis.get_majorticklocs()))
    inside = (tick.label1 for tick in ticks if low <= tick.get_loc() <= high)
    return [label for label in inside if label.get_visible() and label.get_text()]


def texts(drawing: Drawing) -> Iterator[Text]:
    """Iterate over all drawn text of a figure."""
    figure = drawing.figure
    yield figure._suptitle
    yield from figure.texts
    for legend in figure.legends:
        yield from legend.get_texts()
    for axes in figure.axes:
        yield from axes.texts
        if axes.axison:
            yield from (axes._left_title, axes.xaxis.label, axes.yaxis.label)
            yield from (*tick_labels(axes.xaxis), *tick_labels(axes.yaxis))


@pytest.mark.parametrize("store", [TWO, "three", TWELVE_ALL, "crowded"])
def test_tick_labels_and_titles_do_not_overlap(drawings: Drawings, store: str) -> None:
    for drawing in drawings.placed(store):
        measure = renderer(drawing.figure)
        groups = [
            tick_labels(axis)
            for axes in drawing.figure.axes
            if axes.axison
            for axis in (axes.xaxis, axes.yaxis)
        ]
        titles = [axes._left_title for axes in drawing.figure.axes]
        for shown in (*groups, [title for title in titles if title.get_text()]):
            boxes = [text.get_window_extent(measure).shrunk(0.98, 0.9) for text in shown]
            for (a, text), (b, other) in itertools.combinations(zip(boxes, shown, strict=True), 2):
                assert not a.overlaps(b), (drawing.name, text, other)


def test_every_figure_has_caption_alternative_text_and_data(drawings: Drawings) -> None:
    for drawing in itertools.chain(
        *(drawings[store] for store in ("three", "crowded", "diverged"))
    ):
        assert drawing.caption.endswith(".")
        assert drawing.alt.endswith(".")
        assert list(drawing.rows)
        assert drawing.alt != drawing.caption, drawing.name
    assert Drawing("x", drawings["three"][0].figure, "Caption.", (), ()).alt == "Caption."


def test_log_axis_of_nearly_equal_values_spans_a_factor_of_two() -> None:
    """268,650 and 268,810 do not lie at opposite ends of the axis, and its labels differ."""
    with styled():
        figure, (axes,) = panels(1, 1, 2)
        axes.plot([268_650, 268_810], [0.6, 0.7])
        axes.set_xscale("log")
        log_axis(axes.xaxis, formatting.large)
        figure.draw_without_rendering()
        low, high = axes.get_xlim()
        shown = [text.get_text() for text in axes.get_xticklabels() if text.get_text()]
        ticks = [
            label for label, at in zip(shown, axes.get_xticks(), strict=True) if low < at < high
        ]
    assert high / low == pytest.approx(2)
    assert len(ticks) == len(set(ticks)) >= 2


# The command


@pytest.mark.parametrize(
    ("models", "count", "note"),
    [
        pytest.param(
            (), 23, "power is not drawn: every contrast is decided", marks=pytest.mark.torture
        ),
        ((THREE[0],), 18, "verdicts is not drawn: a single network has no baseline"),
    ],
)
def test_all_kinds_are_written_with_their_data(
    folder: Path, run: Run, tmp_path: Path, models: tuple[str, ...], count: int, note: str
) -> None:
    result = run("plot", "all", *models, "--store", str(folder / "two"), "--out", "figures")
    assert result.code == 0, result.err
    paths = [tmp_path / line for line in result.out.split()]
    assert len(paths) == count
    assert note in result.err
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        table = list(csv.reader(io.StringIO(path.with_suffix(".csv").read_text())))
        assert len(table) > 1
        assert len({len(row) for row in table}) == 1


def test_impossible_figure_is_reported_and_the_rest_drawn(
    folder: Path, run: Run, tmp_path: Path
) -> None:
    shutil.copytree(folder / "two", tmp_path / "copy")
    store = RunStore(tmp_path / "copy")
    for old in (run for group in Comparison.latest(store).groups for run in group.runs):
        kept = {k: v for k, v in old.sha256.items() if not k.endswith("gradients.npz")}
        write_record(store.folder(old.id) / "run.json", replace(old, sha256=kept).to_json())
    for kind, note in (
        ("filters", "none of these networks has a convolution"),
        ("gradients", "`convcompare compare … --fresh` records them"),
    ):
        alone = run("plot", kind, THREE[0], "--store", "copy")
        assert (alone.code, alone.out, note in alone.err) == (2, "", True)
    result = run("plot", "all", THREE[0], "--store", "copy", "--format", "json")
    assert result.code == 0
    assert "filters is not drawn: none of these networks has a convolution" in result.err
    assert "gradients is not drawn: these runs recorded no gradients" in result.err
    assert "not shown" not in result.err, "once, not for each network again"
    shown = {drawing["name"] for drawing in result.json()["figures"]}
    assert "learning-curves" in shown and "gradients-by-layer" not in shown


def test_list_names_every_kind(run: Run) -> None:
    listed = run("plot", "list").out
    assert listed == run("plot").out
    assert [line.split()[0] for line in listed.splitlines()] == register.plot.names()
    assert all(len(line.split()) > 3 for line in listed.splitlines())
    assert "gradients" in run("plot", "gradiants").err
    assert "`convcompare plot list` lists them" in run("plot", "zzz").err


def test_out_is_a_folder_or_a_file(folder: Path, run: Run, tmp_path: Path) -> None:
    there = ("--store", str(folder / "two"))
    assert run("plot", "loss", *there, "--out", "a/loss.svg").out.strip() == "a/loss.svg"
    assert (tmp_path / "a" / "loss.svg").read_text().startswith("<?xml")
    assert (tmp_path / "a" / "loss.csv").is_file()
    several = run("plot", "gradients", *there, "--out", "g.pdf").out.split()
    assert several[0] == "g-by-layer.pdf"
    assert (tmp_path / several[0]).read_bytes().startswith(b"%PDF")
    matrices = run("plot", "confusion-matrix", *there, "--out", "c.svg").out.split()
    assert matrices == ["c.svg", "c-difference.svg"]
    assert run("plot", "loss", *there, "--out", "v1.2").out.strip() == "v1.2/loss.png"
    with Image.open("v1.2/loss.png") as picture:
        assert picture.mode == "RGB" and round(picture.info["dpi"][0]) == 160
    for name in ("x.jpg", "x.xlsx"):
        assert "formats: png, svg, pdf" in run("plot", "loss", *there, "--out", name).err
    wrong = run("plot", "loss", *there, "--out", "x.svg", "--figure-format", "pdf")
    assert (wrong.code, "leave out" in wrong.err) == (2, True)
    assert run("plot", "loss", *there, "--figure-format", "pgn").err.endswith("`png`?\n")


@pytest.mark.parametrize(
    "kind", ["learning-curves", "accuracy", "loss", "time", "seeds", "verdicts"]
)
def test_text_figures_fit_the_terminal(folder: Path, run: Run, tmp_path: Path, kind: str) -> None:
    for store in ("three", "twelve"):
        result = run("plot", kind, "--terminal", "--store", str(folder / store))
        assert result.code == 0, result.err
        assert "\x1b" not in result.out
        assert max(map(len, result.out.splitlines())) <= 80
        for label in Comparison.latest(RunStore(folder / store)).labels:
            assert looks([label])[label].name in result.out
    assert not list(tmp_path.iterdir()), "nothing is written"
    refused = run("plot", "filters", "--terminal", "--store", str(folder / "three"))
    assert "`filters` cannot be drawn as text" in refused.err


def test_text_curves_start_and_end_at_their_values() -> None:
    text = terminal.curves({"up": [0, 1, 2], "down": [2, 1, 0]}, 40, "title", "epoch")
    lines = text.splitlines()
    assert lines[0] == "title"
    assert lines[1].lstrip().startswith("2 ┤b")
    assert lines[1].endswith("a")
    assert lines[terminal.HEIGHT].endswith("b")
    assert terminal.curves({"one": [float("nan")]}, 40, "t", "x").endswith("values)")
    assert "1" in terminal.dots({"same": [1.0, 1.0]}, 40, "t")


# Which runs


def test_runs_models_and_studies_are_selected(folder: Path, run: Run, tmp_path: Path) -> None:
    place = tmp_path / "copy"
    shutil.copytree(folder / "three", place)
    store = RunStore(place)
    record = store.comparison(store.comparisons()[0])
    assert [g.label for g in select(store, ()).groups] == THREE
    assert select(store, ["latest"]).groups == select(store, ()).groups
    picked = select(store, [THREE[2], THREE[0]])
    assert [g.label for g in picked.groups] == [THREE[0], THREE[2]]
    first = record["models"][1]["trials"][0]
    single = select(store, [first[:6]])
    assert [r.id for g in single.groups for r in g.runs] == [first]
    assert single.conditions.test_images == 120
    study = {**record, "study": "widths", "models": record["models"][:2]}
    store.add_comparison("19990101T000000", study)
    assert [g.label for g in select(store, ["widths"]).groups] == THREE[:2]
    assert [g.label for g in select(store, ["widths", THREE[1]]).groups] == [THREE[1]]
    with pytest.raises(UsageError) as caught:
        select(store, ["width"])
    assert caught.value.hint == "did you mean `widths`?"
    with pytest.raises(UsageError, match="several comparisons"):
        select(store, ["widths", "latest"])
    assert run("plot", "loss", "fcn:hidden=61", "--store", str(place)).code == 2


def test_runs_of_an_interrupted_comparison_can_be_drawn(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "three", tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "comparisons")
    store = RunStore(tmp_path / "copy")
    found = select(store, [THREE[1]])
    assert found.conditions.test_images == 120
    assert [run.trial.seed for run in found.groups[0].runs] == [0, 1]
    with pytest.raises(UsageError, match="no comparison"):
        select(store, [])


def test_incomplete_run_is_reported(folder: Path, run: Run, tmp_path: Path) -> None:
    shutil.copytree(folder / "three", tmp_path / "copy")
    store = RunStore(tmp_path / "copy")
    victim = Comparison.latest(store).groups[1].runs[0]
    (store.folder(victim.id) / "run.json").unlink()
    loaded = Comparison.latest(store)
    assert loaded.unfinished == ((THREE[1], victim.id),)
    assert any(victim.id in text for text, _ in loaded.warnings())
    result = run("plot", "seeds", "--store", "copy")
    assert result.code == 0
    assert f"{THREE[1]}: 1 run not ended, not shown" in result.err
    store.begin(replace(victim.trial, seed=7), victim.environment)
    by_id = select(store, [victim.id, loaded.groups[0].runs[0].id])
    assert by_id.unfinished == ((THREE[1], victim.id),)
    assert by_id.labels == [THREE[0], THREE[1]]


@pytest.mark.usefixtures("own_code_here")
def test_model_without_finished_runs_keeps_its_colour(folder: Path, run: Run) -> None:
    more = ("-d", DATA, "-q", "--threads", "1", "--store", "s", "-e", "1")
    unlucky = f"{folder}/net.py:Unlucky"
    assert run("compare", unlucky, THREE[0], *more).code == 1
    opened = source(Path.cwd(), "s")
    assert opened.looks[THREE[0]].colour == COLOURS[1]
    result = run("plot", "seeds", "--store", "s")
    assert result.code == 0, result.err
    assert "Unlucky: 1 of 1 runs diverged, not shown" in result.err
    alone = run("plot", "loss", unlucky, "--store", "s")
    assert (alone.code, "none of these runs has finished" in alone.err) == (2, True)


def test_runs_with_different_settings_or_data_are_refused(folder: Path, run: Run) -> None:
    more = ("-d", DATA, "-q", "--threads", "1", "--store", "s")
    assert run("compare", THREE[0], *more, "-e", "1").code == 0
    assert run("compare", THREE[0], *more, "-e", "2").code == 0
    assert run("compare", "fcn:hidden=4", *more, "-e", "2").code == 0
    result = run("plot", "loss", THREE[0], "fcn:hidden=4", "--store", "s")
    assert (result.code, "differ in epochs: 1, 2" in result.err) == (2, True)
    other = ("-d", "shapes:train=300,test=121", *more[2:])
    assert run("compare", "fcn:hidden=32", *other, "-e", "2").code == 0
    result = run("plot", "loss", "fcn:hidden=4", "fcn:hidden=32", "--store", "s")
    assert "several data sets" in result.err
    assert "name their comparison first" in result.err


def test_invalid_options_are_refused(folder: Path, run: Run) -> None:
    for arguments, words in (
        (("loss",), "there is no comparison"),
        (("loss", "fcn"), "no study, comparison, model or run is called `fcn`"),
        (("loss", "--format", "csv"), "formats: figure, json"),
    ):
        result = run("plot", *arguments, "--store", "empty")
        assert (result.code, result.out) == (2, "")
        assert words in result.err
