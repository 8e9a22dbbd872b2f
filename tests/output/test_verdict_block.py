"""Verdicts as one block, sorted tables, and columns without room."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from scipy import stats as scipy_stats

from convcompare.comparison.assessment import Assessment
from convcompare.core.errors import UsageError
from convcompare.output.tables.comparison_table import comparison_table
from convcompare.output.tables.sorting import check_sort, sorted_by
from convcompare.output.tables.table import print_table
from convcompare.output.tables.verdict_block import verdict_blocks
from convcompare.output.tables.verdict_columns import assessed_table
from convcompare.store.cost import Latency
from convcompare.store.run import Run, TrainEvaluation
from convcompare.store.run_store import Predictions, RunStore
from tests.support.runs import FCN, comparison, series, shifted

LABELS = ["网络🙂", *(f"net:hidden={n},dropout=0.25,width=3" for n in range(11))]


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    """Twelve networks with five seeds each, 0.4 points apart, one with a wide name."""
    return stored(
        tmp_path_factory.mktemp("twelve"),
        *(
            run
            for place, label in enumerate(LABELS)
            for run in series(label, shifted(FCN[:5], 0.004 * place, noise=1 + place % 4))
        ),
    )


def stored(folder: Path, *runs: Run) -> Assessment:
    """Return the assessment of runs that are written to a store with predictions."""
    store = RunStore(folder)
    predicted = Predictions(np.zeros((10_000, 10), np.float32), np.arange(10_000) % 10)
    finished = []
    for one in runs:
        with store.lock(one.id):
            store.begin(one.trial, one.environment)
            finished.append(store.finish(one, None, predicted))
    return Assessment(comparison(*finished), store)


def test_doubted_verdicts_are_marked_with_the_reason(twelve: Assessment) -> None:
    """Networks 1 and 2 have findings: their rows are hollow and state them."""
    groups = list(twelve.comparison.groups)
    for place in (1, 2):
        runs = tuple(dataclasses.replace(one, found=("batch",)) for one in groups[place].runs)
        groups[place] = dataclasses.replace(groups[place], runs=runs)
    with_findings = dataclasses.replace(twelve.comparison, groups=tuple(groups))
    lines = printed(dataclasses.replace(twelve, comparison=with_findings), 160)
    marked = [line for line in lines if " ?" in line and "┊" in line]
    assert len(marked) == 2
    assert all("○" in line and "●" not in line for line in marked)
    (reason,) = [line for line in lines if "in doubt" in line]
    assert "depends on other images" in reason and LABELS[1] in reason and LABELS[2] in reason
    assert not [line for line in printed(twelve, 160) if "?" in line]


def printed(assessment: Assessment, width: int) -> list[str]:
    file = io.StringIO()
    ((_, table),) = verdict_blocks(assessment, width)
    print_table(Console(file=file, width=width), table, width)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_verdicts_are_one_aligned_block(twelve: Assessment, width: int) -> None:
    lines = printed(twelve, width)
    assert max(map(cell_len, lines)) <= width
    top = next(i for i, line in enumerate(lines) if line.startswith("──"))
    rows = lines[top + 1 : top + 12]
    assert all(row.split()[-1] in ("better", "worse", "inconclusive", "difference")
               or "±" in row or "." in row for row in rows)  # fmt: skip
    found = [float(row.split("  ")[1].strip().split()[0].replace("−", "-")) for row in rows]
    assert found == sorted(found, reverse=True), "by effect"
    assert "11 networks were compared with 网络🙂: 11 better, 0 worse" in " ".join(
        line.strip() for line in lines
    )
    assert ("●" in "".join(lines)) == (width >= 60), "the drawn interval"


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("networks", [2, 3])
def test_two_and_three_networks_have_the_same_block(
    tmp_path: Path, networks: int, width: int
) -> None:
    runs = [*series("fcn", FCN[:5]), *series(LABELS[1], shifted(FCN[:5], 0.01))]
    runs += series("conv", shifted(FCN[:5], 0.004, noise=8)) if networks == 3 else []
    lines = printed(stored(tmp_path, *runs), width)
    assert max(map(cell_len, lines)) <= width
    rules = [place for place, line in enumerate(lines) if line.startswith("──")]
    rows = lines[rules[0] + 1 : rules[1]]
    assert len(rows) == networks - 1, "no row wraps"
    assert " +1.0" in rows[0] and " better" in rows[0], "as many points as were added"
    assert "●" in rows[0] or width < 80
    assert "networks compared" not in " ".join(lines), "no count of so few"


def test_one_network_has_no_block(tmp_path: Path) -> None:
    runs = series("fcn", FCN[:3])
    assert verdict_blocks(stored(tmp_path, *runs), 80) == []


def test_note_names_the_difference_that_few_seeds_would_miss(tmp_path: Path) -> None:
    """Three seeds with differences of +2, 0 and +1 points: a standard deviation of 1."""
    runs = series("fcn", (0.90, 0.90, 0.90))
    runs += series("conv", (0.92, 0.90, 0.91))
    assessment = stored(tmp_path, *runs)
    (verdict,) = assessment.verdicts
    assert verdict.detectable == pytest.approx(detectable_with_three_seeds(0.01), rel=0.02)
    ((_, table),) = verdict_blocks(assessment, 80)
    size = f"{100 * detectable_with_three_seeds(0.01):.1g} points"
    assert table.notes == (
        f"inconclusive at 3 seeds: a difference under about {size} would often be missed",
    )


def detectable_with_three_seeds(deviation: float) -> float:
    """Return the difference that a t-test of three pairs finds in 80 % of cases, by bisection."""
    critical = scipy_stats.t.ppf(0.975, 2)
    low, high = 0.0, 10 * deviation
    for _ in range(60):
        middle = (low + high) / 2
        shift = middle * 3**0.5 / deviation
        found = scipy_stats.nct.sf(critical, 2, shift) + scipy_stats.nct.cdf(-critical, 2, shift)
        low, high = (low, middle) if found >= 0.8 else (middle, high)
    return high


def test_note_names_the_reason_for_no_comparison(tmp_path: Path) -> None:
    runs = [*series("fcn", FCN[:3]), *series("conv", shifted(FCN[:3], 0.01))]
    longer = [
        dataclasses.replace(
            one,
            trial=dataclasses.replace(
                one.trial, config=dataclasses.replace(one.trial.config, epochs=7)
            ),
        )
        for one in runs[3:]
    ]
    ((_, table),) = verdict_blocks(stored(tmp_path, *runs[:3], *longer), 80)
    (row,) = table.rows
    assert row["verdict"] == "not compared" and row["estimate"] is None
    epochs = runs[0].trial.config.epochs
    assert f"conv not compared: trained 7 epochs against {epochs}" in table.notes


def test_network_without_valid_runs_is_named_for_accuracy_and_time(
    tmp_path: Path,
) -> None:
    """Unlike networks that shared the machine, which are counted without names."""
    runs = [*series("fcn", FCN[:2]), *series("conv", FCN[:2])]
    lost = [dataclasses.replace(one, status="diverged", history=()) for one in runs[:2]]
    ((_, table),) = verdict_blocks(stored(tmp_path, *lost, *runs[2:]), 120)
    assert "conv not compared: no run of fcn counts" in table.notes
    assert "times not compared: no run of fcn counts" in table.notes


def test_drawn_interval_is_at_its_numbers(twelve: Assessment) -> None:
    ((_, table),) = verdict_blocks(twelve, None)
    for row in table.rows:
        drawn = row["drawn"]
        low, high = (float(end) for end in row["estimate"].partition("[")[2][:-1].split(", "))
        assert low > 0 and high > low
        assert drawn.index("┊") < min(drawn.index(c) for c in "├●" if c in drawn)


def test_rows_are_sorted_by_a_column(twelve: Assessment) -> None:
    table = comparison_table(twelve.comparison, twelve.store)
    by_accuracy = sorted_by(table, check_sort("accuracy", ()))
    found = [float(row["test_accuracy"]) for row in by_accuracy.rows]
    assert found == sorted(found, reverse=True)
    assert [row["number"] for row in by_accuracy.rows] == list(range(12, 0, -1))
    by_model = sorted_by(table, check_sort("model", ()))
    assert [row["model"] for row in by_model.rows] == sorted(LABELS)
    with pytest.raises(UsageError, match="no column `tim` to sort by") as error:
        check_sort("tim", ())
    assert error.value.hint == "did you mean `time`?"
    with pytest.raises(UsageError) as error:
        check_sort("macs", ())
    assert error.value.hint == "add `--columns macs`"


def test_unranked_row_stays_unranked_when_sorted(twelve: Assessment) -> None:
    table = comparison_table(twelve.comparison, twelve.store)
    table = dataclasses.replace(table, unranked=frozenset([11]))
    assert sorted_by(table, "test_accuracy").unranked == frozenset([0])


@pytest.mark.parametrize("width", [40, 60, 80])
def test_accuracy_is_always_shown_and_hidden_columns_are_named(
    twelve: Assessment, width: int
) -> None:
    file = io.StringIO()
    table = comparison_table(twelve.comparison, twelve.store, ("macs", "epoch-time"))
    print_table(Console(file=file, width=width), table, width)
    text = file.getvalue()
    assert max(map(cell_len, text.splitlines())) <= width
    assert all(f"{float(row['test_accuracy']):.4f} ±" in text for row in table.rows)
    flat = " ".join(text.split())
    assert f"no room in {width} columns for: " in flat
    shown = text.split("──")[0]
    for title in ("parameters", "MACs"):
        assert (title in shown) != (title in flat.partition("columns for: ")[2])


def test_warnings_of_one_kind_are_merged_by_default(twelve: Assessment) -> None:
    groups = tuple(
        dataclasses.replace(
            group,
            runs=tuple(dataclasses.replace(run, found=("unseeded weights",)) for run in group.runs),
        )
        for group in twelve.comparison.groups
    )
    marked = dataclasses.replace(
        twelve, comparison=dataclasses.replace(twelve.comparison, groups=groups)
    )
    together = [
        text for text, _ in marked.warnings() if "the same of 11 others of 12 networks" in text
    ]
    assert len(together) == 1
    each = [text for text, _ in marked.warnings(each=True) if "(seeds 0 to 4)" in text]
    assert len(each) == 12


def test_mark_of_accuracy_does_not_put_times_in_doubt(tmp_path: Path) -> None:
    """An output that depends on other images puts accuracies in doubt, but no forward pass."""
    timed = [
        dataclasses.replace(
            run,
            found=("batch",),
            cost=dataclasses.replace(run.cost, inference=(Latency(1, s, s, s, 100),)),
        )
        for label, s in (("fcn", 1e-4), ("cnn", 2e-4))
        for run in series(label, FCN[:3])
    ]
    assessment = stored(tmp_path, *timed)
    for figure, doubtful in (("inference", False), ("time", False), ("test-loss", True)):
        about = dataclasses.replace(assessment.comparison, verdict_on=(figure,))
        lines = printed(dataclasses.replace(assessment, comparison=about), 160)
        assert any(" ?" in line for line in lines) == doubtful, figure


def test_evaluated_gap_has_its_own_column(tmp_path: Path) -> None:
    """`--columns gaps` uses train accuracies during the last epoch, verdicts those after it."""
    runs = [
        dataclasses.replace(run, train_evaluation=TrainEvaluation(1000, 0.02, 0.9994))
        for label, by in (("fcn", 0.0), ("cnn", 0.01))
        for run in series(label, shifted(FCN[:3], by))
    ]
    found = stored(tmp_path, *runs)
    about = dataclasses.replace(found.comparison, verdict_on=("gap",))
    judged = dataclasses.replace(found, comparison=about)
    table = assessed_table(judged, ["gaps"])
    for row, group in zip(table.rows, about.groups, strict=True):
        accuracy = np.mean([run.test_accuracy for run in group.finished])
        assert float(row["accuracy_gap"]) == pytest.approx(0.9944 - accuracy)
        assert float(row["accuracy_gap_evaluated"]) == pytest.approx(0.9994 - accuracy)
    assert judged.verdicts[0].values == pytest.approx(
        [float(row["accuracy_gap_evaluated"]) for row in reversed(table.rows)]
    )
    assert "accuracy_gap_evaluated" not in assessed_table(judged).rows[0]
