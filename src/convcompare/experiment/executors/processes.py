"""Several trials at a time, each in a process of its own."""

from __future__ import annotations

import collections
import contextlib
import json
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convcompare.core.failures import SIGKILL, WORDS, OomKillDetector
from convcompare.core.process import python_command
from convcompare.core.registry import register
from convcompare.store.json_fields import to_record
from convcompare.store.run import Trial
from convcompare.training.progress import StepProgress

from ..events import Ended, Event, Started, WorkerDied
from ..retries import RetryCounter
from ..workers.context import WorkerContext
from ..workers.protocol import error_from_json, event_from_json

if TYPE_CHECKING:
    from ..trial_runner import TrialRunner

CLOSING_SECONDS = 10.0
COMMAND = python_command("convcompare.experiment.workers.worker")


@register.executor("processes")
def processes(runner: TrialRunner, trials: Sequence[Trial]) -> Iterator[Event]:
    """Several trials at a time, each in a process of its own: the next goes to who is free.

    A process that dies is replaced, and its trial goes on where it was saved; the third time it
    has failed. Whatever ends this, ends the processes.
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
        self.said: queue.Queue[tuple[Worker, dict[str, Any] | None]] = queue.Queue()
        self.workers: list[Worker] = []
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
        """End all workers now: what they have saved is whole, whenever they are stopped."""
        for worker in self.workers:
            worker.stop()

    def _assign(self) -> Iterator[Event]:
        """Give every free worker the next trial; more workers are started up to what was asked."""
        while self.left:
            trial = self.left[0]
            if self.runner.store.finished(trial.id):
                self.left.popleft()
                yield from self.runner(trial)
                continue
            worker = next((one for one in self.workers if not one.trial), None)
            if worker is None:
                if len(self.workers) >= self.runner.runtime.jobs:
                    return
                worker = Worker(self.command, WorkerContext.of(self.runner), self.said)
                self.workers.append(worker)
            self._put_last_what_others_do()
            worker.give(self.left.popleft())

    def _put_last_what_others_do(self) -> None:
        """Begin with a trial that no other command works on, where there is one."""
        for _ in range(len(self.left)):
            if not self.runner.store.held(self.left[0].id):
                return
            self.left.rotate(-1)

    def _handle_death(self, worker: Worker) -> Iterator[Event]:
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
        guess = f"{WORDS}? " if worker.process.returncode == -SIGKILL else ""
        event = self.retries.another(trial, f"its process {worker.end()}", guess)
        if isinstance(event, WorkerDied):
            self.left.appendleft(trial)
        yield event

    def _kept(self, trial: Trial) -> str:
        epochs = len(self.runner.store.history(trial.id))
        return f"; the state after epoch {epochs} is kept" if epochs else ""

    def _note_failure(self, worker: Worker, message: str) -> Iterator[Event]:
        """The trial of a worker has failed, and the worker cannot record it."""
        assert worker.trial
        trial, worker.trial = worker.trial, None
        yield Ended(self.runner.fail(trial, message), reused=False)


class Worker:
    """One process, and the trial that it runs; what it says goes into the queue `said`.

    Its end is said as None.
    """

    def __init__(
        self,
        command: Sequence[str],
        place: WorkerContext,
        said: queue.Queue[tuple[Worker, dict[str, Any] | None]],
    ) -> None:
        self.trial: Trial | None = None
        self.progress = StepProgress()
        self.said = said
        with _interrupts_blocked():
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        threading.Thread(target=self._listen, daemon=True).start()
        self._tell(to_record(place))

    def give(self, trial: Trial) -> None:
        """Send the process a trial."""
        self.trial = trial
        self._tell(to_record(trial))

    def stop(self) -> None:
        """Kill the process and wait for its end."""
        self.process.kill()
        self.process.wait()
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def await_end(self) -> None:
        """Let a process that has closed its output end in its own way."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(CLOSING_SECONDS)
        self.stop()

    def end(self) -> str:
        """How the process ended, in words."""
        code = self.process.returncode
        return f"was killed (signal {-code})" if code < 0 else f"ended (exit code {code})"

    def _tell(self, record: dict[str, Any]) -> None:
        """Say something to the process; that it is dead is heard from its output."""
        assert self.process.stdin
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(record) + "\n")
            self.process.stdin.flush()

    def _listen(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                if not line.endswith("\n"):  # it was killed while it spoke
                    break
                self.said.put((self, json.loads(line)))
        self.said.put((self, None))


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes started within never see Ctrl-C, which a terminal sends to all: who started them
    ends them. Outside POSIX this does nothing.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
