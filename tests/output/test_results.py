"""Pages of results agree with the run records beside them."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from statistics import fmean

import numpy as np
import pytest

from convcompare.comparison.claims.findings import findings
from convcompare.data.dataset import Sources
from convcompare.output.report.compose import compose
from convcompare.output.report.markdown import to_markdown
from convcompare.output.report.sections import select
from convcompare.output.tables.comparison_table import comparison_table
from convcompare.output.tables.verdict_block import verdict_blocks
from convcompare.store.reader import RunReader
from convcompare.store.run_store import RunStore
from tests.support.cli import Result

RESULTS = Path(__file__).parents[2] / "docs" / "results"
RECORDED = RESULTS / "recorded"
PACK = RECORDED / "runs.ccpack"
MAKER = str(RESULTS.parent / "conclusions_table.py")
pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="an sdist is without them")
NUMBER = re.compile(r"\*\*Table \d+\.\*\* ")


def lines(markdown: str) -> set[str]:
    """Return the lines of a page, without table numbers and the version that wrote it."""
    found = {NUMBER.sub("", line) for line in markdown.splitlines()}
    return {line for line in found if not line.startswith("From run records of")}


def test_report_agrees_with_its_records(tmp_path: Path) -> None:
    sections = select([], RunStore(PACK), Sources(tmp_path))
    without = [dataclasses.replace(section, figures=()) for section in sections]
    document = compose(without, RECORDED)
    made, shown = to_markdown(document, {}), (RECORDED / "report.md").read_text()
    assert made.count("\n") > 50
    assert lines(made) <= lines(shown)


def test_records_are_undamaged(run: Callable[..., Result]) -> None:
    checked = run("runs", "check", "--store", str(PACK), "--format", "json")
    assert checked.code == 0, checked.err


@pytest.mark.parametrize(
    ("pack", "name", "place", "differences"),
    [
        ("shifts-cifar10", "latest", 0, ["19.6 ± 1.4 points", "10.0 ± 1.1 points"]),
        ("runs", "mnist-004", 1, ["13.7 ± 2.3 points", "18.6 ± 3.0 points", "13.9 ± 2.2 points",
                                  "18.6 ± 2.9 points"]),
    ],
)  # fmt: skip
def test_page_has_the_figures_of_the_damaged_images(
    run: Callable[..., Result], pack: str, name: str, place: int, differences: list[str]
) -> None:
    """In its tables, and in the sentences below them."""
    store = ("--store", str(RECORDED / f"{pack}.ccpack"), "--format", "json")
    kinds = "robustness=shift,consistency=shift"
    found = run("robustness", name, *store, "--verdict-on", kinds).json()
    page = (RESULTS / "index.md").read_text()
    lines = page.splitlines()
    top = [number for number, line in enumerate(lines) if "| undamaged |" in line][place]
    names = cells(lines[top])[2:]
    for model, line in zip(found["models"], lines[top + 2 :], strict=False):
        figures = [model["undamaged"], *(model["accuracy"][name]["mean"] for name in names)]
        shown = [[float(number) for number in cell.split("±")] for cell in cells(line)[1:]]
        expected = [[100 * one["value"], 100 * (one["high"] - one["low"]) / 2] for one in figures]
        np.testing.assert_allclose(shown, expected, atol=0.051)
    assert [one["verdict"].split(" by ")[1] for one in found["verdicts"]] == differences
    assert all(one.removesuffix(" points") in spaced(page) for one in differences)


def test_page_has_the_spreads_of_basic_and_wide_blocks(run: Callable[..., Result]) -> None:
    """The table has the score of each seed, the sentence the verdict."""
    pack = RECORDED / "stability-cifar10.ccpack"
    found = run("runs", "latest", "--store", str(pack), "--format", "json").json()
    store, page = RunStore(pack), (RESULTS / "index.md").read_text()
    for model, blocks in zip(found["models"], ("basic", "wide"), strict=True):
        runs = [store.run(one["id"]) for one in model["runs"]]
        scores = [fmean(epoch.test_accuracy for epoch in one.history[-5:]) for one in runs]
        half = 2.262 * np.std(scores, ddof=1) / 10**0.5
        cells = f"{model['parameters']:,} | {100 * fmean(scores):.1f} ± {100 * half:.1f}"
        assert f"| {blocks} | {cells} | {100 * np.std(scores, ddof=1):.2f} |" in page
    (spread,) = [one for one in found["contrasts"] if one["figure"] == "stability"]
    assert spread["verdict"].endswith("inconclusive (1.2 times, 0.3 to 3.6)")
    assert "1.2 times as much (0.3 to 3.6)" in spaced(page)


def test_page_has_the_one_seed_of_regularisation() -> None:
    """Accuracies after the last epoch, and gaps in evaluation mode, of report 004's networks."""
    page, store = (
        spaced((RESULTS / "index.md").read_text()),
        RunStore(RECORDED / "cifar10-004.ccpack"),
    )
    runs = sorted((store.run(one) for one in store.ids()), key=lambda run: run.test_accuracy)
    tests = [run.test_accuracy for run in runs]
    gaps = [run.train_evaluation.accuracy - run.test_accuracy for run in runs]
    fcn, residual, regularised = (f"{100 * one:.1f} %" for one in tests)
    assert f"{fcn} of the test images right, the residual one {residual}" in page
    assert f"the regularised one {regularised}" in page
    assert "{:.1f}, {:.1f} and {:.1f} points more".format(*(100 * gap for gap in gaps)) in page


def test_page_has_the_accuracies_of_three_kinds_of_block(run: Callable[..., Result]) -> None:
    """The table has the scores, the findings the verdicts and the spread after few epochs."""
    found = run("runs", "residual-blocks-004", "--store", str(PACK), "--format", "json").json()
    page, store = spaced((RESULTS / "index.md").read_text()), RunStore(PACK)
    spreads = []
    for model, blocks in zip(found["models"], ("basic", "bottleneck", "wide"), strict=True):
        histories = [store.run(one["id"]).history for one in model["runs"]]
        accuracies = [[100 * epoch.test_accuracy for epoch in one] for one in histories]
        scores = [fmean(one[-5:]) for one in accuracies]
        seeds = len(scores)
        half = {3: 4.303, 6: 2.571}[seeds] * np.std(scores, ddof=1) / seeds**0.5
        cells = f"{model['parameters']:,} | {seeds} | {fmean(scores):.1f} ± {half:.1f}"
        assert f"| {blocks} | {cells} |" in page
        spreads.append(np.ptp(accuracies, axis=0))
    spread = np.max(spreads, axis=0)
    assert f"up to {spread[:3].max():.1f} points, after 15 by up to {spread[14]:.1f}" in page
    differences = [one["verdict"] for one in found["contrasts"]]
    assert [one.split()[0] for one in differences] == ["worse", "better"]
    figures = [re.search(r"[0-9.]+ ± [0-9.]+ points", one) for one in differences]
    assert all(one and one[0] in page for one in figures)


def test_page_has_the_outcome_of_every_conclusion() -> None:
    shown = (RESULTS / "index.md").read_text()
    assert run_path(MAKER)["page"]() == shown, "python docs/conclusions_table.py"
    rows = [cells(line) for line in shown.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row[0]) for row in rows] == list(range(1, 47))
    assert all(row[-1] for row in rows)


def test_page_for_students_agrees_with_the_records() -> None:
    """Compares the generated page, and the gains of depth with the scores of the runs."""
    made = run_path(str(RESULTS.parent / "students_page.py"))
    shown = (RESULTS / "for-students.md").read_text()
    assert made["page"]() == shown, "python docs/students_page.py"
    assert len(re.findall(r"^\d\. ", shown, re.MULTILINE)) == 7
    pictures = re.findall(r"\]\(\.\./pictures/(\S+)\)", shown)
    sizes = [(RESULTS.parent / "pictures" / name).stat().st_size for name in pictures]
    assert len(sizes) == 3 and max(sizes) < 150_000
    (depth,) = select(["depth"], RunStore(PACK), Sources(Path("unused")))
    scores = {
        group.label: [fmean(e.test_accuracy for e in run.history[-5:]) for run in group.finished]
        for group in depth.comparison.groups
    }
    for better, worse in (("4 layers", "2 layers"), ("4 layers", "6 layers"),
                          ("residual", "6 layers"), ("residual", "4 layers")):  # fmt: skip
        gain = 100 * (fmean(scores[better]) - fmean(scores[worse]))
        assert f"by {gain:.1f} ±" in spaced(shown)


def test_conclusions_of_the_report_name_runs_of_its_studies() -> None:
    report = (RECORDED / "report.md").read_text()
    named = re.findall(r" ([0-9a-f]{12})(?=[ ;|])", report)
    assert len(named) > 500
    rows = [cells(line) for line in report.splitlines() if line.startswith("| custom-layers-004")]
    seeds = {row[1]: row[-1] for row in rows if len(row) == 7}
    assert seeds == {"33": "3", "34": "–", "35": "11", "36": "3"}  # of 3 and 11 per network
    (line,) = re.findall(r"^\| Custom layers \(report 004\) .*", report, re.MULTILINE)
    assert cells(line)[1:3] == ["7", "3 to 11"]
    store = RunReader(PACK)
    assert set(named) <= set(store.ids())
    records = store.comparison_records()
    known = {one for record in records for model in record["models"] for one in model["trials"]}
    assert set(named) <= known


def test_records_are_small_and_few() -> None:
    """Figures that a command can draw again are not kept, so that clones stay small."""
    files = [path for path in RESULTS.rglob("*") if path.is_file()]
    assert len(files) < 150
    assert sum(path.stat().st_size for path in files) < 17_000_000


def test_figures_beside_the_report_are_those_that_it_shows() -> None:
    shown = re.findall(r"\]\((figures/[^)]+)\)", (RECORDED / "report.md").read_text())
    assert set(shown) == {f"figures/{path.name}" for path in (RECORDED / "figures").iterdir()}
    assert len(shown) == 32


def test_picture_of_the_readme_agrees_with_the_records() -> None:
    """The line with the loading time of the data set is not compared."""
    (section,) = select(["mnist"], RunStore(PACK), Sources(Path("unused")))
    assessment = section.assessment
    table = comparison_table(assessment.ranked(), assessment.store, ())
    shown = spaced(" ".join(words(PICTURE.read_text())))
    column = next(one for one in table.shown if one.key == "test_accuracy")
    accuracies = [table.text(row, column) for row in range(len(table.rows))]
    ((_, block),) = verdict_blocks(assessment, None)
    estimates = [f"{row['model']} {row['estimate']}" for row in block.rows]
    found = [one.sentence.partition(" `convcompare")[0] for one in findings(assessment)]
    assert len(accuracies) == 3 and len(found) == 5
    for text in [*accuracies, *estimates, *found]:
        assert spaced(text) in shown


PICTURE = RESULTS.parent / "pictures" / "study.svg"


def words(svg: str) -> list[str]:
    return [html.unescape(text) for text in re.findall(r">([^<>]+)</text>", svg)]


def spaced(text: str) -> str:
    return " ".join(text.split())


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
