"""Seeds picked from more seeds: detected from the store, reported, and deciding nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]
DATA = ("-d", "mnist-mini", "--train-images", "500", "-e", "1")
COMPARE = ("compare", "fcn:hidden=8", "fcn:hidden=32", *DATA)
TOLD = "4 seeds of these networks have run, and 2 were picked after their results could be seen"


def compared(run: Run, *more: str) -> Any:
    result = run(*COMPARE, "--threads", "1", *more)
    assert result.code == 0, result.err
    return result


def test_picked_seeds_are_reported(run: Run) -> None:
    assert compared(run, "--seeds", "4", "-f", "json").json()["picked"] is None
    picked = compared(run, "--seeds", "1,3")
    assert TOLD in picked.out
    stored = run("runs", "latest", "-f", "json").json()
    assert stored["picked"] == {
        "seeds": 4, "used": 2, "removed": 0, "unseen": False, "all": "4"
    }  # fmt: skip
    whole = compared(run, "--seeds", "4")
    assert "picked" not in whole.out


def test_removed_seeds_count_as_seen(run: Run) -> None:
    """Removing unwanted runs does not hide that seeds were picked."""
    models = compared(run, "--seeds", "4", "-f", "json").json()["models"]
    for model in models:
        ids = [one["id"] for one in model["runs"] if one["seed"] in (0, 2)]
        assert run("runs", "rm", *ids, "--yes").code == 0
    picked = compared(run, "--seeds", "1,3")
    assert TOLD.replace("have run", "have run (2 of them removed since)") in picked.out
    assert run("runs", "check").code == 0
    assert compared(run, "--seeds", "4", "-f", "json").json()["picked"] is None


def test_additional_seeds_are_not_picked(run: Run) -> None:
    compared(run, "--seeds", "1")
    assert compared(run, "--seeds", "2", "-f", "json").json()["picked"] is None


def test_seeds_chosen_unseen_are_a_new_sample(run: Run) -> None:
    """Also if the command is repeated or continued; not if it is one of several samples."""
    compared(run, "--seeds", "2")
    for count in ("2", "2", "3"):
        new = compared(run, "--seeds", count, "--seed", "5")
        assert f"these {count} seeds were chosen unseen, after results of 2 other seeds" in new.out
        assert "decide nothing" not in new.out
    assert "(`--seeds 0,1,5,6,7` takes all)" in new.out
    stored = run("runs", "latest", "-f", "json").json()["picked"]
    assert (stored["unseen"], stored["all"]) == (True, "0,1,5,6,7")
    assert "decide nothing" in compared(run, "--seeds", "2").out, "the others have been seen"
    assert "decide nothing" in compared(run, "--seeds", "2", "--seed", "6").out
