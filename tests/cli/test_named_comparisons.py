"""Named comparisons, filtered runs, differences, merged stores."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convcompare.data.dataset import Sources
from convcompare.data.load import default_cache
from convcompare.output.report import sections
from convcompare.store.json_records import write_record
from convcompare.store.run_store import RunStore

Run = Callable[..., Any]
SHORT = ("-d", "mnist-mini", "--train-images", "500", "-e", "1", "--threads", "1", "-q")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two comparisons that share a run."""
    from convcompare.cli import run as command

    store = tmp_path_factory.mktemp("named") / "runs"
    there = ("--store", str(store))
    assert not command(
        ["compare", "fcn:hidden=4", "fcn:hidden=5", "--name", "first", *SHORT, *there]
    )
    command(["compare", "fcn:hidden=4", "--seeds", "2", "--name", "second", *SHORT, *there])
    return store


@pytest.fixture
def store(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that store, to be changed."""
    copy = Path(shutil.copytree(made, tmp_path / "runs"))
    monkeypatch.setenv("CONVCOMPARE_STORE", str(copy))
    return copy


def test_comparisons_are_listed_and_found_by_name(store: Path, run: Run) -> None:
    found = run("runs", "comparisons", "-f", "json").json()["comparisons"]
    assert [(one["name"], one["runs"], one["state"]) for one in found] == [
        ("first", "2 of 2", "finished"),
        ("second", "2 of 2", "finished"),
    ]
    begun = found[0]["created"].removesuffix("+00:00")
    assert run("runs", begun).out == run("runs", "first").out, "each is known by when it was begun"
    opened = RunStore(store)
    for _ in range(2):  # at the same time, and without a name
        record = {**opened.comparison_records()[0], "name": ""}
        opened.add_comparison(f"2099010{len(opened.comparisons())}T000000000000", record)
    names = [one["name"] for one in run("runs", "comparisons", "-f", "json").json()["comparisons"]]
    assert len(set(names)) == 4
    for name in names[2:]:
        assert name.startswith(begun) and run("runs", name).out == run("runs", "first").out
    first = run("runs", "first", "-f", "json").json()
    assert [model["model"] for model in first["models"]] == ["fcn:hidden=4", "fcn:hidden=5"]
    drawn = run("plot", "accuracy", "--comparison", "first", "--terminal")
    assert "fcn:hidden=5" in drawn.out
    again = run("plot", "accuracy", "--comparison", "frist", "--terminal")
    assert (again.code, "did you mean `first`?" in again.err) == (2, True)
    (reported,) = sections.select(["first"], RunStore(store), Sources(default_cache()))
    assert reported.comparison.labels == ["fcn:hidden=4", "fcn:hidden=5"]


def test_the_command_of_a_comparison_can_be_typed_again(store: Path, run: Run) -> None:
    opened, words = RunStore(store), ["compare", "my net.py:Net", "-d", "folder:it's here"]
    opened.add_comparison("again", {**opened.comparison_records()[-1], "command": words})
    found = run("runs", "comparisons", "-f", "json").json()["comparisons"]
    assert words in [shlex.split(one["command"]) for one in found]


@pytest.mark.parametrize("name", ["latest", "mnist", "fcn", "two words", "1", ""])
def test_a_name_means_one_thing(run: Run, name: str) -> None:
    result = run("compare", "fcn", "--name", name, "--dry-run", *SHORT)
    assert result.code == 2
    assert "hint:" in result.err


def test_runs_are_filtered(store: Path, run: Run) -> None:
    def ids(*options: str) -> int:
        return len(run("runs", *options, "-f", "json").json()["runs"])

    assert ids() == 3
    assert ids("--model", "fcn:hidden=4") == 2
    assert ids("--model", "fcn:*", "--comparison", "first") == 2
    assert ids("--status", "finished", "--dataset", "mnist-mini") == 3
    assert ids("--status", "running") == ids("--dataset", "mnist") == 0
    assert run("runs", "--status", "runing").code == 2


def test_a_run_that_is_written_is_running(store: Path, run: Run) -> None:
    opened = RunStore(store)
    gone = opened.ids()[0]
    record = opened.run(gone)
    (store / gone / "run.json").unlink()
    assert {row["status"] for row in run("runs", "-f", "json").json()["runs"]} == {
        "finished",
        "incomplete",
    }
    with opened.lock(record.id):
        rows = run("runs", "--status", "running", "-f", "json").json()["runs"]
        assert [row["id"] for row in rows] == [gone]
        (first,) = [one for one in run("runs", "comparisons", "-f", "json").json()["comparisons"]
                    if one["state"] == "running"][:1]  # fmt: skip
        assert first["runs"].endswith("of 2")


def test_differences_are_reported(store: Path, run: Run) -> None:
    rows = run("runs", "diff", "first", "second", "-f", "json").json()["differences"]
    differing = {row["what"]: (row["first"], row["second"]) for row in rows}
    assert differing["seeds of fcn:hidden=4"] == ("0", "0, 1")
    assert differing["seeds of fcn:hidden=5"] == ("0", None)
    assert "epochs" not in differing and "data" not in differing
    same = run("runs", "diff", "first", "first")
    assert same.out.strip() == "first and first do not differ"
    assert run("compare", "fcn:hidden=5", "fcn:hidden=4", "--name", "turned", *SHORT).code == 0
    turned = run("runs", "diff", "first", "turned")
    assert turned.out.strip() == "first and turned do not differ", "an order is no difference"


def test_two_networks_and_two_runs_stand_side_by_side(store: Path, run: Run) -> None:
    for names in (("fcn:hidden=4", "fcn:hidden=5"), _ids(run, "first")):
        rows = run("runs", "diff", *names, "-f", "json").json()["differences"]
        differing = {row["what"]: {row["first"], row["second"]} for row in rows}
        assert differing["parameters"] == {"3,190", "3,985"}
        raw = {row["what"]: [*row["first_values"], *row["second_values"]] for row in rows}
        assert sorted(raw["parameters"]) == [3190, 3985]
        assert all(0 < accuracy < 1 for accuracy in raw["test accuracy"])
        assert all(value.endswith(" %") for value in differing["test accuracy"])


def test_two_stores_are_compared_run_by_run(made: Path, store: Path, run: Run) -> None:
    """The store differs in the figures of one run, by less than a table shows."""
    other = ("--other", str(made))
    assert run("runs", "diff", "second", *other).out.endswith("do not differ\n")
    which = _ids(run, "first")[0]
    found = RunStore(store).run(which)
    last = dataclasses.replace(found.history[-1], test_loss=found.history[-1].test_loss + 1e-9)
    changed = dataclasses.replace(found, history=(*found.history[:-1], last))
    write_record(store / which / "run.json", changed.to_json())
    merged = run("runs", "merge", str(made))
    assert "1 run is in both stores with different figures" in merged.err
    assert f"`convcompare runs diff {which} --other {made}` shows the first" in merged.err
    for name in (which, "first"):
        (row,) = run("runs", "diff", name, *other, "-f", "json").json()["differences"]
        assert row["what"] == f"figures of {found.trial.label}, seed 0, epoch 1"
        (here,), (there,) = row["first_values"], row["second_values"]
        assert here["test_loss"] == there["test_loss"] + 1e-9 and row["first"] != row["second"]
    assert run("runs", "diff", "first").code == 2, "with what?"


def test_ambiguous_name_is_reported(store: Path, run: Run) -> None:
    """As after `runs merge`. The same command again, or with more seeds, is the same comparison."""
    opened = RunStore(store)
    first, second = opened.comparison_records()
    opened.add_comparison("20990101T000000000000", {**second, "name": "first"})
    begun = first["created"].removesuffix("+00:00")
    for command in (("runs", "first"), ("plot", "accuracy", "first", "--terminal")):
        shown = run(*command)
        assert "warning: 2 comparisons are called first: this is the newest" in shown.err
        assert f"(name another by the time of its start: `{begun}`)" in shown.err
    more = [*second["models"], *first["models"][1:]]
    opened.add_comparison("20990102T000000000000", {**second, "models": more})
    assert "are called" not in run("runs", "second").err


def test_what_networks_of_two_comparisons_have_is_said_of_each(store: Path, run: Run) -> None:
    assert run("compare", "fcn:hidden=4", "fcn:hidden=6", "--name", "third", *SHORT).code == 0
    rows = run("runs", "diff", "first", "third", "-f", "json").json()["differences"]
    differing = {row["what"]: (row["first"], row["second"]) for row in rows}
    assert "parameters" not in differing and "parameters of fcn:hidden=4" not in differing
    assert differing["parameters of fcn:hidden=5"] == ("3,985", None)
    assert differing["parameters of fcn:hidden=6"] == (None, "4,780")


def _ids(run: Run, comparison: str) -> tuple[str, ...]:
    rows = run("runs", "--comparison", comparison, "-f", "json").json()["runs"]
    return tuple(row["id"] for row in rows)


def test_runs_that_have_not_ended_differ_by_what_they_were_asked_to_be(
    store: Path, run: Run
) -> None:
    rows = run("runs", "--comparison", "first", "-f", "json").json()["runs"]
    ids = [row["id"] for row in rows]
    for run_id in ids:
        (store / run_id / "run.json").unlink()
    told = run("runs", "diff", *ids, "-f", "json").json()["differences"]
    found = {row["what"]: {row["first"], row["second"]} for row in told}
    assert found["network"] == {f"fcn:hidden={n},dropout=0.0" for n in (4, 5)}
    assert "seeds, not ended" not in found, "both have seed 0"


def test_runs_of_another_store_are_copied_and_checked(made: Path, tmp_path: Path, run: Run) -> None:
    mine = ("--store", str(tmp_path / "mine"))
    assert run("compare", "fcn:hidden=4", *SHORT, *mine).code == 0
    result = run("runs", "merge", str(made), *mine)
    assert result.out.startswith("copied 2 runs and 2 comparisons; 1 run was here already")
    assert run("runs", "check", *mine).code == 0
    both = [run("runs", "first", "-f", "json", "--store", str(store)).json()["models"]
            for store in (tmp_path / "mine", made)]  # fmt: skip
    for here, there in zip(*both, strict=True):
        assert here["test_accuracy"] == there["test_accuracy"]
        assert [one["id"] for one in here["runs"]] == [one["id"] for one in there["runs"]]
    assert run("runs", "merge", str(made), "--store", str(made)).code == 2
    assert "there is no store `nowhere`" in run("runs", "merge", "nowhere", *mine).err


def test_several_stores_are_merged_after_a_look_at_all(
    made: Path, tmp_path: Path, run: Run
) -> None:
    mine = ("--store", str(tmp_path / "mine"))
    result = run("runs", "merge", str(made), "nowhere", *mine)
    assert result.code == 2 and not (tmp_path / "mine").exists()
    again = shutil.copytree(made, tmp_path / "again")
    result = run("runs", "merge", str(made), str(again), *mine)
    assert result.code == 0
    assert result.out.count("copied 3 runs and 2 comparisons; 0 runs were here already") == 1
    assert "again: copied 0 runs and 0 comparisons; 3 runs were here already" in result.out


def test_damaged_runs_are_not_copied(store: Path, tmp_path: Path, run: Run) -> None:
    logits = next(store.glob("*/test_logits.npz"))
    logits.write_bytes(logits.read_bytes()[:-9])
    result = run("runs", "merge", str(store), "--store", str(tmp_path / "mine"))
    assert (result.code, "copied 2 runs" in result.out) == (4, True)
    assert result.err.count("error: ") == 1 and "is damaged" in result.err
    assert f"`convcompare runs check --repair --store {store}` quarantines it" in result.err
    assert run("runs", "check", "--store", str(tmp_path / "mine")).code == 0


def test_runs_are_removed_by_network_status_and_age(store: Path, run: Run) -> None:
    assert run("runs", "rm", "--failed", "--yes").code == 2, "none failed"
    assert run("runs", "rm", "--older-than", "1d", "--yes").code == 2
    assert run("runs", "rm", "--older-than", "soon").code == 2
    assert run("runs", "rm").code == 2
    assert len(run("runs", "rm", "fcn:hidden=4", "--yes").out.splitlines()) == 2
    assert len(run("runs", "rm", "fcn:*", "--older-than", "0m", "--yes").out.splitlines()) == 1
    assert not list(store.glob("*/run.json"))
