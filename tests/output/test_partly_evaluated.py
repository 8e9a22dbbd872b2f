"""Figures, tables and exports of runs whose test images were evaluated after some epochs only."""

from __future__ import annotations

import dataclasses

import pytest

from convcompare.comparison.model_runs import group_runs
from convcompare.core import formatting
from convcompare.output.plots.source import Source
from convcompare.output.series import series
from convcompare.output.tables.comparison_table import comparison_table
from convcompare.store.run import Run
from tests.support.figures import Made, drawn, source

LOSSES = (2.0, 1.2, 0.8, 0.6, 0.5, 0.45)
NETWORKS = [Made("fcn", losses=LOSSES), Made("simple", (0.95, 0.94, 0.96), LOSSES)]
HIDDEN = 2


def without_first(run: Run) -> Run:
    """Return the run without the test figures of its first epochs."""
    history = [
        dataclasses.replace(one, test_loss=None, test_accuracy=None) if one.epoch <= HIDDEN else one
        for one in run.history
    ]
    return dataclasses.replace(run, history=tuple(history))


@pytest.fixture(name="part")
def partly_evaluated() -> Source:
    complete = source(NETWORKS)
    runs = [without_first(run) for group in complete.groups for run in group.runs]
    groups = group_runs([run.trial.label for run in runs], runs, [False] * len(runs))
    comparison = dataclasses.replace(complete.comparison, groups=tuple(groups))
    found = Source(comparison, complete.store, complete.sources)
    found.__dict__["_dataset"] = complete._dataset
    return found


def test_curves_have_points_only_at_evaluated_epochs(part: Source) -> None:
    (drawing,) = drawn(part, "learning-curves")
    for axes in drawing.figure.axes[:4]:
        train, test = (line.get_xdata().tolist() for line in axes.lines[:2])
        assert train == [1, 2, 3, 4, 5, 6]
        assert test == [3, 4, 5, 6]
        low, high = axes.get_ylim()
        values = [value for line in axes.lines[:2] for value in line.get_ydata()]
        assert low <= min(values) <= max(values) <= high
    assert "epochs after which the test images were evaluated" in drawing.caption
    rows = [dict(zip(drawing.columns, row, strict=True)) for row in drawing.rows]
    assert [row["test_loss"] is None for row in rows] == [row["epoch"] <= HIDDEN for row in rows]
    assert all(row["train_loss"] for row in rows)


def test_caption_does_not_mention_evaluation_after_every_epoch() -> None:
    for kind in ("learning-curves", "accuracy-vs-compute"):
        (drawing,) = drawn(source(NETWORKS), kind)
        assert "evaluated" not in drawing.caption


def test_leading_network_is_named_where_both_were_measured(part: Source) -> None:
    (drawing,) = drawn(part, "accuracy-vs-compute")
    lines = [line for line in drawing.figure.axes[0].lines if len(line.get_xdata()) == 4]
    assert len(lines) == len(NETWORKS)
    known = [row for row in drawing.rows if row[-1] is not None]
    assert {row[2] for row in known} == {3, 4, 5, 6}
    cheapest = formatting.large(min(row[3] for row in known))
    assert f"by MACs of training simple from {cheapest}" in drawing.alt


@pytest.mark.parametrize("kind", ["accuracy", "loss"])
def test_shared_curves_have_no_missing_values(part: Source, kind: str) -> None:
    (drawing,) = drawn(part, kind)
    assert "nan" not in drawing.alt
    assert all(len(line.get_xdata()) in (4, 6) for line in drawing.figure.axes[0].lines)


def test_exports_omit_figures_that_were_not_measured(part: Source) -> None:
    first, *_, last = part.groups[0].runs[0].history
    assert "accuracy/test" not in series(first)
    assert "loss/train" in series(first)
    assert series(last)["accuracy/test"] == last.test_accuracy


def test_note_names_the_networks_that_lack_a_column(part: Source) -> None:
    table = comparison_table(part.comparison, part.store, ["epochs-to=0.5"])
    assert [row["epochs-to-0.5"] for row in table.rows] == [None, None]
    expected = "epochs-to=0.5 of fcn, simple not recorded: trained with `--evaluate last`"
    assert expected in table.notes
    assert [round(row["test_accuracy"].value, 3) for row in table.rows] == [0.905, 0.95]
