"""Parts of a comparison in several commands on one store: shards, and workers with leases."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcompare.core.config import TrainConfig
from convcompare.experiment.shard import Shard
from convcompare.store.run import Trial
from convcompare.store.run_store import RunStore
from tests.support.stores import assert_same_bits, files
from tests.torture.harness import Command, fork_server

Run = Callable[..., Any]
DATA = ("-d", "shapes:train=320,test=80", "--threads", "1", "--precision", "fp32")
TRIALS = (*DATA, "fcn:hidden=8", "fcn:dropout=0.2", "--seeds", "3")
HASTY = "tests.torture.many:impatient"
"""Code before a command: leases expire after two seconds."""


@given(st.integers(1, 40), st.integers(1, 60))
def test_every_trial_is_in_one_shard(seeds: int, of: int) -> None:
    trials = [Trial("fcn", "tiny", "ab", seed, TrainConfig()) for seed in range(seeds)]
    shards = [Shard(number, of).pick(trials) for number in range(1, of + 1)]
    assert Counter(trial.seed for shard in shards for trial in shard) == Counter(range(seeds))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    assert Shard(1, of).pick(trials[::-1]) == shards[0][::-1]


def test_shards_together_are_the_comparison(run: Run, tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        command = ("compare", *TRIALS, "-e", "1", "--store", "s", "--shard", f"{number}/4")
        part = run(*command)
        assert (part.code, part.out) == (0, "")
        assert f"shard {number}/4: {2 if number < 3 else 1} of 6 trials" in part.err
        assert "the same command without it prints the table" in part.err
        assert "timing " not in part.err
        assert f"{2 if number < 3 else 1} of them run now" in part.err
        assert "0 of them run now" in run(*command).err
    store = RunStore(tmp_path / "s")
    assert (len(store.ids()), store.comparisons()) == (6, [])
    assert {store.run(run_id).jobs for run_id in store.ids()} == {4}
    whole = run("compare", *TRIALS, "-e", "1", "--store", "s", "--format", "json")
    assert whole.code == 0
    assert whole.err.count("from an earlier call") == 6
    assert "timing 6 runs" in whole.err
    assert all(run["train_seconds"] for model in whole.json()["models"] for run in model["runs"])
    assert run("compare", *TRIALS, "-e", "1", "--store", "local", "-q").code == 0
    assert_same_bits(tmp_path / "s", tmp_path / "local")


@pytest.mark.torture
def test_a_study_has_shards_too(run: Run, tmp_path: Path) -> None:
    study = ("study", "mnist", *DATA[:2], "-e", "1", "--skip", "Residual CNN", "--quiet")
    for number in (1, 2):
        part = run(*study, "--threads", "1", "--shard", f"{number}/2", "--format", "json")
        assert (part.code, part.out, part.err) == (0, "", "")
    rows = run("runs", "--format", "json").json()["runs"]
    assert len(rows) > 1 and {row["status"] for row in rows} == {"finished"}


def test_plan_of_a_shard_counts_its_trials(run: Run) -> None:
    plan = run("compare", *TRIALS, "--dry-run", "--shard", "2/3", "--format", "json").json()[
        "models"
    ]
    assert sum(row["seeds"] for row in plan) == 2


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "-1/2", "1", "a/b", "1/2/3", "1/1000000"])
def test_shard_out_of_range_is_refused(run: Run, text: str) -> None:
    result = run("compare", *TRIALS, f"--shard={text}")
    assert result.code == 2
    assert f"error: invalid value for `--shard`: `{text}`" in result.err
    assert "hint: I/N, the I-th of N parts" in result.err


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("compare", "--shard", "1/2", "--until-clear"), "`--shard` and `--until-clear` cannot be"),
        (("worker", "compare", "--until-clear"), "worker` and `--until-clear` cannot be"),
        (("worker", "compare", "--fresh"), "takes no `--fresh`"),
        (("worker", "compare", "--shard", "1/2"), "takes no `--shard`"),
        (("worker", "report"), "a worker cannot take part in `report`"),
        (("worker", "compare", "--seeds", "x"), "invalid value for `--seeds`: `x`"),
    ],
)
def test_parts_refuse_options_that_need_the_whole_comparison(
    run: Run, command: tuple[str, ...], told: str
) -> None:
    result = run(*command, *(() if "report" in command else ("fcn", "simple", "-d", "mnist-mini")))
    assert result.code == 2
    assert told in result.err
    assert result.err.count("hint:") == 1


def start(folder: Path, *arguments: str, before: str = "") -> Command:
    return fork_server().start(["worker", "compare", *TRIALS, *arguments], folder, before=before)


def ends(text: str, epochs: int) -> Counter[str]:
    """Count how often each trial reached its last epoch, by the output."""
    lines = [line for line in text.splitlines() if f"epoch {epochs}/{epochs}" in line]
    return Counter(line.partition(" · epoch")[0] for line in lines)


def test_two_workers_share_the_trials(run: Run, tmp_path: Path) -> None:
    one, other = (start(tmp_path, "-e", "3", *more) for more in ((), ("--jobs", "2")))
    told = [process.wait().clean(0).err for process in (one, other)]
    done = [ends(text, 3) for text in told]
    assert sorted((done[0] + done[1]).values()) == [1] * 6
    assert all("none is left" in text for text in told)
    assert not list((tmp_path / "runs").glob("*/lease*"))
    assert not (tmp_path / "runs" / "comparisons").exists()
    store = RunStore(tmp_path / "runs")
    assert {store.run(run_id).jobs for run_id in store.ids()} <= {2, 4}
    assert run("compare", *TRIALS, "-e", "3", "--store", "local", "-q").code == 0
    assert_same_bits(tmp_path / "runs", tmp_path / "local")


@pytest.mark.torture
def test_stalled_worker_is_taken_over_and_its_late_commit_refused(run: Run, tmp_path: Path) -> None:
    one = start(tmp_path, "-e", "6")
    stopped = one.until("epoch 2/6").partition(" · epoch")[0]
    one.signal(signal.SIGSTOP)
    told = start(tmp_path, "-e", "6", before=HASTY).wait().clean(0).err
    assert f"{stopped} · resumes after epoch" in told
    assert len(ends(told, 6)) == 6
    records = files(tmp_path / "runs", "run.json")
    one.signal(signal.SIGCONT)
    late = one.wait().clean(0).err
    assert f"{stopped} · from an earlier call" in late
    assert "none is left" in late
    assert files(tmp_path / "runs", "run.json") == records, "what it wrote late does not count"
    assert run("compare", *TRIALS, "-e", "6", "--store", "local", "-q").code == 0
    assert_same_bits(tmp_path / "runs", tmp_path / "local")


@pytest.mark.torture
def test_killed_worker_is_taken_over_at_once(tmp_path: Path) -> None:
    one = start(tmp_path, "-e", "4")
    one.until("epoch 2/4")
    one.signal(signal.SIGKILL)
    one.wait()
    told = start(tmp_path, "-e", "4").wait().clean(0).err
    assert "resumes after epoch" in told
    assert "waits for" not in told
    statuses = {
        json.loads(data)["status"] for data in files(tmp_path / "runs", "run.json").values()
    }
    assert statuses == {"finished"}
