"""One attempt at a trial: train, measure, commit each epoch, record the end."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from torch import Tensor

from convcompare.analysis.activations import features
from convcompare.analysis.gradient_flow import fixed_batch
from convcompare.analysis.latency import BATCHES, inference
from convcompare.analysis.similarity import IMAGES, similarity
from convcompare.core.errors import StoreError, quote
from convcompare.core.failures import reason
from convcompare.core.formatting import several
from convcompare.models import inspection
from convcompare.models.build import Builder
from convcompare.store import compile_choices
from convcompare.store.checkpoints import Checkpoint
from convcompare.store.cost import Cost, Environment, Latency
from convcompare.store.gradient_record import GRADIENTS, GradientRecord
from convcompare.store.layout import FEATURES
from convcompare.store.reader import HELD_OUT
from convcompare.store.receptive_field_record import FIELDS
from convcompare.store.run import Epoch, Run, Status, TrainEvaluation, Trial
from convcompare.store.run_store import Predictions, RunStore
from convcompare.store.similarity_record import SIMILARITY
from convcompare.training.compilation import PLAIN, Choice, CompileRequest, choose
from convcompare.training.recording import GradientRecorder, fixed_images, record_fields
from convcompare.training.state import from_bytes, to_bytes, weights_of
from convcompare.training.step_timing import peak_memory, step_seconds
from convcompare.training.trainer import Trainer

from .events import CompileDecided, EpochFinished, Event, Started

SHOWN_IMAGES = 4
"""Number of test images whose features are stored as pictures."""
EFFECTIVE_IMAGES = 32
"""Number of test images over which the effective receptive field is averaged."""


class Attempt:
    """State of a running trial; everything that must survive the process is in the store.

    Args:
        trial: The trial.
        builder: Builds its network.
        trainer: Trains the network; a new one.
        store: Store of the run.
        environment: Machine and versions that are recorded with the run.
        steps: Whether the training steps are compiled.
        keep_weights: Whether the final weights are stored.
    """

    def __init__(
        self,
        trial: Trial,
        builder: Builder,
        trainer: Trainer,
        store: RunStore,
        environment: Environment,
        steps: CompileRequest = PLAIN,
        keep_weights: bool = True,
    ) -> None:
        self.steps, self.keep_weights = steps, keep_weights
        self.trial, self.builder = trial, builder
        self.trainer, self.store, self.environment = trainer, store, environment
        self.history: list[Epoch] = []
        self.notes: list[str] = []
        self.damage = ""
        network = builder.description
        parameters = inspection.parameters(trainer.model)
        self.spent = Cost(parameters, network.macs, uncounted=network.uncounted)
        self.recorder = GradientRecorder(*fixed_images(trainer.train_batches))

    def resume(self, checkpoint: Checkpoint | None, damage: str) -> None:
        """Continue from a checkpoint if there is one; `damage` describes damage to its files."""
        self.damage = damage
        if checkpoint is None:
            return
        hidden = self.builder.hidden_state
        if hidden:
            done = several(len(checkpoint.history), "epoch")
            name = quote(self.trial.name)
            self.damage = f"{name} {hidden.text}, without its {done}"
            return
        with self._clock("setup_seconds"):
            self._restore(checkpoint)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.trainer.restore(len(checkpoint.history), from_bytes(checkpoint.data))
        self.history = list(checkpoint.history)
        arrays = None
        try:
            arrays = self.store.incomplete_analysis(self.trial.id, GRADIENTS)
        except StoreError as error:
            parts = [self.damage, f"{error.message}: gradients before now are not known"]
            self.damage = "; ".join(filter(None, parts))
        record = GradientRecord.from_arrays(arrays) if arrays else None
        self.recorder.resume(record, moments=len(self.history) + 1)

    def epochs(self) -> Iterator[Event]:
        """Yield the events of training from the current epoch to the last."""
        yield Started(self.trial, tuple(self.history), self.trainer.progress, self.damage)
        with self._clock("setup_seconds"):
            seconds = step_seconds(self.trainer)
            self.spent = replace(self.spent, peak_memory=peak_memory(self.trainer))
            choice = self._choose(seconds)
        if choice.compiled != self.environment.compiled:
            self.environment = replace(self.environment, compiled=choice.compiled)
            self.store.begin(self.trial, self.environment)
        if choice.why:
            yield CompileDecided(self.trial, choice.why)
        if not self.history:
            self._measure()
        for epoch in self.trainer:
            epoch = replace(epoch, jobs=self.environment.jobs)
            self.history.append(epoch)
            self._measure()
            with self._clock("saving_seconds"):
                state = to_bytes(self.trainer.state())
                self.store.save_epoch(self.trial, self.history, state)
            yield EpochFinished(self.trial, epoch)

    def _choose(self, seconds: float) -> Choice:
        """Decide whether steps that take `seconds` are compiled; all seeds of a network agree."""
        if self.steps.when != "auto":
            return choose(self.trainer, self.steps, seconds)
        place = self.environment
        others = compile_choices.known(self.store, self.trial, place)
        choice = choose(self.trainer, replace(self.steps, others=others), seconds)
        if others is None and choice.why:
            first = compile_choices.agree(self.store, self.trial, place, choice.compiled)
            if first != choice.compiled:
                choice = choose(self.trainer, replace(self.steps, others=first), seconds)
        return choice

    def diverge(self, message: str) -> Run:
        """Commit and return the record of a diverged run.

        The weights after its last sound epoch are kept.
        """
        weights = None
        checkpoint, _ = self.store.checkpoint(self.trial.id)
        if checkpoint:
            weights = to_bytes(weights_of(from_bytes(checkpoint.data)))
            message = f"{message}; the weights after epoch {len(checkpoint.history)} are kept"
        return self.store.finish(self._run("diverged", message), weights, None)

    def fail(self, error: BaseException) -> Run:
        """Commit and return the record of a failed run with the place of the error.

        The trial can be retried.
        """
        run = self._run("failed", f"{reason(error)}{self._place()}")
        self.store.note_failure(run)
        return run

    def _place(self) -> str:
        """Return the epoch and step of the training and the last saved state, for a message.

        After the last epoch there is no step.
        """
        progress, epoch = self.trainer.progress, len(self.history) + 1
        kept = f"; the state after epoch {epoch - 1} is kept" if self.history else ""
        if epoch > self.trial.config.epochs:
            return kept
        if progress.step < progress.steps:
            return f" in epoch {epoch}, step {progress.step + 1}{kept}"
        return f" after the steps of epoch {epoch}{kept}"

    def finish(self) -> Run:
        """Commit and return the record of a finished run, with all measurements of the network."""
        logits = self.trainer.finish().numpy()
        weights = to_bytes(self.trainer.model.state_dict()) if self.keep_weights else None
        tta_accuracy = self._augmented_at_test_time()
        self._analyse()
        on_training_images = self._on_training_images()
        self._on_held_out_images()
        self._on_layers()
        run = self._run("finished", "; ".join(self.notes))
        run = replace(run, tta_accuracy=tta_accuracy, train_evaluation=on_training_images)
        predictions = Predictions(logits, self.trainer.test_batches.labels.cpu().numpy())
        return self.store.finish(run, weights, predictions)

    def _run(self, status: Status, message: str) -> Run:
        spent = replace(
            self.spent,
            train_seconds=sum(epoch.train_seconds for epoch in self.history),
            evaluation_seconds=sum(epoch.evaluation_seconds for epoch in self.history),
        )
        place = self.environment
        network = self.builder.description
        return Run(
            self.trial,
            status,
            tuple(self.history),
            spent,
            place,
            now(),
            message,
            found=tuple(one.name for one in network.found),
            initial_weights=network.initial_weights,
            frozen=network.frozen,
        )

    def _augmented_at_test_time(self) -> float | None:
        """Return the accuracy with test-time augmentation; None if it is not requested.

        It is recorded beside the plain test accuracy and never replaces it.
        """
        accuracy = None
        if self.trial.config.tta:
            with self._analysis("accuracy with test-time augmentation"):
                accuracy = self.trainer.tta_accuracy()
        return accuracy

    def _on_training_images(self) -> TrainEvaluation | None:
        """Evaluate the network on its training images; None if the loss is not finite.

        Runs after the final weights are taken.
        """
        found = None
        with self._analysis("evaluation on training images"):
            found = self.trainer.train_evaluation()
        return found if found and math.isfinite(found.loss) else None

    def _on_held_out_images(self) -> None:
        """Save the logits of the held-out images, to which a temperature can be fitted."""
        with self._analysis("logits of held-out images"):
            logits, held_out = self.trainer.held_out_logits(), self.trainer.val_batches
            if logits is not None and held_out is not None:
                arrays = {"logits": logits.numpy(), "labels": held_out.labels.cpu().numpy()}
                self.store.save_analysis(self.trial.id, HELD_OUT, arrays)

    def _on_layers(self) -> None:
        """Save the similarity of the layers' representations.

        Runs after the final weights are taken.
        """
        with self._analysis(SIMILARITY):
            found = similarity(self.trainer.model, *self._evenly(IMAGES))
            self.store.save_analysis(self.trial.id, SIMILARITY, found.to_arrays())

    def _analyse(self) -> None:
        """Record features, receptive fields and inference time of the trained network."""
        model, trial = self.trainer.model, self.trial.id
        images, rows = self._test_images()
        with self._analysis(FEATURES):
            record = features(model, images, rows, shown=SHOWN_IMAGES)
            self.store.save_analysis(trial, FEATURES, record.to_arrays())
        with self._analysis(FIELDS):
            fields = record_fields(self.builder, model, images[:EFFECTIVE_IMAGES])
            self.store.save_analysis(trial, FIELDS, fields.to_arrays())
        with self._analysis("inference time"):
            self.spent = replace(self.spent, inference=latencies(self.trainer))

    def _test_images(self) -> tuple[Tensor, npt.NDArray[np.int64]]:
        """Return fixed test images and their row numbers, the same for every network.

        First one image each of some classes, then images spread over the split.
        """
        test = self.trainer.test_batches
        _, first = np.unique(test.labels.cpu().numpy(), return_index=True)
        all_over = fixed_batch(len(test))
        rows = np.concatenate([first[:SHOWN_IMAGES], np.setdiff1d(all_over, first[:SHOWN_IMAGES])])
        return test.take(rows)[0], rows

    def _evenly(self, most: int) -> tuple[Tensor, npt.NDArray[np.int64]]:
        """Return at most `most` test images, evenly spaced over the split, and their rows."""
        test = self.trainer.test_batches
        rows = np.linspace(0, len(test) - 1, min(most, len(test))).round().astype(np.int64)
        return test.take(rows)[0], rows

    def _measure(self) -> None:
        """Record the current gradients; they are saved before the epoch that they belong to."""
        with self._analysis(GRADIENTS):
            self.recorder.measure(self.trainer.model)
            arrays = self.recorder.record.to_arrays()
            self.store.save_analysis(self.trial.id, GRADIENTS, arrays)

    @contextmanager
    def _analysis(self, name: str) -> Iterator[None]:
        """Note an analysis that fails instead of stopping the training."""
        with self._clock("analysis_seconds"):
            try:
                yield
            except StoreError:
                raise
            except Exception as error:
                note = f"{name} not recorded: {reason(error)}"
                self.notes += [note] if note not in self.notes else []

    @contextmanager
    def _clock(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        spent = getattr(self.spent, part) + time.perf_counter() - started
        self.spent = replace(self.spent, **{part: spent})


def latencies(trainer: Trainer) -> tuple[Latency, ...]:
    """Return the times of forward passes of the trainer's network over the first test images."""
    test = trainer.test_batches
    images = test.first(min(max(BATCHES), len(test)))
    return inference(trainer.model, images, trainer.autocast())


def now() -> str:
    """Return the current time, UTC, as ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
