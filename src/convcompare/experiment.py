"""Trials become events: skip what is done, go on with what is half-done, commit each epoch."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from . import register
from .analyses import cost
from .batches import Batches
from .build import Builder, Shape, resolve
from .checkpoint import from_bytes, to_bytes
from .config import Runtime, TrainConfig
from .data import Dataset
from .errors import ConvcompareError, StoreError, UsageError, quote
from .hardware import environment, prepare
from .own_network import reason
from .run import Cost, Epoch, Run, Status, Trial
from .store import RunStore
from .trainer import Diverged, Pulse, Trainer


@dataclass(frozen=True)
class Started:
    """A trial has begun, or goes on after the epochs of `history`."""

    trial: Trial
    history: tuple[Epoch, ...]
    pulse: Pulse


@dataclass(frozen=True)
class Progressed:
    """One more epoch of a trial is committed."""

    trial: Trial
    epoch: Epoch


@dataclass(frozen=True)
class Ended:
    """A trial has ended, well or not; `reused` where it had ended before."""

    run: Run
    reused: bool


Event = Started | Progressed | Ended


def shape_of(dataset: Dataset) -> Shape:
    """What a network must fit to take this data set."""
    return Shape(dataset.channels, dataset.image_size, len(dataset.classes))


def check_fit(config: TrainConfig, dataset: Dataset) -> None:
    """Refuse a configuration that the data set cannot be trained with."""
    if config.batch_size > len(dataset.train):
        raise UsageError(
            f"a batch of {config.batch_size} is larger than the {len(dataset.train)} training "
            f"images of {quote(dataset.name)}",
            f"`--batch-size` takes at most {len(dataset.train)} here",
        )


def grid(
    builders: Mapping[str, Builder], dataset: Dataset, seeds: Iterable[int], config: TrainConfig
) -> list[Trial]:
    """Every network (by label) with every seed, round-robin: drift hits all of them alike."""
    return [
        Trial(builder.spec, dataset.name, dataset.sha256, seed, config, builder.code, label)
        for seed in seeds
        for label, builder in builders.items()
    ]


def execute(
    trials: Sequence[Trial], runner: TrialRunner, executor: str = "local"
) -> Iterator[Event]:
    """Run what is missing of `trials` and pass their events on, reused runs included."""
    events: Iterator[Event] = register.executor[executor].function(runner, trials)
    return events


class TrialRunner:
    """Runs single trials on one data set; a trial in, events out, everything else in the store."""

    def __init__(self, store: RunStore, runtime: Runtime, dataset: Dataset) -> None:
        started = time.perf_counter()
        self.store, self.runtime, self.dataset = store, runtime, dataset
        device = prepare(runtime)
        self.train = Batches(dataset.train, dataset, device)
        self.test = Batches(dataset.test, dataset, device)
        self.environment = environment(runtime)
        self.loading_seconds = time.perf_counter() - started

    def __call__(self, trial: Trial) -> Iterator[Event]:
        with self.store.lock(trial.id):
            if self.store.finished(trial.id):
                yield Ended(self.store.run(trial.id), reused=True)
            else:
                yield from self._train(trial)

    def trainer(self, trial: Trial) -> Trainer:
        """A trainer at the beginning of `trial`."""
        model = resolve(trial.model, shape_of(self.dataset)).build(trial.seed)
        augmentation = self.dataset.augmentation
        return Trainer(model, self.train, self.test, trial.config, trial.seed, augmentation)

    def step_seconds(self, trial: Trial, steps: int = 5) -> float:
        """Seconds a training step of `trial` takes on this machine: the median of a few."""
        return self.trainer(trial).warm_up(steps)

    def _train(self, trial: Trial) -> Iterator[Event]:
        began = time.perf_counter()
        self.store.begin(trial, self.environment)
        history: list[Epoch] = []
        spent = Cost(0, 0)
        status: Status = "finished"
        message = ""
        trainer: Trainer | None = None
        try:
            trainer = self.trainer(trial)
            spent = replace(spent, parameters=cost.parameters(trainer.model))
            history += self._resume(trial, trainer)
            yield Started(trial, tuple(history), trainer.pulse)
            trainer.warm_up()
            spent = replace(spent, setup_seconds=time.perf_counter() - began)
            for epoch in trainer:
                history.append(epoch)
                saving = time.perf_counter()
                self.store.save_epoch(trial, history, to_bytes(trainer.state()))
                saved = spent.saving_seconds + time.perf_counter() - saving
                spent = replace(spent, saving_seconds=saved)
                yield Progressed(trial, epoch)
            logits = trainer.final_logits()
        except Diverged as error:
            status, message, logits = "diverged", error.message, None
        except StoreError:
            raise
        except Exception as error:
            if isinstance(error, ConvcompareError) and not isinstance(error, UsageError):
                raise
            status, logits = "failed", None
            message = error.message if isinstance(error, UsageError) else reason(error)
        run = self._record(trial, status, message, history, spent)
        if status == "failed":
            self.store.note_failure(run)
        else:
            weights = (
                to_bytes(trainer.model.state_dict()) if trainer and logits is not None else None
            )
            run = self.store.finish(run, weights, None if logits is None else logits.numpy())
        yield Ended(run, reused=False)

    def _resume(self, trial: Trial, trainer: Trainer) -> list[Epoch]:
        checkpoint = self.store.checkpoint(trial.id)
        if checkpoint is None:
            return []
        trainer.restore(len(checkpoint.history), from_bytes(checkpoint.data))
        return list(checkpoint.history)

    def _record(
        self, trial: Trial, status: Status, message: str, history: list[Epoch], spent: Cost
    ) -> Run:
        counted = replace(
            spent,
            macs=resolve(trial.model, shape_of(self.dataset)).description.macs,
            train_seconds=sum(epoch.train_seconds for epoch in history),
            evaluation_seconds=sum(epoch.evaluation_seconds for epoch in history),
        )
        ended = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Run(trial, status, tuple(history), counted, self.environment, ended, message)
