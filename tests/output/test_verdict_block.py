"""Verdicts on many networks as one block; tables sorted; what has no room is said."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from convcompare.comparison.assessment import Assessment
from convcompare.core.errors import UsageError
from convcompare.output.tables.comparison_table import comparison_table
from convcompare.output.tables.sorting import check_sort, sorted_by
from convcompare.output.tables.table import print_table
from convcompare.output.tables.verdict_block import verdict_blocks
from convcompare.store.run_store import Predictions, RunStore
from tests.support.runs import FCN, comparison, series, shifted

LABELS = ["网络🙂", *(f"net:hidden={n},dropout=0.25,width=3" for n in range(11))]


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    """Twelve networks of five seeds, each 0.4 points apart, one with a wide name."""
    store, runs = RunStore(tmp_path_factory.mktemp("twelve")), []
    predicted = Predictions(np.zeros((10_000, 10), np.float32), np.arange(10_000) % 10)
    for place, label in enumerate(LABELS):
        for one in series(label, shifted(FCN[:5], 0.004 * place, noise=1 + place % 4)):
            with store.lock(one.id):
                store.begin(one.trial, one.environment)
                runs.append(store.finish(one, None, predicted))
    return Assessment(comparison(*runs), store)


def test_doubted_verdicts_are_marked_with_the_reason(twelve: Assessment) -> None:
    """Rows of the networks 1 and 2, in whose runs something was found, are hollow and say so."""
    groups = list(twelve.comparison.groups)
    for place in (1, 2):
        runs = tuple(dataclasses.replace(one, found=("batch",)) for one in groups[place].runs)
        groups[place] = dataclasses.replace(groups[place], runs=runs)
    whole = dataclasses.replace(twelve.comparison, groups=tuple(groups))
    lines = printed(dataclasses.replace(twelve, comparison=whole), 160)
    marked = [line for line in lines if " ?" in line and "┊" in line]
    assert len(marked) == 2
    assert all("○" in line and "●" not in line for line in marked)
    (reason,) = [line for line in lines if "in doubt" in line]
    assert "depends on the batch" in reason and LABELS[1] in reason and LABELS[2] in reason
    assert not [line for line in printed(twelve, 160) if "?" in line]


def printed(assessment: Assessment, width: int) -> list[str]:
    file = io.StringIO()
    ((_, table),) = verdict_blocks(assessment, width)
    print_table(Console(file=file, width=width), table, width)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_it_is_one_aligned_block(twelve: Assessment, width: int) -> None:
    lines = printed(twelve, width)
    assert max(map(cell_len, lines)) <= width
    top = next(i for i, line in enumerate(lines) if line.startswith("──"))
    rows = lines[top + 1 : top + 12]
    assert all(row.split()[-1] in ("better", "worse", "inconclusive", "difference")
               or "±" in row or "." in row for row in rows)  # fmt: skip
    found = [float(row.split("  ")[1].strip().split()[0].replace("−", "-")) for row in rows]
    assert found == sorted(found, reverse=True), "by effect"
    assert "of 11 networks beside 网络🙂: 11 better, 0 worse" in " ".join(
        line.strip() for line in lines
    )
    assert ("●" in "".join(lines)) == (width >= 60), "the drawn interval"


def test_two_contrasts_are_sentences(tmp_path: Path) -> None:
    runs = [*series("fcn", FCN[:3]), *series("simple", shifted(FCN[:3], 0.01))]
    assert verdict_blocks(Assessment(comparison(*runs), RunStore(tmp_path)), 80) == []


def test_a_drawn_interval_is_where_its_numbers_are(twelve: Assessment) -> None:
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


def test_one_that_is_unranked_stays_so_when_sorted(twelve: Assessment) -> None:
    table = comparison_table(twelve.comparison, twelve.store)
    table = dataclasses.replace(table, unranked=frozenset([11]))
    assert sorted_by(table, "test_accuracy").unranked == frozenset([0])


@pytest.mark.parametrize("width", [40, 60, 80])
def test_accuracy_stays_and_what_goes_is_said(twelve: Assessment, width: int) -> None:
    file = io.StringIO()
    table = comparison_table(twelve.comparison, twelve.store, ("macs", "epoch-time"))
    print_table(Console(file=file, width=width), table, width)
    text = file.getvalue()
    assert max(map(cell_len, text.splitlines())) <= width
    assert all(f"{float(row['test_accuracy']):.4f} ±" in text for row in table.rows)
    said = " ".join(text.split())
    assert f"no room in {width} columns for: " in said
    shown = text.split("──")[0]
    for title in ("parameters", "MACs"):
        assert (title in shown) != (title in said.partition("columns for: ")[2])


def test_warnings_of_one_kind_are_one_unless_each_is_asked_for(twelve: Assessment) -> None:
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
    together = [text for text, _ in marked.warnings() if "so 11 more of 12 networks" in text]
    assert len(together) == 1
    each = [text for text, _ in marked.warnings(each=True) if "(seeds 0, 1, 2, 3, 4)" in text]
    assert len(each) == 12
