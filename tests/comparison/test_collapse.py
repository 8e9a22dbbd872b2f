"""Collapsed runs: their rate, and verdicts on the remaining runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from convcompare.comparison import collapse
from convcompare.comparison.assessment import Assessment
from convcompare.store.run_store import Predictions, RunStore
from tests.support.runs import FCN, SIMPLE, comparison, run, series, trained


def test_collapse_rate_has_the_wilson_interval() -> None:
    dead = [trained("simple", seed, 0.1) for seed in range(3, 5)]
    diverged = dataclasses.replace(trained("simple", 5, 0.1), status="diverged", history=())
    whole = comparison(*series("fcn", FCN), *series("simple", SIMPLE[:3]), *dead, diverged)
    (found,) = collapse.collapses(whole, {one.id for one in dead})
    exact = binomtest(3, 6).proportion_ci(method="wilson")
    assert (found.model, found.collapsed, found.runs) == ("simple", 3, 6)
    assert (found.low, found.high) == (pytest.approx(exact.low), pytest.approx(exact.high))
    assert found.words == "simple: 3 of 6 runs collapsed (50 %, 19 to 81 %)"


def test_crash_is_no_collapse_and_one_run_has_no_rate() -> None:
    failed = dataclasses.replace(run("fcn", 1), status="failed", history=())
    assert collapse.collapses(comparison(run("fcn", 0), run("fcn", 2), failed), ()) == ()
    assert collapse.collapses(comparison(run("fcn", 0, "diverged")), ()) == ()


def test_verdicts_use_the_runs_that_learnt(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    labels = np.arange(10_000) % 10
    logits = np.zeros((10_000, 10), np.float32)
    runs = []
    for one in (*series("fcn", FCN), *series("simple", SIMPLE[:7]), trained("simple", 7, 0.1)):
        with store.lock(one.id):
            store.begin(one.trial, one.environment)
            runs.append(store.finish(one, None, Predictions(logits, labels)))
    judged = Assessment(comparison(*runs), store)
    (verdict,) = judged.contrasts
    assert (verdict.relation, verdict.n) == ("higher", 7)
    (note,) = [one for one in judged.notes if "collapsed" in one]
    assert note.startswith("simple: 1 of 8 runs collapsed (12 %, 2 to 47 %); verdicts on accuracy")
    assert judged.to_json()["collapses"][0]["rate"] == 1 / 8
