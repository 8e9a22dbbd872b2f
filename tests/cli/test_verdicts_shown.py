"""Verdicts at the command line: pairs, seeds until clear, selection on held-out images, metrics."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcompare import cli
from convcompare.comparison.assessment import Assessment
from convcompare.comparison.comparison import Comparison
from convcompare.comparison.contrasts import contrasts
from convcompare.comparison.pair_tests import PairTests
from convcompare.comparison.pairs import pairs
from convcompare.comparison.stats.sequential import Look, looks
from convcompare.store.run_store import RunStore

Run = Callable[..., Any]
ALL = ("--dataset", "mnist-mini", "--epochs", "1", "--quiet")
FAST = (*ALL, "--train-images", "3000")
SMALL, LARGE, NINE = "fcn:hidden=8", "fcn:hidden=64", "fcn:hidden=9"


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the runs that most tests here need, without a comparison of them."""
    store = tmp_path_factory.mktemp("pool") / "runs"
    options = ("--seeds", "5", "--threads", "1", "--store", str(store))
    assert cli.run(["compare", SMALL, LARGE, NINE, *FAST, *options]) == 0
    shutil.rmtree(store / "comparisons")
    return store


@pytest.fixture
def trained(pool: Path, tmp_path: Path) -> None:
    """Provide runs that were trained before, but not compared."""
    shutil.copytree(pool, tmp_path / "runs")


trained_before = pytest.mark.usefixtures("trained")


def verdict_rows(text: str) -> list[str]:
    """Return the rows of the block of verdicts."""
    return [line.replace("−", "-") for line in text.splitlines() if "┊" in line]


@trained_before
def test_the_verdict_is_that_of_the_paired_differences(run: Run) -> None:
    done = run("compare", SMALL, LARGE, *FAST, "--seeds", "3", "--format", "json").json()
    (contrast,) = done["contrasts"]
    small, large = ([r["test_accuracy"] for r in m["runs"]] for m in done["models"])
    differences = np.subtract(large, small)
    assert contrast["difference"] == pytest.approx(differences.mean())
    half = 4.302653 * differences.std(ddof=1) / 3**0.5  # t of 2 degrees of freedom at 97.5 %
    assert contrast["high"] - contrast["low"] == pytest.approx(2 * half, rel=1e-5)
    assert contrast["n"] == 3 and contrast["decided"] == "better"
    text = run("runs", "latest")
    assert f" test accuracy against {SMALL}\n" in text.out
    (row,) = verdict_rows(text.out)
    low, high = contrast["low"] * 100, contrast["high"] * 100
    shown = [float(one) for one in re.findall(r"[-\d.]+", row.partition("[")[2].partition("]")[0])]
    assert row.startswith(LARGE) and " better " in row
    assert shown == pytest.approx([low, high], abs=0.51), "rounded"


@trained_before
def test_other_baseline_reverses_the_verdict(run: Run) -> None:
    options = (*FAST, "--seeds", "3", "--baseline", LARGE)
    text = run("compare", SMALL, LARGE, *options)
    (row,) = verdict_rows(text.out)
    assert row.startswith(SMALL) and " worse " in row
    assert verdict_rows(run("runs", "latest").out) == [row], "the record knows the baseline"


@trained_before
def test_one_seed_compares_two_trained_networks(run: Run) -> None:
    text = run("compare", SMALL, LARGE, *FAST)
    assert "one seed: this is about these two trained networks, not about the arch" in text.out
    (contrast,) = run("runs", "latest", "--format", "json").json()["contrasts"]
    assert "McNemar" in contrast["method"]


@trained_before
def test_all_pairs_are_a_matrix_against_itself(run: Run) -> None:
    options = (*FAST, "--seeds", "2", "--all-pairs")
    text = run("compare", SMALL, NINE, LARGE, *options)
    assert "points ahead of" in text.out
    found = run("runs", "latest", "--all-pairs", "--format", "json").json()
    assert len(found["contrasts"]) == 3


@trained_before
def test_seeds_are_added_until_the_result_is_clear(run: Run) -> None:
    done = run("compare", SMALL, LARGE, *FAST, "--until-clear", "--max-seeds", "8")
    assert done.code == 0
    record = run("runs", "latest", "--format", "json").json()
    seeds = [r["seed"] for r in record["models"][0]["runs"]]
    assert len(seeds) in looks(3, 8)
    assert record["contrasts"][0]["decided"] == "better"
    look = Look(looks(3, 8), looks(3, 8).index(len(seeds)))
    assert record["contrasts"][0]["p"] <= look.level()


def test_the_plan_of_adding_seeds_has_the_first_and_the_last_look(run: Run) -> None:
    plan = ("compare", SMALL, LARGE, *FAST, "--until-clear", "--max-seeds", "8", "--dry-run")
    assert [row["seeds"] for row in run(*plan, "--format", "json").json()["models"]] == [8, 8]
    assert re.search(r"about \d+ s \(3 seeds\) to \d+ s \(8 seeds\)", run(*plan).out)


@trained_before
def test_verdict_of_a_look_is_kept(run: Run) -> None:
    models = (SMALL, LARGE, NINE)
    run("compare", *models, *FAST, "--until-clear", "--max-seeds", "5", "--margin", "0.01")
    store = RunStore(Path("runs"))
    comparison = Comparison.latest(store)
    assert comparison.plan is not None and comparison.plan.done == 2, "9 and 8 are never that close"
    judged = {c.model: c for c in Assessment(comparison, store).contrasts}
    first = Assessment(comparison, store)._first(3)
    look = Look(comparison.plan.looks, 0)
    tests = PairTests(lambda _: np.array([True]))
    early = {c.model: c for c in contrasts(pairs(first, SMALL), tests, look)}
    if early[LARGE].settled:
        assert judged[LARGE].n == 3
        assert judged[LARGE].p == early[LARGE].p
    assert judged[NINE].n == 5


@trained_before
def test_only_networks_of_open_contrasts_get_more_seeds(run: Run) -> None:
    options = ("--until-clear", "--max-seeds", "5", "--margin", "0.01", "--format", "json")
    done = run("compare", SMALL, LARGE, NINE, *FAST, *options).json()
    assert [len(model["runs"]) for model in done["models"]] == [5, 3, 5]
    large, nine = done["contrasts"]
    assert (large["n"], large["decided"], large["note"]) == (3, "better", "")
    assert (nine["n"], nine["stopped_before"]) == (5, None)
    assert run("runs", "latest", "--format", "json").json()["contrasts"] == [large, nine]
    again = run("compare", SMALL, LARGE, NINE, *FAST, *options).json()
    assert again["contrasts"] == [large, nine] and again["looks"] == []


def test_what_a_look_has_trained_is_no_earlier_call_at_the_next(run: Run) -> None:
    few = (*ALL[:-1], "--train-images", "200")
    options = ("--until-clear", "--max-seeds", "5", "--margin", "0.01")
    done = run("compare", SMALL, NINE, *few, *options)
    assert "up to 5 seeds" in done.err
    assert len(run("runs", "-f", "json").json()["runs"]) == 10
    assert "earlier call" not in done.out + done.err
    for place in (
        f"{network} · seed {seed} · epoch" for network in (SMALL, NINE) for seed in (0, 4)
    ):
        assert done.err.count(place) == 1
    again = run("compare", SMALL, NINE, *few, *options)
    assert again.err.count("from an earlier call") == 10
    assert "all runs are from earlier calls" in again.out


@trained_before
def test_a_record_of_an_earlier_version_is_assessed_by_the_levels_of_today(run: Run) -> None:
    """It has the looks without their levels, which follow from the looks alone."""
    run("compare", SMALL, LARGE, *FAST, "--seeds", "5")
    store = RunStore(Path("runs"))
    record = Comparison.latest(store).record()
    plan = {"looks": [3, 5, 8, 13, 20], "done": 2, "margin": 0.005}
    store.add_comparison("20990101T000000000000", record | {"plan": plan})
    (contrast,) = run("runs", "latest", "--format", "json").json()["contrasts"]
    look = looks().index(contrast["n"])
    assert contrast["confidence"] == pytest.approx(1 - Look(looks(), look).level())


@trained_before
def test_seeds_added_after_a_look_are_reported(run: Run) -> None:
    """For any commands in between: the same runs, another comparison, or a repetition."""
    words = "seeds were added after results of 2"
    assert words not in run("compare", SMALL, LARGE, *FAST, "--seeds", "2").out
    assert words not in run("compare", SMALL, LARGE, NINE, *FAST, "--seeds", "2").out
    assert words not in run("compare", SMALL, LARGE, *FAST, "--seeds", "5,6,7").out, "others"
    added = run("compare", SMALL, LARGE, *FAST, "--seeds", "3").out
    assert f"{words} could be seen" in " ".join(added.split())
    assert "up to 10 % of such comparisons, not 5 %" in " ".join(added.split())
    more = run("compare", LARGE, SMALL, *FAST, "--seeds", "4", "--format", "json").json()
    assert more["looks"] == [2, 3]
    assert f"{words} and of 3 could" in " ".join(run("runs", "latest").out.split())
    again = run("compare", LARGE, SMALL, *FAST, "--seeds", "4", "--fresh", "--format", "json")
    assert again.json()["looks"] == [2, 3], "training them again gives the same results"


@trained_before
def test_what_is_not_a_look(run: Run) -> None:
    """One seed has no interval, and the levels of `--until-clear` account for its looks."""
    run("compare", SMALL, LARGE, *FAST)
    three = run("compare", SMALL, LARGE, *FAST, "--seeds", "3", "--format", "json").json()
    assert three["looks"] == []
    options = ("--until-clear", "--max-seeds", "5", "--margin", "0.01")
    clear = run("compare", SMALL, NINE, *FAST, *options, "--format", "json").json()
    assert len(clear["models"][0]["runs"]) == 5, "9 and 8 are never that close"
    assert clear["looks"] == []
    asked = ("compare", SMALL, NINE, *FAST, "--lr", "0.002")
    assert run(*asked, "--seeds", "3").code == 0
    after = run(*asked, *options, "--format", "json").json()
    assert len(after["models"][0]["runs"]) == 5
    assert after["looks"] == [3], "a fixed number of seeds is not a look of the plan"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--until-clear", "--seeds", "3"), "`--seeds` and `--until-clear` cannot be combined"),
        (("--margin", "1"), "`--margin` is an option of `--until-clear`"),
        (("--max-seeds", "4", "--seeds", "2"), "`--max-seeds` is an option of `--until-clear`"),
        (("--until-clear", "--max-time", "soon"), "invalid value for `--max-time`: `soon`"),
        (("--lr-grid", "1e-3,1e-2"), "a learning rate cannot be selected by the test images"),
        (("--lr-grid", "1e-3,1e-3", "--val-fraction", "0.1"), "each once"),
        (("--select", "best"), "an epoch cannot be selected by the test images"),
        (("--val-fraction", "1.5"), "invalid value for `--val-fraction`: `1.5`"),
        (("--columns", "log-los"), "did you mean `log-loss`"),
        (("--columns", "epochs-to=2"), "a test accuracy"),
    ],
)
def test_invalid_options_are_refused(run: Run, options: tuple[str, ...], told: str) -> None:
    done = run("compare", SMALL, LARGE, *FAST, *options)
    assert done.code == 2 and told in done.err
    assert not Path("runs").exists()


def test_until_clear_needs_two_networks(run: Run) -> None:
    assert "needs two networks" in run("compare", SMALL, *FAST, "--until-clear").err


def test_plan_of_until_clear_names_its_limits(run: Run) -> None:
    """A time without a unit is in seconds, which only the plan shows."""
    shown = tuple(one for one in FAST if one != "--quiet")
    plan = run("compare", SMALL, LARGE, *shown, "--until-clear", "--max-time", "45", "--dry-run")
    assert "until every contrast is decided or 45.0 s have passed; " in plan.err


def test_learning_rate_is_selected_on_held_out_images(run: Run) -> None:
    rates = ("1e-6", "1e-3")
    options = ("--val-fraction", "0.1", "--lr-grid", ",".join(rates), "--seeds", "2")
    done = run("compare", SMALL, LARGE, *ALL[:-1], *options)
    assert done.code == 0
    assert "2 seeds can show" in done.err, "of one contrast, at however many rates"
    assert "8 runs in " in done.err
    assert run("runs", "comparisons", "-f", "json").json()["comparisons"][0]["runs"] == "8 of 8"
    assert len(run("runs", "--comparison", "latest", "-f", "json").json()["runs"]) == 8
    assert "9,000" not in done.out and "1,000 held-out images" in done.out
    assert f"{SMALL} 0.001, {LARGE} 0.001 (of 1e-06, 0.001)" in done.out
    record = run("runs", "latest", "--format", "json").json()
    assert [m["model"] for m in record["models"]] == [SMALL, LARGE]
    assert record["conditions"]["tuned"] == ["lr"] and record["conditions"]["val_images"] == 1000
    assert len(json.loads(run("runs", "--format", "json").out)["runs"]) == 8, (
        "both rates were trained"
    )
    for model in (SMALL, LARGE):
        assert f"warning: the best rate of {model}, 0.001, is at the edge of the grid" in done.err
    drawn = run("plot", "learning-rates", "--format", "json").json()["figures"][0]
    rows = [dict(zip(drawn["columns"], row, strict=True)) for row in drawn["rows"]]
    assert [(r["model"], r["lr"], r["seed"], r["chosen"]) for r in rows] == [
        (model, lr, seed, lr == 0.001)
        for model in (SMALL, LARGE)
        for lr in (1e-6, 1e-3)
        for seed in (0, 1)
    ]
    for row in rows:
        last = run("runs", row["run"], "--format", "json").json()["history"][-1]
        assert (row["val_accuracy"], row["test_accuracy"]) == (
            last["val_accuracy"], last["test_accuracy"],
        )  # fmt: skip
    assert "is at the edge of the grid" in drawn["caption"]
    one = run("plot", "learning-rates", LARGE, "--format", "json").json()["figures"][0]
    assert {row[0] for row in one["rows"]} == {LARGE}


def test_rates_without_a_result_are_marked_and_reported(run: Run) -> None:
    options = ("--val-fraction", "0.1", "--train-images", "300", "--lr-grid", "1e-3,1e-2,1e30")
    assert run("compare", SMALL, *ALL, *options).code == 0
    drawn = run("plot", "learning-rates", "--format", "json").json()["figures"][0]
    rows = [dict(zip(drawn["columns"], row, strict=True)) for row in drawn["rows"]]
    assert [row["status"] for row in rows] == ["finished", "finished", "diverged"]
    assert rows[2]["val_accuracy"] is None and "1e+30 no result" in drawn["alt"]
    assert run("runs", "rm", rows[0]["run"], "--yes").code == 0
    again = run("plot", "learning-rates", "--format", "json").json()["figures"][0]
    assert [row[4] for row in again["rows"]] == ["not in the store", "finished", "diverged"]


@trained_before
def test_without_a_grid_there_is_no_figure_of_it(run: Run) -> None:
    run("compare", SMALL, *FAST)
    assert "no learning rates were tried" in run("plot", "learning-rates").err


def test_fewer_training_images_are_reported(run: Run) -> None:
    done = run("compare", SMALL, *ALL, "--train-images", "1000", "--val-fraction", "0.1")
    assert done.code == 0, done.err
    assert "trained on 900 of 10,000 images, class-balanced, drawn by the seed" in done.out
    conditions = run("runs", "latest", "--format", "json").json()["conditions"]
    assert (conditions["train_images"], conditions["val_images"]) == (900, 100)


def test_subset_of_all_images_has_no_effect(run: Run) -> None:
    run("compare", SMALL, *ALL)
    planned = ("compare", SMALL, *ALL, "-n", "--format", "json", "--train-images")
    plans = [run(*planned, images).json()["models"] for images in ("10000", "9999")]
    assert [row["finished"] for (row,) in plans] == [1, 0]


@trained_before
def test_metrics_are_columns_of_stored_runs(run: Run) -> None:
    run("compare", SMALL, LARGE, *FAST, "--seeds", "2")
    columns = "log-loss,calibration-error,balanced-accuracy,gaps,epochs-to=0.5"
    done = run("runs", "latest", "--columns", columns, "--format", "csv")
    cells = [*csv.DictReader(done.out.splitlines())][1]
    assert float(cells["log-loss"]) == pytest.approx(float(cells["test_loss"]), abs=1e-4)
    assert float(cells["epochs-to-0.5"]) == 1
    gap = float(cells["train_accuracy"]) - float(cells["test_accuracy"])
    assert float(cells["accuracy_gap"]) == pytest.approx(gap)
    assert 0 <= float(cells["calibration-error"]) < 0.5
    for kind, minus in (("table", "−"), ("markdown", "−"), ("latex", "$-$")):
        shown = run("runs", "latest", "--columns", "gaps", "--format", kind).out
        assert f"{minus}{-gap:.4f}" in shown and f" -{-gap:.4f}" not in shown, kind


@trained_before
def test_accuracies_of_the_classes_mean_the_accuracy(run: Run) -> None:
    run("compare", SMALL, LARGE, *FAST, "--seeds", "2")
    done = run("classes", "--format", "csv")
    table = [*csv.DictReader(done.out.splitlines())]
    assert len(table) == 10 and all(row["images"] == "200" for row in table)
    mean = sum(float(row[f"accuracy {LARGE}"]) for row in table) / 10
    latest = run("runs", "latest", "--format", "json").json()
    assert mean == pytest.approx(latest["models"][1]["test_accuracy"]["value"])
    for row in table:
        difference = float(row[f"accuracy {LARGE}"]) - float(row[f"accuracy {SMALL}"])
        assert float(row[f"difference {LARGE}"]) == pytest.approx(difference, abs=1e-9)


def test_run_at_chance_level_is_named_and_unranked(run: Run) -> None:
    done = run("compare", SMALL, LARGE, *ALL, "--lr", "1e-9", "--seeds", "2")
    assert "is at chance level" in done.err and "`--epochs 4`" in done.err
    assert "at chance level" in done.out and "**" not in done.out
    assert "not compared" in done.out


@trained_before
def test_a_partial_table_stands_after_every_round(run: Run) -> None:
    run("compare", SMALL, LARGE, *FAST, "--seeds", "2")
    store = RunStore(Path("runs"))
    for label, seed in ((SMALL, 1), (LARGE, 1)):
        (run_id,) = [
            i for i in store.ids()
            if (store.trial(i).label, store.trial(i).seed) == (label, seed)
        ]  # fmt: skip
        (Path("runs") / run_id / "run.json").unlink()  # as if it had not been trained yet
    half = run("runs", "latest")
    assert half.code == 0 and "one seed" in half.out
    assert "not ended" in half.err
