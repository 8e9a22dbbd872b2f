"""Trials become events: skip what is done, go on with what is half-done, commit each epoch."""

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
from convcompare.training.state import from_bytes
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
"""What another arithmetic was, by the version that mended it."""


def execute(
    trials: Sequence[Trial], runner: TrialRunner, executor: str = "local"
) -> Generator[Event, None, None]:
    """Run what is missing of `trials` and pass their events on, those of reused runs first.

    Closing it stops what still runs.
    """
    missing_last = sorted(trials, key=lambda trial: runner.store.finished(trial.id), reverse=True)
    yield from register.executor[executor].function(runner, missing_last)


class TrialRunner:
    """Runs single trials on one data set; a trial in, events out, everything else in the store.

    ``sources`` are where the data set came from, for executors that load it in other processes.
    Where several ``devices`` train together this is the first of them, the only one that writes;
    the others `follow`. A trial whose network is not among the ``networks`` has its spec resolved.
    Trials of somebody's own code are run by the runner of the process that has it.
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
        """Run a trial, or wait for the process that does: how it ends is the same."""
        lease = yield from self._claimed(trial)
        yield from self._with(lease, trial)

    def at_once(self, trial: Trial) -> Iterator[Event] | None:
        """The same without waiting: None where another process works on the trial."""
        lease = None
        if not self.store.finished(trial.id):
            lease = self.store.claim(trial.id)
            if lease is None:
                return None
        return self._with(lease, trial)

    def _with(self, lease: Lease | None, trial: Trial) -> Iterator[Event]:
        """Run a trial that this process has the lease of; None for one that has ended."""
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
        """How many epochs of a half-done trial the store holds; 0 where its state is damaged."""
        checkpoint, _ = self.store.checkpoint(trial.id)
        return len(checkpoint.history) if checkpoint else 0

    def waiting(self, trial: Trial) -> Waiting:
        """That another process works on a trial, and who."""
        return Waiting(trial, self.store.holder(trial.id) or "another process")

    def _claimed(self, trial: Trial) -> Generator[Event, None, Lease | None]:
        """The lease of a trial, as soon as it is to be had; None where the trial ends meanwhile."""
        began, said = time.monotonic(), False
        while not self.store.finished(trial.id):
            lease = self.store.claim(trial.id)
            if lease:
                return lease
            if not said and time.monotonic() - began > 1:
                yield self.waiting(trial)
                said = True
            time.sleep(POLL_SECONDS)
        return None

    def follow(self, trial: Trial) -> None:
        """Train along with the first device, from where it goes on; nothing is recorded here."""
        trainer = self.trainer(trial)
        if self.devices.of_first(0) and (checkpoint := self.store.checkpoint(trial.id)[0]):
            trainer.restore(len(checkpoint.history), from_bytes(checkpoint.data))
        with suppress(Diverged):
            for _ in trainer:
                pass
            trainer.finish()
            with suppress(Exception):  # the first device notes it, and goes on
                if trial.config.tta:
                    trainer.tta_accuracy()
            with suppress(Exception):
                trainer.train_evaluation()
            with suppress(Exception):
                trainer.held_out_logits()

    def _settle(self, trial: Trial, begun: Environment | None = None) -> Environment:
        """Give this process the threads that suit a trial; where it then runs.

        One that has `begun` goes on with the threads it has had, since its bits depend on them.
        """
        passes = TRAINING_PASSES * trial.config.batch_size
        macs = self._network(trial).description.macs
        threads = fitting_threads(self.runtime, None if macs is None else passes * macs)
        if begun and self.runtime.fitted and begun.threads <= cores():
            threads = begun.threads
        torch.set_num_threads(threads)
        offered = self.runtime.threads if threads < self.runtime.threads else None
        return replace(self.environment, threads=threads, threads_offered=offered)

    def trainer(self, trial: Trial) -> Trainer:
        """A trainer at the beginning of `trial`."""
        model = self._builder(trial).build(trial.seed)
        augmentation = self.dataset.augmentation
        return Trainer(model, self.train, self.test, trial.config, trial.seed, augmentation)

    def trainer_of(self, run: Run) -> Trainer:
        """A trainer whose network has the final weights of a run.

        Raises ModelError if it has none, or none that fit.
        """
        if not run.keeps_weights:
            raise ModelError(
                f"run {run.id} has no final weights",
                "`--fresh --weights` with the command that made it trains it again",
            )
        self._settle(run.trial)
        trainer = self.trainer(run.trial)
        weights, own = from_bytes(self.store.weights(run)), trainer.model.state_dict()
        shapes = [{name: one.shape for name, one in some.items()} for some in (weights, own)]
        if shapes[0] != shapes[1]:
            raise ModelError(f"the weights of run {run.id} do not fit {quote(run.trial.model)}")
        trainer.model.load_state_dict(weights)
        return trainer

    def _builder(self, trial: Trial) -> Builder:
        network = self._network(trial)
        assert isinstance(network, Builder), "its code runs in a process of its own"
        return network

    def _network(self, trial: Trial) -> Network:
        """The network of a trial: one for all its seeds.

        Raises UsageError where its file is no longer the one that the trial was made from.
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
        """UsageError for a trial of an older arithmetic, whose bits this version cannot give."""
        today = numerics_of(self._network(trial))
        if trial.numerics < today:
            raise UsageError(
                f"run {trial.id} of {quote(trial.name)} cannot be repeated: {CHANGES[today]}",
                "the version of convcompare that made the run can repeat it",
            )

    def epoch_seconds(self, trial: Trial, steps: int = 5) -> float:
        """Seconds that training for an epoch takes on this machine, from the median of `steps`."""
        self._settle(trial)
        trainer = self.trainer(trial)
        return step_seconds(trainer, steps) * trainer.steps

    def timing(self, trial: Trial) -> Timing:
        """What training and an answer take in this process now; nothing is trained or stored.

        Times do not depend on what the weights are: those of the beginning are measured, and plain
        steps, whether or not training compiled its own.
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
        """Record that a trial failed without a word of its own; it can be tried again."""
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
            if self.devices.size > 1:  # perhaps only the echo of what happened to another one
                raise
            run = attempt.fail(error) if attempt else self._fail(trial, reason(error))
        if run.status == "failed":
            attempt = None
            release_memory()
        yield Ended(run, reused=False)
