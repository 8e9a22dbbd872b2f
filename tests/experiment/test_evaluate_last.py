"""`--evaluate last` at the command line: verdicts, reuse, and missing figures."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import convcompare

Run = Callable[..., Any]
NETWORKS = ("fcn:hidden=2", "fcn:hidden=3")
SHORT = ("-d", "mnist-mini", "--train-images", "100", "-e", "6", "--threads", "1", "-j", "1")
COMPARE = ("compare", *NETWORKS, *SHORT, "--score", "mean:5")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same comparison with every epoch or only the last evaluated, in one store each."""
    from convcompare.cli import run as command

    found = {how: tmp_path_factory.mktemp("stores") / how for how in ("every", "last")}
    for how, store in found.items():
        words = [*COMPARE, "--seeds", "2", "--evaluate", how, "--store", str(store), "-q"]
        assert command(words) == 0
    return found


def shown(run: Run, store: Path) -> Any:
    return run("runs", "latest", "--store", str(store), "-f", "json").json()


def ids(found: Any) -> list[str]:
    return [one["id"] for model in found["models"] for one in model["runs"]]


def test_verdicts_equal_those_with_every_epoch_evaluated(run: Run, stores: dict[str, Path]) -> None:
    every, last = (shown(run, stores[how]) for how in ("every", "last"))
    assert last["conditions"]["score"] == "mean:5"
    assert last["contrasts"] == every["contrasts"]
    for ours, theirs in zip(last["models"], every["models"], strict=True):
        for name in ("score", "test_accuracy", "test_loss", "train_loss"):
            assert ours[name] == theirs[name]
    assert set(ids(last)).isdisjoint(ids(every))

    one = run("runs", ids(last)[0], "--store", str(stores["last"]), "-f", "json").json()
    assert [epoch["test_loss"] is not None for epoch in one["history"]] == [False] + [True] * 5
    assert all(epoch["train_loss"] > 0 for epoch in one["history"])


def test_only_runs_with_every_epoch_evaluated_are_reused_for_both(
    run: Run, stores: dict[str, Path], tmp_path: Path
) -> None:
    def trained(how: str, seeds: str) -> list[str]:
        words = ("--seeds", seeds, "--evaluate", how, "--store", str(store), "-q", "-f", "json")
        found = run(*COMPARE, *words).json()
        assert found["contrasts"][0]["n"] == int(seeds)
        return ids(found)

    store = Path(shutil.copytree(stores["every"], tmp_path / "runs"))
    there = ids(shown(run, store))
    assert trained("last", "2") == there
    more = trained("last", "3")
    assert set(more) > set(there), "the third seed alone is trained"
    assert len({*trained("every", "3")} - {*more}) == len(NETWORKS)


@pytest.mark.parametrize(
    ("more", "message", "hint"),
    [
        (("--verdict-on", "convergence"), "`--evaluate last` and `convergence`", "every"),
        (("--verdict-on", "accuracy,epochs-to=0.9"), "`epochs-to=0.9` cannot", "every"),
        (("--columns", "epochs-to=0.5"), "`epochs-to=0.5` cannot be combined", "every"),
        (("--score", "mean:6"), "takes more epochs than the 5", "`--score mean:5`"),
        (("--evaluate", "never"), "invalid value for `--evaluate`: `never`", "every"),
    ],
)
def test_conflicting_options_are_refused_in_one_line(
    run: Run, more: tuple[str, ...], message: str, hint: str
) -> None:
    result = run(*COMPARE, "--evaluate", "last", *more)
    assert result.code == 2
    error, told = result.err.strip().splitlines()
    assert message in error
    assert hint in told


def test_missing_figure_is_reported_with_the_command_that_records_it(
    run: Run, stores: dict[str, Path]
) -> None:
    def said(*options: str) -> Any:
        return run("runs", "latest", "--store", str(stores["last"]), *options)

    found = said("--verdict-on", "convergence,accuracy-area,epochs-to=0.1", "-f", "json").json()
    assert all("not recorded" in one["verdict"] for one in found["contrasts"])
    told = said("--verdict-on", "convergence").err
    assert "epochs to converge: not recorded of fcn:hidden=3, fcn:hidden=2" in told
    assert "records it and trains them again" in told
    assert "--evaluate last" not in told
    table = said("--columns", "epochs-to=0.1").out
    assert "epochs-to=0.1 of fcn:hidden=2, fcn:hidden=3 not recorded" in table


def test_epoch_line_has_only_measured_numbers(run: Run) -> None:
    lines = run("compare", NETWORKS[0], *SHORT, "--evaluate", "last").err.splitlines()
    epochs = [line for line in lines if " · epoch " in line]
    assert ["test" in line for line in epochs] == [False] + [True] * 5
    assert all("loss " in line for line in epochs)


def test_library_accepts_evaluate_last(tmp_path: Path) -> None:
    def trained(how: str) -> Any:
        return convcompare.compare(
            NETWORKS[0], dataset="mnist-mini", train_images=100, epochs=6, threads=1, jobs=1,
            store=tmp_path, evaluate=how,
        ).to_dataframe("epochs")  # fmt: skip

    assert trained("last").test_loss.isna().tolist() == [True] + [False] * 5
    with pytest.raises(convcompare.ConvcompareError, match="evaluate"):
        trained("best")
