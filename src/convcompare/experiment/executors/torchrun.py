"""Executor that runs one trial after another, each on several devices."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from convcompare.core.process import python_command
from convcompare.core.registry import register
from convcompare.store.run import Trial

from ..events import Event
from .processes import WorkerPool

if TYPE_CHECKING:
    from ..trial_runner import TrialRunner

LAUNCHER = "convcompare.experiment.workers.torchrun_launcher"


@register.executor("torchrun")
def torchrun(runner: TrialRunner, trials: Sequence[Trial]) -> Iterator[Event]:
    """Run one trial after another, each on several devices with one process per device.

    If one of the processes dies, all are started again, and the trial resumes from its last epoch;
    after the third death it has failed. All processes end with this generator.
    """
    with tempfile.TemporaryDirectory(prefix="convcompare-", ignore_cleanup_errors=True) as folder:
        command = [*python_command(LAUNCHER), folder]
        for trial in trials:
            pool = WorkerPool(runner, [trial], command)
            try:
                yield from pool.work()
            finally:
                pool.stop()
