"""Studies: the networks and figures of the reports, and the output of a run."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from convcompare.comparison.claims.outcomes import is_direction, margin_of
from convcompare.comparison.figures.catalogue import named
from convcompare.comparison.selection import studies_of
from convcompare.comparison.study import Study
from convcompare.core.config import TrainConfig
from convcompare.core.registry import register
from convcompare.output.tables.columns import EXTRA
from convcompare.store.run_store import RunStore
from tests.support.cli import Result

Run = Callable[..., Result]
CONCLUSIONS = tomllib.loads(
    (Path(__file__).parents[2] / "docs/conclusions.toml").read_text(encoding="utf-8")
)
STUDIES = {entry.name: entry.function() for entry in register.study}
MAIN = {
    "mnist": 3, "cifar10": 3, "kernel-size": 4, "depth": 4, "custom-layers": 4,
    "residual-blocks": 3,
}  # fmt: skip


def test_six_tables_of_report_002_are_complete() -> None:
    assert {name: len(STUDIES[name].rows) for name in MAIN} == MAIN
    for name in MAIN:
        assert STUDIES[name].report == "002"
        for row in STUDIES[name].rows:
            printed = row.published
            assert None not in (printed.parameters, printed.test_loss, printed.train_loss), row
            assert None not in (printed.test_accuracy, printed.train_accuracy, printed.time), row


@pytest.mark.parametrize(
    ("study", "row", "figures"),
    [
        ("mnist", "Residual CNN", (160_906, 0.0205, 0.0068, 0.9940, 0.9977, 332.674)),
        ("cifar10", "FCN", (1_462_538, 1.7803, 0.6946, 0.5340, 0.7507, 247.484)),
        ("kernel-size", "3×3", (161_450, 0.5521, 0.2682, 0.9035, 0.9035, 385.42)),
        ("depth", "4 layers", (1_439_818, 1.0578, 0.1069, 0.7918, 0.9626, 299.096)),
        ("custom-layers", "attention", (268_810, 1.2919, 0.2197, 0.7069, 0.9230, 264.053)),
        ("residual-blocks", "Bottleneck", (23_520_842, 0.5511, 0.1952, 0.8341, 0.9319, 1890.913)),
    ],
)
def test_published_figures(study: str, row: str, figures: tuple[float, ...]) -> None:
    found = STUDIES[study].row(row)
    assert found is not None
    printed = found.published
    assert figures == (
        printed.parameters, printed.test_loss, printed.train_loss, printed.test_accuracy,
        printed.train_accuracy, printed.time,
    )  # fmt: skip


def test_wrong_count_or_copied_cell_is_explained() -> None:
    for study in STUDIES.values():
        for row in study.rows:
            printed = row.published
            if printed.parameters not in (None, row.parameters) and row.parameters:
                assert printed.notes, row.name
            if (
                printed.test_accuracy is not None
                and printed.test_accuracy == printed.train_accuracy
            ):
                assert any("repeats the train accuracy" in note for note in printed.notes)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_study_refers_to_existing_entries(study: Study) -> None:
    names = [row.name for row in study.rows]
    assert len(set(names)) == len(names)
    assert study.dataset in register.dataset
    assert set(study.columns) <= set(EXTRA)
    assert all(kind in register.plot for kind in study.figures)
    TrainConfig().replace(study.settings)
    for claim in study.claims:
        assert set(names) >= claim.networks, claim.sentence
        assert str(claim.number) in CONCLUSIONS
        for one in (one for part in claim.parts for one in part.any_of):
            quantity = named(one.figure).quantity
            assert is_direction(one) or margin_of(one, quantity) >= 0


def test_every_conclusion_of_the_reports_is_a_claim_or_listed_as_open() -> None:
    claimed = {str(claim.number) for study in STUDIES.values() for claim in study.claims}
    unexamined = {number for number, one in CONCLUSIONS.items() if "open" in one}
    assert not claimed & unexamined
    assert claimed | unexamined == CONCLUSIONS.keys() == {str(i) for i in range(1, 47)}


def test_the_plan_lists_every_row(run: Run) -> None:
    plan = run("study", "all", "--dry-run", "--format", "json").json()["networks"]
    assert len(plan) == sum(MAIN.values())
    bottleneck = next(row for row in plan if row["name"] == "Bottleneck")
    assert bottleneck["epochs"] == 10
    assert bottleneck["parameters"] == bottleneck["published_parameters"] == 23_520_842
    fcn = next(row for row in plan if row["study"] == "cifar10" and row["name"] == "FCN")
    assert (fcn["parameters"], fcn["published_parameters"]) == (3_805_450, 1_462_538)
    assert {"study", "model", "dataset", "parameters", "published_parameters", "epochs"} <= set(fcn)
    assert not Path("runs").exists()


def test_counts_decide_some_conclusions_without_a_run(run: Run) -> None:
    plan = run("study", "residual-blocks", "residual-blocks-003", "kernel-size", "--dry-run").out
    assert "computation”: contradicted by the counts, 1.3 G MACs against 53.3 M" in plan
    assert "computation”: confirmed by the counts, 46.9 M MACs against 555 M" in plan
    assert "parameters”: confirmed by the counts, 142,154 parameters against 161,450" in plan
    assert "3×3 beats" not in plan
    elsewhere = ("--dry-run", "--dataset", "mnist-mini")
    assert "computation" not in run("study", "residual-blocks", *elsewhere).out
    assert "computation" not in run("study", "residual-blocks", "--dry-run", "--skip", "base").out


def test_every_network_of_the_six_fits_small_grey_images(run: Run) -> None:
    planned = ("study", "all", "--dry-run", "--dataset", "mnist-mini", "--format", "json")
    plan = run(*planned).json()["networks"]
    assert all(row["parameters"] > 0 and row["dataset"] == "mnist-mini" for row in plan)


def test_study_is_run_recorded_and_reused(run: Run) -> None:
    data = ("--dataset", "shapes:train=192,test=120")
    command = ("study", "mnist", "--epochs", "1", *data, "--skip", "residual")
    first = run(*command, "--format", "json").json()
    (study,) = first["studies"]
    assert study["study"] == "mnist"
    assert [model["model"] for model in study["models"]] == ["FCN", "Simple CNN"]
    for model in study["models"]:
        (one,) = model["runs"]
        assert [latency["batch"] for latency in one["inference"]] == [1, 100]
        assert all(lat["low"] <= lat["seconds"] <= lat["high"] for lat in one["inference"])
        weights = 4 * model["parameters"]
        assert one["epoch_seconds"] and model["peak_memory"] > 4 * weights  # Adam: two averages
    again = run(*command)
    assert "all runs are from earlier calls" in again.out
    assert "s/epoch" in again.out and "ms/image" in again.out
    records = Path("runs/comparisons").glob("*.json")
    names = {json.loads(path.read_text())["study"] for path in records}
    assert names == {"mnist"}


def test_skipped_networks_keep_their_records(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If all conditions are the same; a record under other conditions is ignored."""
    data = ("--dataset", "shapes:train=192,test=120", "--no-weights", "--skip", "residual")

    def recorded() -> dict[str, int]:
        models = studies_of(RunStore(Path("runs")))["mnist"]["models"]
        return {model["model"]: len(model["trials"]) for model in models}

    first = ("study", "mnist", "--epochs", "1", *data)
    second = (*first, "--skip", "FCN", "--seeds", "2")
    for words in (first, second):
        monkeypatch.setattr(sys, "argv", ["convcompare", *words])
        run(*words)
    assert recorded() == {"FCN": 1, "Simple CNN": 2}
    assert run("report", "mnist", "--figures", "none", "--out", "report").code == 0
    _, commands = Path("report/report.md").read_text().split("The commands that reproduce it:")
    found = re.findall(r"^convcompare (.*)", commands, re.MULTILINE)
    assert found == [shlex.join(first), shlex.join(second)]
    run("study", "mnist", "--epochs", "2", *data, "--skip", "simple")
    assert recorded() == {"FCN": 1, "Simple CNN": 2}
    run("study", "mnist", "--epochs", "2", *data)
    assert recorded() == {"FCN": 1, "Simple CNN": 1}


def test_the_names_of_networks_are_checked(run: Run) -> None:
    assert "did you mean `depth`" in run("study", "dept").err
    wrong = run("study", "depth", "--skip", "8 layers")
    assert wrong.code == 2 and "8 layers" in wrong.err
    assert run("study", "mnist-003", "--skip", "FCN").code == 2
    assert run("study", "mnist", "--columns", "colour").code == 2


def test_bare_study_lists_them(run: Run) -> None:
    listed = run("study")
    assert listed.code == 0
    assert listed.out.index("mnist") < listed.out.index("cifar10") < listed.out.index("depth-000")
