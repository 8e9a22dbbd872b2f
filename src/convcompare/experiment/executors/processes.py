"""Executor that runs several trials at a time, each in its own process."""

from __future__ import annotations

import collections
import queue
import signal
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convcompare.core.failures import SIGKILL, WORDS, OomKillDetector
from convcompare.core.registry import register
from convcompare.store.json_fields import to_record
from convcompare.store.run import Trial

from .. import foreign_code
from ..events import Ended, Event, Started, WorkerDied
from ..retries import RetryCounter
from ..workers.context import WorkerContext
from ..workers.protocol import error_from_json, event_from_json
from ..workers.worker_process import COMMAND, WorkerProcess

if TYPE_CHECKING:
    from ..trial_runner import TrialRunner

_CRASHES = ("SIGSEGV", "SIGABRT", "SIGFPE", "SIGILL", "SIGBUS")

CRASHES = {getattr(signal, name) for name in _CRASHES if hasattr(signal, name)}
"""Signals of a process that user code has crashed; another attempt would crash as well."""


@register.executor("processes")
def processes(runner: TrialRunner, trials: Sequence[Trial]) -> Iterator[Event]:
    """Run several trials at a time, each in its own process; an idle process gets the next one.

    A process that dies is replaced, and its trial resumes from its saved state; after the third
    death it has failed. A process that has run user code runs nothing else. All processes end with
    this generator.
    """
    pool = WorkerPool(runner, trials)
    try:
        yield from pool.work()
    finally:
        pool.stop()


class WorkerPool:
    """Workers of a plan, which `command` starts, and the trials that are left."""

    def __init__(
        self, runner: TrialRunner, trials: Sequence[Trial], command: Sequence[str] = COMMAND
    ) -> None:
        self.runner, self.left = runner, collections.deque(trials)
        self.command = command
        self.messages: queue.Queue[tuple[WorkerProcess, dict[str, Any] | None]] = queue.Queue()
        self.workers: list[WorkerProcess] = []
        self.retries, self.oom_kills = RetryCounter(runner), OomKillDetector()

    def work(self) -> Iterator[Event]:
        """Yield the events of all trials as they arise."""
        yield from self._assign()
        while any(worker.trial for worker in self.workers):
            worker, message = self.messages.get()
            if message is None:
                yield from self._handle_death(worker)
            elif "progress" in message:
                worker.progress.step, worker.progress.loss = message["progress"]
            elif "error" in message:
                raise error_from_json(message)
            elif "failed" in message:
                yield from self._note_failure(worker, message["failed"])
            else:
                event = event_from_json(message)
                if isinstance(event, Started):
                    worker.progress = event.progress
                elif isinstance(event, Ended):
                    worker.trial = None
                yield event
            yield from self._assign()

    def stop(self) -> None:
        """Stop all workers now; their saved state is complete at any time.

        Idle processes with user code are kept for later calls.
        """
        while self.workers:
            self._release_worker(self.workers.pop())

    def _assign(self) -> Iterator[Event]:
        """Give each idle worker the next trial, and start workers up to the number of jobs."""
        while self.left:
            trial = self.left[0]
            if self.runner.store.finished(trial.id):
                self.left.popleft()
                yield from self.runner(trial)
                continue
            self._skip_held_trials()
            worker = self._free_worker()
            if worker is None:
                return
            trial = next(one for one in self.left if self._source(one) == worker.source)
            self.left.remove(trial)
            worker.send_trial(trial)

    def _free_worker(self) -> WorkerProcess | None:
        """Return an idle worker for one of the trials that are left; None if all are busy."""
        wanted = {self._source(trial) for trial in self.left}
        idle = [worker for worker in self.workers if not worker.trial]
        for worker in idle:
            if worker.source in wanted:
                return worker
        if len(self.workers) >= self.runner.runtime.jobs:
            if not idle:
                return None
            self.workers.remove(idle[0])
            self._release_worker(idle[0])
        return self._start_worker(self._source(self.left[0]))

    def _source(self, trial: Trial) -> str | None:
        """Return the source of the trial's user code; None if this pool's workers run any trial."""
        return foreign_code.source_of(trial.model) if self.command == COMMAND else None

    def _start_worker(self, source: str | None) -> WorkerProcess:
        worker = foreign_code.borrow(source) if source else WorkerProcess(self.command)
        worker.messages = self.messages
        worker.send({"context": to_record(WorkerContext.of(self.runner))})
        self.workers.append(worker)
        return worker

    def _release_worker(self, worker: WorkerProcess) -> None:
        if worker.trial or worker.source is None:
            worker.stop()
        else:
            worker.messages = queue.Queue()
            foreign_code.give_back(worker)

    def _skip_held_trials(self) -> None:
        """Rotate the queue to the first trial that no other command runs, if there is one."""
        for _ in range(len(self.left)):
            if not self.runner.store.held(self.left[0].id):
                return
            self.left.rotate(-1)

    def _handle_death(self, worker: WorkerProcess) -> Iterator[Event]:
        """Try the trial of a dead worker again, or record that it failed."""
        if worker not in self.workers:
            return
        worker.await_end()
        self.workers.remove(worker)
        trial = worker.trial
        if trial is None:
            return
        if self.oom_kills.was_killed(worker.process.returncode):
            message = f"{WORDS}: its process was killed by the system{self._kept(trial)}"
            yield Ended(self.runner.fail(trial, message), reused=False)
            return
        if worker.source and -worker.process.returncode in CRASHES:
            yield Ended(self.runner.fail(trial, f"its process {worker.end()}"), reused=False)
            return
        guess = f"{WORDS}? " if worker.process.returncode == -SIGKILL else ""
        event = self.retries.another(trial, f"its process {worker.end()}", guess)
        if isinstance(event, WorkerDied):
            self.left.appendleft(trial)
        yield event

    def _kept(self, trial: Trial) -> str:
        epochs = len(self.runner.store.history(trial.id))
        return f"; the state after epoch {epochs} is kept" if epochs else ""

    def _note_failure(self, worker: WorkerProcess, message: str) -> Iterator[Event]:
        """Record the failure of a worker's trial, which the worker could not record."""
        assert worker.trial
        trial, worker.trial = worker.trial, None
        yield Ended(self.runner.fail(trial, message), reused=False)
