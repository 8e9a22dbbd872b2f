"""Executor that runs trials on a Ray cluster, one task per trial."""

from __future__ import annotations

import collections
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core import failures
from convcompare.core.errors import LeaseLost, TrialError, UsageError
from convcompare.core.registry import register
from convcompare.store.cost import Environment
from convcompare.store.json_fields import from_record, to_record
from convcompare.store.lease import Lease
from convcompare.store.run import Trial
from convcompare.training.progress import StepProgress

from .. import foreign_code
from ..events import Ended, EpochFinished, Event, Started, Waiting, WorkerDied
from ..retries import RetryCounter
from ..workers import ray_cluster, ray_task
from ..workers.protocol import error_from_json, event_from_json

if TYPE_CHECKING:
    from ..trial_runner import TrialRunner

WAIT_SECONDS = 0.5
COUNT_SECONDS = 1.0
"""Interval between counts of the nodes."""
EMPTY_SECONDS = 60.0
"""Maximum time without a node that is large enough for a trial."""


@register.executor("ray")
def on_ray(runner: TrialRunner, trials: Sequence[Trial]) -> Iterator[Event]:
    """Run trials on a Ray cluster, one task per trial, on whichever node has free resources.

    Results are committed on this machine, epoch by epoch. A task whose process or node dies is sent
    again and resumes from its last epoch; after the third death its trial has failed.
    """
    driver = RayDriver(runner, trials)
    try:
        yield from driver.work()
    finally:
        driver.stop()


@dataclass
class Task:
    """A trial that was sent, and its node."""

    trial: Trial
    lease: Lease
    progress: StepProgress = field(default_factory=StepProgress)
    node: str = ""

    @property
    def place(self) -> str:
        """Description of the task's process for messages."""
        return f"its process on {self.node}" if self.node else "its process"


class RayDriver:
    """The running tasks of a plan on the cluster, and the trials that are left."""

    def __init__(self, runner: TrialRunner, trials: Sequence[Trial]) -> None:
        dataset, runtime = runner.dataset, runner.runtime
        ray_cluster.connect(runtime.address, dataset.image_bytes)
        import ray

        self.ray, self.runner, self.left = ray, runner, collections.deque(trials)
        self.share = ray_cluster.Share.of(runtime)
        ray_cluster.check_offered(self.share)
        self.images = ray.put(ray_task.pack_dataset(dataset))
        how: dict[str, Any] = {
            "num_cpus": self.share.cpus,
            "num_gpus": self.share.gpus,
            "num_returns": "streaming",
            "max_retries": 0,
        }
        self.attempt: Any = ray.remote(**how)(ray_task.attempt_of)
        self.foreign_attempt: Any = ray.remote(**how, max_calls=1)(ray_task.attempt_of)
        """For user code: its process runs nothing else afterwards."""
        self.tasks: dict[Any, Task] = {}
        self.retries = RetryCounter(runner)
        self.counted = self.had_room = time.monotonic()
        self.room = ray_cluster.room(self.share)

    def work(self) -> Iterator[Event]:
        """Yield the events of all trials as they arrive."""
        while self.left or self.tasks:
            yield from self._send()
            if self.tasks:
                ready, _ = self.ray.wait(list(self.tasks), timeout=WAIT_SECONDS)
                for stream in ready:
                    yield from self._receive(stream)
            elif self.left:
                time.sleep(WAIT_SECONDS)
            self._count()

    def stop(self) -> None:
        """Cancel all tasks now; everything that has arrived is committed."""
        for stream, task in self.tasks.items():
            self.ray.cancel(stream, force=True)
            task.lease.release()
        self.tasks.clear()

    def _send(self) -> Iterator[Event]:
        """Send trials as long as the cluster has room and fewer than `jobs` are running.

        Trials that other processes run are sent last.
        """
        store, runtime = self.runner.store, self.runner.runtime
        for _ in range(len(self.left)):
            if len(self.tasks) >= min(self.room, runtime.jobs):
                return
            trial = self.left.popleft()
            if store.finished(trial.id):
                yield from self.runner(trial)
                continue
            lease = store.claim(trial.id)
            if lease is None:
                self.left.append(trial)
                continue
            state = ray_task.pack_state(store, trial.id)
            here = replace(runtime.of_a_job(), address=None)
            task_spec = ray_task.RayTaskSpec(
                trial, here, self.runner.dataset.sha256, str(Path.cwd())
            )
            foreign = foreign_code.source_of(trial.model) is not None
            attempt = self.foreign_attempt if foreign else self.attempt
            stream = attempt.remote(
                json.dumps(to_record(task_spec)),
                [self.images],
                [self.ray.put(state)] if state else [],
            )
            self.tasks[stream] = Task(trial, lease)

    def _receive(self, stream: Any) -> Iterator[Event]:
        """Handle the next message of a task, or its end."""
        task = self.tasks.pop(stream)
        errors = self.ray.exceptions
        try:
            record, files = self.ray.get(next(stream))
        except errors.OutOfMemoryError:
            task.lease.release()
            message = f"{failures.WORDS}: {task.place} was ended by its node"
            yield Ended(self.runner.fail(task.trial, message), reused=False)
        except errors.RayTaskError as error:
            task.lease.release()
            text = str(error.cause or error).strip().partition("\n")[0]
            raise UsageError(
                f"a node cannot run the trials: {text}",
                "install the same convcompare[ray] on every node",
            ) from error
        except (errors.RayError, StopIteration):
            task.lease.release()
            event = self.retries.another(task.trial, f"{task.place} died")
            if isinstance(event, WorkerDied):
                self.left.appendleft(task.trial)
            yield event
        else:
            self.tasks[stream] = task
            yield from self._take_in(stream, record, files)

    def _take_in(
        self, stream: Any, record: dict[str, Any], files: dict[str, Any]
    ) -> Iterator[Event]:
        """Commit a message of a task; forget the task if its trial has ended or lost its lease."""
        task = self.tasks[stream]
        if "error" in record:
            raise error_from_json(record)
        if "progress" in record:
            task.progress.step, task.progress.loss = record["progress"]
            return
        try:
            event = self._commit(task, event_from_json(record), record["node"], files)
        except LeaseLost:
            self.ray.cancel(stream, force=True)
            self.left.append(task.trial)
            event = self.runner.waiting(task.trial)
        if isinstance(event, Ended | Waiting):
            task.lease.release()
            del self.tasks[stream]
        yield event

    def _commit(self, task: Task, event: Event, node: str, files: dict[str, Any]) -> Event:
        """Write the files of an event to the store before the event is yielded."""
        store, trial = self.runner.store, task.trial
        if isinstance(event, Started):
            task.node, task.progress = node, event.progress
            store.begin(trial, from_record(Environment, files["environment"]))
        elif isinstance(event, EpochFinished):
            ray_task.unpack_state(store, trial, files)
        elif isinstance(event, Ended) and event.run.status == "failed":
            store.note_failure(event.run)
        elif isinstance(event, Ended):
            return Ended(store.adopt(event.run, files), reused=False)
        return event

    def _count(self) -> None:
        """Count the nodes every `COUNT_SECONDS`.

        Raises:
            TrialError: if none was large enough for `EMPTY_SECONDS`.
        """
        now = time.monotonic()
        if now - self.counted < COUNT_SECONDS:
            return
        self.counted, self.room = now, ray_cluster.room(self.share)
        self.had_room = now if self.room else self.had_room
        if now - self.had_room > EMPTY_SECONDS:
            raise TrialError(
                f"the cluster has had no node with {self.share} for {EMPTY_SECONDS:.0f} s",
                "the same command, without `--fresh`, resumes when it has",
            )
