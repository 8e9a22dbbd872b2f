"""Several trials at a time, each in a process of its own."""

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
"""Signals of a process that somebody's code has brought down: it would do the same again."""


@register.executor("processes")
def processes(runner: TrialRunner, trials: Sequence[Trial]) -> Iterator[Event]:
    """Several trials at a time, each in a process of its own: the next goes to who is free.

    A process that dies is replaced, and its trial goes on where it was saved; the third time it
    has failed. One that has run somebody's code runs nothing else. Whatever ends this, ends the
    processes.
    """
    pool = WorkerPool(runner, trials)
    try:
        yield from pool.work()
    finally:
        pool.stop()


class WorkerPool:
    """The workers of a job, which `command` starts, and what is left for them to do."""

    def __init__(
        self, runner: TrialRunner, trials: Sequence[Trial], command: Sequence[str] = COMMAND
    ) -> None:
        self.runner, self.left = runner, collections.deque(trials)
        self.command = command
        self.said: queue.Queue[tuple[WorkerProcess, dict[str, Any] | None]] = queue.Queue()
        self.workers: list[WorkerProcess] = []
        self.retries, self.oom_kills = RetryCounter(runner), OomKillDetector()

    def work(self) -> Iterator[Event]:
        """The events of all trials, as they happen."""
        yield from self._assign()
        while any(worker.trial for worker in self.workers):
            worker, said = self.said.get()
            if said is None:
                yield from self._handle_death(worker)
            elif "progress" in said:
                worker.progress.step, worker.progress.loss = said["progress"]
            elif "error" in said:
                raise error_from_json(said)
            elif "failed" in said:
                yield from self._note_failure(worker, said["failed"])
            else:
                event = event_from_json(said)
                if isinstance(event, Started):
                    worker.progress = event.progress
                elif isinstance(event, Ended):
                    worker.trial = None
                yield event
            yield from self._assign()

    def stop(self) -> None:
        """End all workers now: what they have saved is whole, whenever they are stopped.

        Processes of somebody's code that have nothing to do are kept for what comes after.
        """
        while self.workers:
            self._dismiss(self.workers.pop())

    def _assign(self) -> Iterator[Event]:
        """Give every free worker the next trial; more workers are started up to what was asked."""
        while self.left:
            trial = self.left[0]
            if self.runner.store.finished(trial.id):
                self.left.popleft()
                yield from self.runner(trial)
                continue
            self._put_last_what_others_do()
            worker = self._free_worker()
            if worker is None:
                return
            trial = next(one for one in self.left if self._source(one) == worker.source)
            self.left.remove(trial)
            worker.give(trial)

    def _free_worker(self) -> WorkerProcess | None:
        """One that has nothing to do and may run some trial that is left; None where all work."""
        wanted = {self._source(trial) for trial in self.left}
        idle = [worker for worker in self.workers if not worker.trial]
        for worker in idle:
            if worker.source in wanted:
                return worker
        if len(self.workers) >= self.runner.runtime.jobs:
            if not idle:
                return None
            self.workers.remove(idle[0])
            self._dismiss(idle[0])
        return self._engage(self._source(self.left[0]))

    def _source(self, trial: Trial) -> str | None:
        """Whose code a trial runs, where a worker is for the code of one source alone."""
        return foreign_code.source_of(trial.model) if self.command == COMMAND else None

    def _engage(self, source: str | None) -> WorkerProcess:
        worker = foreign_code.borrow(source) if source else WorkerProcess(self.command)
        worker.said = self.said
        worker.tell({"context": to_record(WorkerContext.of(self.runner))})
        self.workers.append(worker)
        return worker

    def _dismiss(self, worker: WorkerProcess) -> None:
        if worker.trial or worker.source is None:
            worker.stop()
        else:
            worker.said = queue.Queue()
            foreign_code.give_back(worker)

    def _put_last_what_others_do(self) -> None:
        """Begin with a trial that no other command works on, where there is one."""
        for _ in range(len(self.left)):
            if not self.runner.store.held(self.left[0].id):
                return
            self.left.rotate(-1)

    def _handle_death(self, worker: WorkerProcess) -> Iterator[Event]:
        """A worker died: its trial is tried again, or has failed."""
        if worker not in self.workers:
            return
        worker.await_end()
        self.workers.remove(worker)
        trial = worker.trial
        if trial is None:
            return
        if self.oom_kills.struck(worker.process.returncode):
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
        """The trial of a worker has failed, and the worker cannot record it."""
        assert worker.trial
        trial, worker.trial = worker.trial, None
        yield Ended(self.runner.fail(trial, message), reused=False)
