"""Seeds that were picked from more: known from the store, told, and deciding nothing."""

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


def test_picked_seeds_are_told(run: Run) -> None:
    assert compared(run, "--seeds", "4", "-f", "json").json()["picked"] is None
    picked = compared(run, "--seeds", "1,3")
    assert TOLD in picked.out
    stored = run("runs", "latest", "-f", "json").json()
    assert stored["picked"] == {"seeds": 4, "used": 2, "removed": 0}
    whole = compared(run, "--seeds", "4")
    assert "picked" not in whole.out


def test_removed_seeds_were_seen_too(run: Run) -> None:
    """Whoever removes the runs that displease cannot pick unseen."""
    models = compared(run, "--seeds", "4", "-f", "json").json()["models"]
    for model in models:
        ids = [one["id"] for one in model["runs"] if one["seed"] in (0, 2)]
        assert run("runs", "rm", *ids, "--yes").code == 0
    picked = compared(run, "--seeds", "1,3")
    assert TOLD.replace("have run", "have run (2 of them removed since)") in picked.out
    assert run("runs", "check").code == 0
    assert compared(run, "--seeds", "4", "-f", "json").json()["picked"] is None


def test_more_seeds_are_not_picked(run: Run) -> None:
    compared(run, "--seeds", "1")
    assert compared(run, "--seeds", "2", "-f", "json").json()["picked"] is None
