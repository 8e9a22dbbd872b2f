"""Everything that a worker process needs to run the trials of a plan, serializable as JSON."""

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
    """Store, data set and runtime of a worker.

    Attributes:
        store: Absolute path of the store.
        dataset: Spec of the data set.
        data: SHA-256 of the data set.
        sources: Where the data set may be read and downloaded from.
        runtime: Device, precision, threads and other settings of this machine.
    """

    store: Path
    dataset: str
    data: str
    sources: Sources
    runtime: Runtime

    @classmethod
    def of(cls, runner: TrialRunner) -> WorkerContext:
        """Return the context for each of several processes that run the trials of `runner`."""
        return cls._with(runner, runner.runtime.of_a_job())

    @classmethod
    def alone(cls, runner: TrialRunner) -> WorkerContext:
        """Return the context for a process that has the machine to itself."""
        return cls._with(runner, replace(runner.runtime, jobs=1, job_threads=None))

    @classmethod
    def _with(cls, runner: TrialRunner, runtime: Runtime) -> WorkerContext:
        dataset, sources = runner.dataset, runner.sources
        assert sources is not None, "an executor of processes needs to know where the data are"
        quiet = replace(sources, quiet=True)
        return cls(runner.store.root.resolve(), dataset.name, dataset.sha256, quiet, runtime)

    def runner(self, devices: SingleDevice | None = None) -> TrialRunner:
        """Return a runner for this process, which is alone or one of several `devices`.

        Raises:
            DataError: if the SHA-256 of the data set has changed.
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
def runner_of(context: WorkerContext) -> TrialRunner:
    """Return the runner of a context; the latest one is cached with its images."""
    return context.runner()


def with_runner(
    trial: Trial,
    runner: TrialRunner,
    context: Callable[[TrialRunner], WorkerContext],
    function: Callable[..., T],
    *arguments: Any,
) -> T:
    """Call `function(runner, trial, *arguments)` in the process that may run the trial's network.

    Another process creates its own runner from `context(runner)`.
    """
    if source_of(trial.model) is None:
        return function(runner, trial, *arguments)
    found: T = call(trial.model, _with_own_runner, function, context(runner), trial, *arguments)
    return found


def _with_own_runner(function: Callable[..., T], context: WorkerContext, *arguments: Any) -> T:
    return function(runner_of(context), *arguments)
