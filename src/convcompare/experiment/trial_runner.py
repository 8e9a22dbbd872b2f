"""Runs trials and yields their events: skips ended ones, resumes interrupted ones."""

from __future__ import annotations

import statistics
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import torch

from convcompare.core.config import TRAINING_PASSES, Runtime
from convcompare.core.errors import ConvcompareError, LeaseLost, ModelError, UsageError, quote
from convcompare.core.failures import reason
from convcompare.core.process import cores
from convcompare.core.registry import register
from convcompare.data.dataset import Dataset, Sources
from convcompare.models.build import Builder
from convcompare.store.cost import Cost, Environment, Timing
from convcompare.store.lease import POLL_SECONDS, Lease
from convcompare.store.run import OTHER_DRAWS, RANDOM_SETUP, Run, Trial
from convcompare.store.run_store import RunStore
from convcompare.training.batches import Batches
from convcompare.training.compilation import CompileRequest
from convcompare.training.cpu_contention import Interference
from convcompare.training.device_group import ALONE, SingleDevice
from convcompare.training.hardware import (
    environment,
    fitting_threads,
    prepare,
    release_memory,
)
from convcompare.training.state import fit, from_bytes
from convcompare.training.step_timing import BLOCK, block_seconds, step_seconds
from convcompare.training.trainer import Diverged, Trainer

from .attempt import Attempt, latencies, now
from .events import Ended, Event, Waiting
from .foreign_code import Network, resolve
from .shapes import shape_of
from .trial_grid import numerics_of

CHANGES = {
    RANDOM_SETUP: "`initialise_from` drew from the stream of the initial weights then, and draws "
    "from its own now",
    OTHER_DRAWS: "no seed set what it drew from numpy's or Python's generator then",
}
"""How the arithmetic differed before, by the version that changed it."""


def execute(
    trials: Sequence[Trial], runner: TrialRunner, executor: str = "local"
) -> Generator[Event, None, None]:
    """Run the missing trials and yield the events of all, those of reused runs first.

    Closing the generator stops the trials that are still running.
    """
    missing_last = sorted(trials, key=lambda trial: runner.store.finished(trial.id), reverse=True)
    yield from register.executor[executor].function(runner, missing_last)


class TrialRunner:
    """Runs single trials on one data set; called with a trial, it yields events.

    A trial of foreign code runs in the runner of the process that has the code.

    Args:
        store: Store of the runs.
        runtime: Device, threads and precision.
        dataset: Training and test images.
        sources: Where the data set came from, for executors that load it in other processes.
        devices: This process's place among several devices that train together. Only the first
            writes; the others call `follow`.
        networks: Resolved networks; the spec of any other trial's network is resolved.
    """

    def __init__(
        self,
        store: RunStore,
        runtime: Runtime,
        dataset: Dataset,
        sources: Sources | None = None,
        devices: SingleDevice = ALONE,
        networks: Iterable[Network] = (),
    ) -> None:
        started = time.perf_counter()
        self.store, self.runtime, self.dataset, self.sources = store, runtime, dataset, sources
        self.devices = devices
        device = prepare(runtime)
        self.train = Batches(dataset.train, dataset, device, devices)
        self.test = Batches(dataset.test, dataset, device, devices)
        self.environment = replace(environment(runtime), compiled=runtime.compile == "on")
        self._networks = {
            (network.spec, network.shape, network.freeze): network for network in networks
        }
        self.loading_seconds = time.perf_counter() - started

    def __call__(self, trial: Trial) -> Iterator[Event]:
        """Run a trial, or wait for the process that runs it; the final event is the same."""
        lease = yield from self._claimed(trial)
        yield from self._with(lease, trial)

    def at_once(self, trial: Trial) -> Iterator[Event] | None:
        """Run a trial without waiting; return None if another process runs it."""
        lease = None
        if not self.store.finished(trial.id):
            lease = self.store.claim(trial.id)
            if lease is None:
                return None
        return self._with(lease, trial)

    def _with(self, lease: Lease | None, trial: Trial) -> Iterator[Event]:
        """Run a trial with its lease; `lease` is None for a trial that has ended."""
        while lease:
            try:
                with lease:
                    if not self.store.finished(trial.id):
                        yield from self._train(trial)
                        return
            except LeaseLost:
                yield self.waiting(trial)
            lease = yield from self._claimed(trial)
        self.store.tidy(trial.id)
        run = self.store.run(trial.id)
        self.store.verify(run)
        yield Ended(run, reused=True)

    def saved_epochs(self, trial: Trial) -> int:
        """Return the number of saved epochs of an interrupted trial; 0 if its state is damaged."""
        checkpoint, _ = self.store.checkpoint(trial.id)
        return len(checkpoint.history) if checkpoint else 0

    def waiting(self, trial: Trial) -> Waiting:
        """Return the event that another process runs a trial."""
        return Waiting(trial, self.store.holder(trial.id) or "another process")

    def _claimed(self, trial: Trial) -> Generator[Event, None, Lease | None]:
        """Return the lease of a trial as soon as it is free; None if the trial ends meanwhile."""
        started, reported = time.monotonic(), False
        while not self.store.finished(trial.id):
            lease = self.store.claim(trial.id)
            if lease:
                return lease
            if not reported and time.monotonic() - started > 1:
                yield self.waiting(trial)
                reported = True
            time.sleep(POLL_SECONDS)
        return None

    def follow(self, trial: Trial) -> None:
        """Train together with the first device, from the same epoch, and record nothing."""
        trainer = self.trainer(trial)
        if self.devices.of_first(0) and (checkpoint := self.store.checkpoint(trial.id)[0]):
            trainer.restore(len(checkpoint.history), from_bytes(checkpoint.data))
        with suppress(Diverged):
            for _ in trainer:
                pass
            trainer.finish()
            views = [trainer.tta_accuracy] if trial.config.tta else []
            for measure in (*views, trainer.train_evaluation, trainer.held_out_logits):
                with suppress(Exception):  # the first device records it and continues
                    measure()

    def _settle(self, trial: Trial, resumed: Environment | None = None) -> Environment:
        """Set the threads of this process for a trial and return the environment.

        A trial that resumes keeps the threads of `resumed`, its earlier environment, since its bits
        depend on them.
        """
        passes = TRAINING_PASSES * trial.config.batch_size
        macs = self._network(trial).description.macs
        threads = fitting_threads(self.runtime, None if macs is None else passes * macs)
        if resumed and self.runtime.fitted and resumed.threads <= cores():
            threads = resumed.threads
        torch.set_num_threads(threads)
        offered = self.runtime.threads if threads < self.runtime.threads else None
        return replace(self.environment, threads=threads, threads_offered=offered)

    def trainer(self, trial: Trial) -> Trainer:
        """Return a trainer at the start of a trial."""
        model = self._builder(trial).build(trial.seed)
        augmentation = self.dataset.augmentation
        return Trainer(model, self.train, self.test, trial.config, trial.seed, augmentation)

    def trainer_of(self, run: Run) -> Trainer:
        """Return a trainer whose network has the final weights of a run.

        Raises:
            ModelError: if the run has no weights, or they do not fit the network.
        """
        if not run.keeps_weights:
            raise ModelError(
                f"run {run.id} has no final weights",
                "`--fresh --weights` with the command that made it trains it again",
            )
        self._settle(run.trial)
        trainer = self.trainer(run.trial)
        weights = from_bytes(self.store.weights(run))
        if not fit(weights, trainer.model):
            raise ModelError(f"the weights of run {run.id} do not fit {quote(run.trial.model)}")
        trainer.model.load_state_dict(weights)
        return trainer

    def _builder(self, trial: Trial) -> Builder:
        network = self._network(trial)
        assert isinstance(network, Builder), "its code runs in a process of its own"
        return network

    def _network(self, trial: Trial) -> Network:
        """Return the network of a trial, which all its seeds share.

        Raises:
            UsageError: if its file has changed since the trial was planned.
        """
        shape = shape_of(self.dataset, trial.config)
        key = (trial.model, shape, trial.config.freeze)
        if key not in self._networks:
            self._networks[key] = resolve(*key)
        if self._networks[key].code != trial.code:
            raise UsageError(
                f"the file of {quote(trial.name)} has changed meanwhile",
                "the same command trains the new version",
            )
        return self._networks[key]

    def _check_numerics(self, trial: Trial) -> None:
        """Raise UsageError for a trial of older arithmetic, which this version cannot reproduce."""
        today = numerics_of(self._network(trial))
        if trial.numerics < today:
            raise UsageError(
                f"run {trial.id} of {quote(trial.name)} cannot be repeated: {CHANGES[today]}",
                "the version of convcompare that made the run can repeat it",
            )

    def epoch_seconds(self, trial: Trial, steps: int = 5) -> float:
        """Return the seconds per training epoch on this machine, from the median of `steps`."""
        self._settle(trial)
        trainer = self.trainer(trial)
        return step_seconds(trainer, steps) * trainer.steps

    def timing(self, trial: Trial) -> Timing:
        """Measure the times of training steps and inference in this process; nothing is stored.

        Times do not depend on the values of the weights, so the initial ones are used. The steps
        are plain ones, even if training compiled them.
        """
        place = self._settle(trial)
        trainer = self.trainer(trial)
        with Interference() as found:
            seconds = block_seconds(trainer)
        waited = found.waited
        low, middle, high = statistics.quantiles(seconds, n=4)
        return Timing(
            environment=replace(place, jobs=1, compiled=False),
            steps=trainer.steps,
            n=BLOCK * len(seconds),
            seconds_per_step=middle,
            low=low,
            high=high,
            inference=latencies(trainer),
            waited=None if waited is None else waited / (found.seconds * place.threads),
            stopped=found.stopped / found.seconds,
        )

    def fail(self, trial: Trial, message: str) -> Run:
        """Record that a trial failed without recording that itself; it can be retried."""
        with self.store.lock(trial.id):
            self.store.begin(trial, self.environment)
            return self._fail(trial, message)

    def _fail(self, trial: Trial, message: str) -> Run:
        network = self._network(trial).description
        history = self.store.history(trial.id)
        cost = Cost(network.parameters, network.macs, uncounted=network.uncounted)
        run = Run(trial, "failed", history, cost, self.environment, now(), message)
        run = replace(run, initial_weights=network.initial_weights, frozen=network.frozen)
        self.store.note_failure(run)
        return run

    def _train(self, trial: Trial) -> Iterator[Event]:
        if trial.config.devices != self.devices.size:
            raise UsageError(
                f"the run {trial.id} is for {trial.config.devices} devices together",
                f"`--devices {trial.config.devices}` runs it",
            )
        self._check_numerics(trial)
        before = self.store.last_environment(trial.id)
        checkpoint, damage = self.store.checkpoint(trial.id)
        place = self._settle(trial, before if checkpoint else None)
        self.store.begin(trial, place)
        attempt: Attempt | None = None
        try:
            builder = self._builder(trial)
            steps = CompileRequest(self.runtime.compile, before.compiled if before else None)
            kept = self.runtime.weights
            attempt = Attempt(trial, builder, self.trainer(trial), self.store, place, steps, kept)
            attempt.resume(checkpoint, damage)
            del checkpoint  # the trainer has its tensors, which can be large
            self.devices.of_first(len(attempt.history))  # the others wait for it
            yield from attempt.epochs()
            run = attempt.finish()
        except Diverged as error:
            assert attempt
            run = attempt.diverge(error.message)
        except ConvcompareError:
            raise
        except (Exception, SystemExit) as error:
            if self.devices.size > 1:  # perhaps only a consequence of another device's error
                raise
            run = attempt.fail(error) if attempt else self._fail(trial, reason(error))
        if run.status == "failed":
            attempt = None
            release_memory()
        yield Ended(run, reused=False)
