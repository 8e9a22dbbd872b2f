"""The number of parallel trials if the command does not give it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from convcompare.core.config import Runtime, TrainConfig
from convcompare.data.dataset import Sources
from convcompare.experiment import parallel_trials
from convcompare.experiment.events import Ended, EpochFinished
from convcompare.experiment.parallel_trials import Load, fastest, longest_first, seconds
from convcompare.experiment.plan import ExperimentPlan
from convcompare.experiment.planning import prepare
from convcompare.experiment.reporter import Reporter
from convcompare.experiment.request import Request, model_requests
from convcompare.experiment.shapes import shape_of
from convcompare.experiment.trial_grid import Candidate
from convcompare.experiment.trial_runner import TrialRunner
from convcompare.experiment.workers.context import WorkerContext
from convcompare.models.build import resolve
from convcompare.store.run_store import RunStore
from convcompare.training import hardware
from tests.support.data import make_tiny

SMALL, LARGE = 20_000_000, 250_000_000_000


def brute_force(lengths: list[float], jobs: int, start: float) -> float:
    """Return the end of the last trial if each, longest first, goes to a free worker."""
    busy = [[start, index] for index in range(jobs)]
    for length in sorted(lengths, reverse=True):
        busy.sort()
        busy[0][0] += length
    return max(end for end, _ in busy)


@pytest.mark.parametrize("jobs", [2, 3, 5])
def test_time_of_parallel_trials_is_that_of_a_schedule(jobs: int) -> None:
    loads = [
        Load(steps, macs) for steps, macs in itertools.product((100, 900, 5000), (SMALL, 10**9))
    ]
    lengths = [parallel_trials.BESIDE * load.seconds(2) for load in loads]
    expected = brute_force(lengths, jobs, parallel_trials.START_SECONDS)
    expected += parallel_trials.TIMING_SECONDS * len(loads)
    assert seconds(loads, jobs, 2) == pytest.approx(expected)
    assert seconds(loads, 1, 2) == pytest.approx(sum(load.seconds(2) for load in loads))


def test_single_or_short_trials_get_the_whole_machine() -> None:
    assert fastest([Load(100_000, SMALL)], 16) == 1
    assert fastest([Load(20, SMALL)] * 6, 16) == 1


@pytest.mark.parametrize("cores", [1, 2, 4, 8, 16])
def test_long_trials_of_small_networks_get_one_core_each(cores: int) -> None:
    assert fastest([Load(100_000, SMALL)] * 32, cores) == cores


def test_long_trial_among_short_ones_is_not_slowed_down() -> None:
    """One of 10 million steps and three of a thousand: the long one determines the end."""
    loads = [Load(10_000_000, 10**9), *[Load(1000, 10**9)] * 3]
    assert fastest(loads, 2) == 1


def test_requested_threads_limit_parallel_trials() -> None:
    loads = [Load(100_000, SMALL)] * 32
    assert [fastest(loads, 8, threads) for threads in (1, 2, 3, 8, 16)] == [8, 4, 2, 1, 1]


@pytest.mark.parametrize("cores", [2, 8, 16])
@pytest.mark.parametrize("macs", [SMALL, 10**9, LARGE])
@pytest.mark.parametrize("trials", [1, 2, 3, 6, 20])
def test_chosen_number_has_the_least_time(cores: int, macs: int, trials: int) -> None:
    loads = [Load(3000, macs)] * trials
    taken = {jobs: seconds(loads, jobs, cores // jobs) for jobs in range(1, min(cores, trials) + 1)}
    chosen = fastest(loads, cores)
    assert taken[chosen] <= min(taken.values()) * (parallel_trials.LEAST_GAIN if chosen == 1 else 1)


def plan_of(store: Path, *models: str, epochs: int = 400, **given: Any) -> ExperimentPlan:
    given = {"seeds": tuple(range(6)), "settings": {"epochs": str(epochs)}, **given}
    request = Request(
        models=model_requests(models),
        dataset="shapes:train=256,test=64",
        precision="fp32",
        device="cpu",
        store=store,
        **given,
    )
    return prepare(request, Reporter())


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two threads and two cores on any machine."""
    before = torch.get_num_threads()
    for module in (hardware, parallel_trials):
        monkeypatch.setattr(module, "cores", lambda: 2)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_comparison_uses_the_fastest_number_of_parallel_trials(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "fcn", epochs=40_000)
    assert (plan.runtime.jobs, plan.runtime.job_threads, plan.executor) == (2, 1, "processes")
    assert plan.jobs_reason == "fastest for networks of this size on 2 cores"
    assert plan.runtime.threads == 2, "of a run that is timed alone"
    again = plan_of(tmp_path, "fcn", epochs=40_000)
    assert again.runtime == plan.runtime


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"epochs": 1}, "parallel trials would be no faster"),
        ({"jobs": 1}, ""),
        ({"executor": "local"}, ""),
        ({"seeds": (0,)}, ""),
        ({"worker": True}, ""),
        ({"settings": {"devices": "2", "epochs": "40000"}}, ""),
    ],
)
@pytest.mark.usefixtures("two_threads")
def test_one_trial_at_a_time_if_more_would_not_help(
    tmp_path: Path, given: dict[str, Any], reason: str
) -> None:
    plan = plan_of(tmp_path, "fcn", **{"epochs": 40_000, **given})
    assert (plan.runtime.jobs, plan.jobs_reason) == (1, reason)


@pytest.mark.usefixtures("two_threads")
def test_requested_number_is_used(tmp_path: Path) -> None:
    assert plan_of(tmp_path, "fcn", epochs=1, jobs=2).runtime.jobs == 2
    asked = plan_of(tmp_path, "fcn", epochs=40_000, threads=2)
    assert (asked.runtime.jobs, asked.runtime.threads) == (1, 2)


@pytest.mark.usefixtures("two_threads")
def test_memory_limits_parallel_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_trials, "physical_memory", lambda: 3 * 2**30)
    assert plan_of(tmp_path, "fcn", epochs=40_000).runtime.jobs == 1


@pytest.mark.usefixtures("two_threads")
def test_largest_trials_start_first(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "fcn:hidden=8", "fcn:hidden=64", epochs=40_000)
    order = [(trial.label, trial.seed) for trial in longest_first(plan)]
    assert order == [(f"fcn:hidden={width}", seed) for width in (64, 8) for seed in range(6)]


@pytest.mark.usefixtures("two_threads")
def test_interrupted_trial_resumes_with_its_number_of_threads(tmp_path: Path) -> None:
    """Its bits depend on that number, and another command may have another default."""
    store, data = RunStore(tmp_path), make_tiny(train=128, test=32)
    network = resolve("simple", shape_of(data))
    trial = Candidate("cnn", network, TrainConfig(epochs=2, batch_size=64)).trial(data, 0)
    for event in TrialRunner(store, Runtime("cpu", 2, fitted=True), data)(trial):
        if isinstance(event, EpochFinished):
            break
    del event
    runner = TrialRunner(store, Runtime("cpu", 2, jobs=2, job_threads=1, fitted=True), data)
    one = TrialRunner(store, runner.runtime.of_a_job(), data)
    *_, end = one(trial)
    assert isinstance(end, Ended)
    assert end.run.environment.threads == 2


def test_run_is_timed_alone_with_all_threads_in_any_process(tmp_path: Path) -> None:
    """User-defined networks and those of the zoo alike, since their times are compared."""
    runtime = Runtime("cpu", 2, jobs=2, job_threads=1, fitted=True)
    sources = Sources(tmp_path)
    runner = TrialRunner(RunStore(tmp_path), runtime, make_tiny(train=64, test=32), sources)
    beside, alone = WorkerContext.of(runner).runtime, WorkerContext.alone(runner).runtime
    assert (beside.threads, beside.of_a_job().threads) == (1, 1)
    assert (alone.threads, alone.of_a_job().threads, alone.jobs) == (2, 2, 1)
