"""What a process must know to run trials of a job: names, paths and numbers, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from convcompare.core.config import Runtime
from convcompare.core.errors import DataError, quote
from convcompare.data.dataset import Sources

from ..foreign_code import call, source_of

if TYPE_CHECKING:
    from convcompare.store.run import Trial
    from convcompare.training.device_group import SingleDevice

    from ..trial_runner import TrialRunner

T = TypeVar("T")


@dataclass(frozen=True)
class WorkerContext:
    """Where the runs go, which data set it is by spec and SHA-256, and how a trial is run."""

    store: Path
    dataset: str
    data: str
    sources: Sources
    runtime: Runtime

    @classmethod
    def of(cls, runner: TrialRunner) -> WorkerContext:
        """The workplace of each of the processes that run the trials of `runner`."""
        return cls._with(runner, runner.runtime.of_a_job())

    @classmethod
    def alone(cls, runner: TrialRunner) -> WorkerContext:
        """That of a process that has the machine to itself, as `runner` then has it."""
        return cls._with(runner, replace(runner.runtime, jobs=1, job_threads=None))

    @classmethod
    def _with(cls, runner: TrialRunner, runtime: Runtime) -> WorkerContext:
        dataset, sources = runner.dataset, runner.sources
        assert sources is not None, "an executor of processes needs to know where the data are"
        quiet = replace(sources, quiet=True)
        return cls(runner.store.root.resolve(), dataset.name, dataset.sha256, quiet, runtime)

    def runner(self, devices: SingleDevice | None = None) -> TrialRunner:
        """The same in this process, which is alone or one of several `devices`.

        DataError where the data set is no longer what it was.
        """
        from convcompare.data.load import load_dataset
        from convcompare.store.run_store import RunStore
        from convcompare.training.device_group import ALONE

        from ..trial_runner import TrialRunner

        dataset = load_dataset(self.dataset, self.sources)
        if dataset.sha256 != self.data:
            raise DataError(
                f"the images of {quote(self.dataset)} have changed meanwhile",
                "the same command trains on the current images",
            )
        return TrialRunner(
            RunStore(self.store), self.runtime, dataset, self.sources, devices or ALONE
        )


@lru_cache(maxsize=1)
def runner_of(place: WorkerContext) -> TrialRunner:
    """The runner of a context in this process; that of the last one is kept, with its images."""
    return place.runner()


def with_runner(
    trial: Trial,
    runner: TrialRunner,
    context: Callable[[TrialRunner], WorkerContext],
    function: Callable[..., T],
    *arguments: Any,
) -> T:
    """`function(runner, trial, *arguments)`, in the process where the trial's network may run.

    If that is another one, it makes its runner from `context`.
    """
    if source_of(trial.model) is None:
        return function(runner, trial, *arguments)
    found: T = call(trial.model, _with_own_runner, function, context(runner), trial, *arguments)
    return found


def _with_own_runner(function: Callable[..., T], place: WorkerContext, *arguments: Any) -> T:
    return function(runner_of(place), *arguments)
