"""One trial after another, each by several devices together."""

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
    """One trial after another, each by several devices together, a process each.

    Where one of the processes dies all are started again, and the trial continues after its last
    epoch; the third time it has failed. Whatever ends this, ends the processes.
    """
    with tempfile.TemporaryDirectory(prefix="convcompare-", ignore_cleanup_errors=True) as folder:
        command = [*python_command(LAUNCHER), folder]
        for trial in trials:
            pool = WorkerPool(runner, [trial], command)
            try:
                yield from pool.work()
            finally:
                pool.stop()
