"""Tables of comparisons: layout, notes, number formats and export formats."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from convcompare.comparison import estimate_words
from convcompare.comparison.figures import figure_words
from convcompare.comparison.quantity import ACCURACY
from convcompare.comparison.stats.estimates import Estimate
from convcompare.core import formatting
from convcompare.output.tables.comparison_table import comparison_table
from convcompare.output.tables.formats import check_format, csv_text, render
from convcompare.output.tables.table import (
    MOST_NOTES,
    Caution,
    Column,
    StyleNote,
    Table,
    print_table,
)
from convcompare.store.run_store import RunStore
from tests.support.runs import FCN, comparison, run, series, trained

STORE = RunStore(Path("unused"))


@pytest.mark.parametrize(
    ("text", "plain", "plus"),
    [("-0.0493", "−0.0493", "−0.0493"), ("0.0493", "0.0493", "+0.0493"), ("-0.00", "0.00", "0.00"),
     ("-1e-05", "−1e-05", "−1e-05"), ("-0.03 ± 0.05", "−0.03 ± 0.05", "−0.03 ± 0.05"),
     ("0.00 ± 0.07", "0.00 ± 0.07", "0.00 ± 0.07"), ("-inf", "−inf", "−inf")],
)  # fmt: skip
def test_numbers_have_typographic_signs(text: str, plain: str, plus: str) -> None:
    assert (formatting.signed(text), formatting.signed(text, plus=True)) == (plain, plus)


def drawn(table: Table, width: int | None) -> list[str]:
    file = io.StringIO()
    print_table(Console(file=file, width=width or 10_000), table, width)
    return [line.rstrip() for line in file.getvalue().splitlines()]


BOTH = [run(name, seed) for seed in range(3) for name in ("fcn", "residual")]
GOLDEN = """\
№  model     parameters  test loss  train loss    test accuracy  train accuracy  time (s)
─────────────────────────────────────────────────────────────────────────────────────────
1  fcn          109,386     0.0800      0.0200  0.9791 ± 0.0025          0.9944       8.1
2  residual     160,906     0.0200      0.0050  0.9941 ± 0.0025          0.9944     204.9
─────────────────────────────────────────────────────────────────────────────────────────
"""


def test_comparison_table_has_the_layout_of_the_reports() -> None:
    lines = drawn(comparison_table(comparison(*BOTH), STORE), None)
    assert "\n".join(lines[:5]) + "\n" == GOLDEN
    assert lines[5].startswith(" mean of 3 seeds, 95 % interval · official test split")


def test_two_seeds_have_no_interval() -> None:
    table = comparison_table(comparison(*BOTH[:4]), STORE)
    text = "\n".join(drawn(table, None))
    assert "0.9936" in text
    assert "±" not in text
    assert " mean of 2 seeds; an interval over seeds takes 3 · official test split" in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_no_cell_wraps_at_any_width(width: int) -> None:
    table = comparison_table(comparison(*BOTH), STORE)
    lines = drawn(table, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "residual" in text
    assert "0.9941 ± 0.0025" in text
    if width >= 80:
        for figure in ("109,386", "0.0800", "0.0200", "204.9"):
            assert figure in text


def test_prose_cells_are_wrapped() -> None:
    columns = (Column("name", "name", "left"), Column("about", "about", "left", prose=True))
    table = Table(columns, ({"name": "a", "about": "word " * 12}, {"name": "b", "about": "short"}))
    first, more, second = drawn(table, 40)[2:5]
    assert first.startswith("a     word") and second.startswith("b     short")
    assert f"{first[1:]} {more}".split() == 12 * ["word"] and len(more) <= 40
    assert len(drawn(table, None)) == 5, "a pipe has one line per row"


def test_best_value_is_bold_and_a_diverged_run_is_not_ranked() -> None:
    good = render(comparison_table(comparison(*BOTH), STORE), "markdown")
    assert "**0.9941 ± 0.0025**" in good
    assert "**8.1**" in good
    half = comparison(run("fcn", 0), run("residual", 0, "diverged"))
    text = render(comparison_table(half, STORE), "markdown")
    assert "**" not in text
    assert "diverged" in text
    row = text.splitlines()[3]
    assert row.count("–") == 5, "a diverged run has no figures"


@pytest.mark.parametrize("styled", [True, False])
def test_styles_are_explained_only_where_text_has_them(styled: bool) -> None:
    note = StyleNote("best of a column in bold")
    table = dataclasses.replace(comparison_table(comparison(*BOTH), STORE), notes=(note,))
    system = "standard" if styled else None
    file = io.StringIO()
    console = Console(file=file, width=200, color_system=system, force_terminal=styled)
    print_table(console, table, 200)
    assert (note in file.getvalue()) is styled


def test_huge_loss_has_an_exponent() -> None:
    """A learning rate of 1e9 need not end in infinity."""
    far = run("fcn", 0)
    last = dataclasses.replace(far.history[0], test_loss=5.83e31, train_loss=99_999.0)
    table = comparison_table(comparison(dataclasses.replace(far, history=(last,))), STORE)
    assert "5.8e+31" in render(table, "markdown") and "99999.0000" in render(table, "markdown")


def test_warning_names_the_diverged_run_and_the_remedy() -> None:
    text, hint = comparison(run("fcn", 0), run("residual", 0, "diverged")).warnings()[0]
    assert "residual (seed 0) diverged" in text
    assert "--lr 0.0001" in hint


def test_csv_and_json_have_full_precision() -> None:
    rows = render(comparison_table(comparison(*BOTH), STORE), "csv").splitlines()
    assert rows[0].split(",")[:3] == ["number", "model", "parameters"]
    cells = dict(zip(rows[0].split(","), rows[1].split(","), strict=True))
    assert float(cells["test_accuracy"]) == pytest.approx(0.9791)
    assert float(cells["test_accuracy_low"]) < 0.9791 < float(cells["test_accuracy_high"])
    record = comparison(*BOTH).groups[1].to_json(10_000)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["test_accuracy"]["n"] == 3
    assert [r["seed"] for r in record["runs"]] == [0, 1, 2]


def test_format_can_be_named_by_its_ending() -> None:
    names = ("md", "tex", "txt", "csv", "latex")
    assert [*map(check_format, names)] == ["markdown", "latex", "table", "csv", "latex"]


def test_headings_that_name_networks_are_shortened_before_a_column_is_dropped() -> None:
    names = ("fcn:hidden=8", "fcn:hidden=16x8,dropout=0.25", "lenet-5")
    columns = [Column(name, name, of_network=True) for name in names]
    table = Table((Column("class", "class", "left"), *columns), ({"class": "0"},))
    lines = drawn(table, 50)
    assert not any("no room" in line for line in lines) and "lenet-5" in lines[0]
    assert lines[0].count("…") == 1 and max(map(len, lines)) <= 50
    assert all(name in drawn(table, 80)[0] for name in names), "whole if there is room"


def test_latex_is_escaped() -> None:
    table = Table((Column("a", "100 % of #_&", "left"),), ({"a": r"x_1 \input{y} ±"},))
    text = render(table, "latex")
    assert r"100 \% of \#\_\&" in text
    assert r"x\_1 \textbackslash{}input\{y\} $\pm$" in text


def test_names_are_escaped_in_markdown_and_csv() -> None:
    table = Table((Column("a", "a", "left"),), ({"a": "=cmd|' /C calc'!A0"}, {"a": "<b>*x*</b>"}))
    assert "'=cmd" in render(table, "csv")
    assert csv_text(["=class"], [["-1"], ["+0.5"], ["-1+2"]]).split() == [
        *("'=class", "-1", "+0.5", "'-1+2")
    ]
    assert r"\<b\>\*x\*\</b\>" in render(table, "markdown")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.41, "0.41 s"), (12.34, "12.3 s"), (245, "4:05"), (3729, "1:02:09"), (float("nan"), "–")],
)
def test_durations_have_a_suitable_unit(seconds: float, shown: str) -> None:
    assert formatting.seconds(seconds) == shown


def test_times_are_shown_to_the_minute() -> None:
    assert formatting.minute("2026-11-30T17:36:49+00:00") == "2026-11-30 17:36"


def test_wrapping_keeps_numbers_with_their_units() -> None:
    text = "better by 0.8 ± 0.3 points: up to 10 % in 45.2 s (`--until-clear`)"
    torn = re.compile(r"(\d|±)$|^(±|%|s\b|points)|-$")
    for width in range(20, 80):
        lines = formatting.wrapped(text, width)
        assert " ".join(lines) == text
        assert max(map(len, lines)) <= width
        assert not any(torn.search(line) for line in lines), lines


def test_counts_and_sizes_have_a_suitable_unit() -> None:
    assert formatting.count(109386) == "109,386"
    assert [formatting.large(v) for v in (812, 109_184, 1_814_000_000)] == [
        "812",
        "109 k",
        "1.81 G",
    ]
    assert [formatting.size(v) for v in (980, 2_100_000)] == ["980 B", "2.1 MB"]
    assert [formatting.size(v) for v in (999_700, 1.2e12, 3e15)] == ["1 MB", "1.2 TB", "3,000 TB"]
    assert [formatting.large(v) for v in (999_700, 1e15, 2e18)] == ["1 M", "1 P", "2,000 P"]
    assert [formatting.epochs(v) for v in (12.4, 1234.5)] == ["12.4", "1,234"]


def test_asymmetric_interval_is_shown_by_its_ends() -> None:
    """One run that is always right: its interval over 10,000 images ends at 1."""
    table = comparison_table(comparison(trained("fcn", 0, 1.0), trained("cnn", 0, 0.6)), STORE)
    text = "\n".join(drawn(table, None))
    assert "1.0000 [0.9996, 1.0000]" in text
    assert "0.6000 ± 0.0096" in text


def test_interval_has_the_same_margin_in_sentences_and_matrices() -> None:
    lopsided = Estimate(-0.05, -0.162, 0.045, 1, "")  # asymmetric by less than a quarter
    assert estimate_words.with_margin(lopsided, ACCURACY) == "−5 ± 11 points"
    assert figure_words.amount(lopsided, ACCURACY) == "−5 ± 11 points"
    more = dataclasses.replace(lopsided, high=0.02)
    assert estimate_words.with_margin(more, ACCURACY) == "−5 points, −16 to 2"
    assert figure_words.amount(more, ACCURACY) == "−5 [−16, 2] points"
    assert figure_words.amount(more, ACCURACY, -1) == "5 [−2, 16] points"


def test_values_that_differ_only_by_rounding_are_all_best() -> None:
    alike = comparison(*series("fcn", (0.9, 0.8)), *series("cnn", (0.86, 0.84)))
    means = [group.shown("test_accuracy") for group in alike.groups]
    assert means[0] and means[1] and means[0].value != means[1].value, "by rounding"
    assert render(comparison_table(alike, STORE), "markdown").count("**0.8500**") == 2


def test_note_states_the_range_of_seeds() -> None:
    """Networks have different numbers of seeds after --until-clear or failed runs."""
    five, one, two = (series(label, FCN[:n]) for label, n in (("a", 5), ("b", 1), ("c", 2)))
    three, eight = series("d", FCN[:3]), series("e", FCN)
    many = (
        "mean of 1 to 5 seeds, 95 % interval from 3 seeds on; of one seed over 10,000 test images"
    )
    for runs, expected in (
        ((five, one), many),
        ((five, two), "mean of 2 to 5 seeds, 95 % interval from 3 seeds on"),
        ((three, eight), "mean of 3 to 8 seeds, 95 % interval"),
        ((one, two), "mean of 1 to 2 seeds; an interval over seeds takes 3; of one seed over"),
    ):
        found = comparison(*itertools.chain(*runs))
        assert comparison_table(found, STORE).notes[0].startswith(f"{expected} ")
    failed = [*five[:2], *(dataclasses.replace(run, status="failed") for run in five[2:])]
    note = comparison_table(comparison(*failed, *eight), STORE).notes[0]
    assert note.startswith("mean of 2 to 8 seeds")


@pytest.mark.parametrize(
    ("value", "half", "shown"),
    [
        (12.3123, 0.0412, "12.31 ± 0.04"),
        (8.554, 0.58, "8.6 ± 0.6"),
        (0.0639, 0.0104, "0.064 ± 0.010"),
        (1204.2, 15.4, "1,204 ± 15"),
        (1204.2, 431.0, "1,204 ± 431"),
        (204.92, None, "204.9"),
        (0.10217, None, "0.102"),
        (5.0, 0.0, "5"),
        (0.0023, 0.00006, "0.0023 ± 0.0001"),
        (0.0023, 0.00003, "0.0023 ± <0.0001"),
        (0.00001, 0.00001, "0.00001 ± 0.00001"),
        (25.31, 1.04, "25.3 ± 1.0"),
        (0.5, 0.0998, "0.50 ± 0.10"),
        (312.2, 41.0, "312 ± 41"),
        (4.43, 3.9, "4.4 ± 3.9"),
        (-7.2, 7.4, "−7.2 ± 7.4"),
    ],
)
def test_margin_determines_the_digits(value: float, half: float | None, shown: str) -> None:
    assert formatting.plus_minus(value, half) == shown


@pytest.mark.parametrize("width", [40, 80, None])
def test_notes_are_cut_to_four_lines_and_cautions_are_kept(width: int | None) -> None:
    notes = ("first", "second", Caution("diverged"), "third", "fourth", "fifth", Caution("shared"))
    table = Table((Column("a", "a"),), ({"a": "1"},), notes)
    few, every = (printed(table, width, most) for most in (MOST_NOTES, None))
    assert few == ["first", "diverged", "shared", "4 more notes: `--verbose`"]
    assert every == list(notes)
    assert json.loads(render(table, "json"))["notes"] == list(notes)
    for count in range(5):
        plain = dataclasses.replace(table, notes=("note",) * count)
        assert printed(plain, width, MOST_NOTES) == ["note"] * count


def printed(table: Table, width: int | None, most: int | None) -> list[str]:
    """Return the printed notes of a table."""
    file = io.StringIO()
    console = Console(file=file, width=width or 1000)
    print_table(console, table, width, most)
    lines = file.getvalue().splitlines()
    last = max(i for i, line in enumerate(lines) if set(line) == {"─"})
    return [line.strip() for line in lines[last + 1 :]]
