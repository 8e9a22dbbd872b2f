"""The records: a trial (what to run), its epochs, and the finished run.

All are frozen and go to JSON and back by `json_fields.py`. A record carries ``schema_version``; it
only grows.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from convcompare.core.config import TrainConfig
from convcompare.core.fine_tuning import Frozen, InitialWeights

from .cost import Cost, Environment, Latency, Timing
from .json_fields import APART, OMITTED, to_record

SCHEMA_VERSION = 1
NUMERICS = 1
"""The version of the trainer's arithmetic. It is raised when results change: those from before are
of other trials."""
RANDOM_SETUP = 2
"""That of networks which draw random numbers in `initialise_from`: in version 1 they drew from the
stream of the initial weights."""
OTHER_DRAWS = 3
"""That of networks which draw from numpy's or Python's generator when they are built: before, no
seed set these."""

Status = Literal["finished", "diverged", "failed"]
Settings = tuple[tuple[str, str], ...]
"""Settings by name, as text."""


@dataclass(frozen=True)
class Trial:
    """One network, one data set, one seed, one configuration.

    ``model`` and ``dataset`` are specs with every option resolved, defaults included; ``data`` is
    the SHA-256 of the decoded arrays; ``code`` that of the user's own file, for ``file.py:Net``,
    or of a plugin's file. ``label`` is the model as it was typed, for listings; it is no part of
    the identity. ``numerics`` is the version of the arithmetic; records leave out a 1.
    """

    model: str
    dataset: str
    data: str
    seed: int
    config: TrainConfig
    code: str | None = None
    label: str = ""
    numerics: int = field(default=1, metadata=OMITTED)

    @property
    def name(self) -> str:
        """What listings and messages call the network: as it was typed, else by its spec."""
        return self.label or self.model

    @cached_property
    def id(self) -> str:
        """Twelve hex digits of the SHA-256 over all of the trial: other options, other id."""
        identity = {
            **to_record(self),
            "numerics": self.numerics,
            "config": self.config.identity(),
        }
        del identity["label"]
        text = json.dumps(identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def settings(self) -> Settings:
        """What two trials have to share if their accuracies are to be compared.

        After which epochs they are evaluated does not change them.
        """
        there = {"dataset": self.dataset, "data": self.data, **vars(self.config)}
        return tuple((name, str(value)) for name, value in there.items() if name != "evaluate")


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images.

    Train figures are means over the batches of the pass, as the weights move (with dropout and
    augmentation on); test figures are measured after it, None if the test images were not
    evaluated then (``evaluate`` ``last``). Those of validation are measured on the training images
    that were held out, if any were. ``train_seconds`` is the training alone, synchronised;
    evaluation has a clock of its own.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    lr: float
    train_seconds: float
    evaluation_seconds: float
    val_loss: float | None = None
    val_accuracy: float | None = None
    waited_seconds: float | None = None
    """Seconds that the threads waited for a core while training; None where it is not known."""
    jobs: int = 1
    """Trials that ran at a time meanwhile: with several, its seconds are not those of a network."""
    share: float = field(default=1.0, metadata=OMITTED)
    """The share of the training images that it took; a last epoch can run out of steps."""
    stopped_seconds: float | None = field(default=None, metadata=OMITTED)
    """Seconds of the training in which the process stood still; None where it is not known."""


@dataclass(frozen=True)
class TrainEvaluation:
    """The final network on `images` training images in evaluation mode, without augmentation.

    ``loss`` is the mean cross-entropy in nats, ``accuracy`` a fraction: both are measured as those
    of the test images are, so that their difference is the gap of generalisation.
    """

    images: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Run:
    """A trial that has ended, with all that was recorded of it."""

    trial: Trial
    status: Status
    history: tuple[Epoch, ...]
    cost: Cost
    environment: Environment
    ended: str
    message: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Digests of the files beside the record, by name."""
    timing: Timing | None = field(default=None, metadata=APART)
    """What was measured afterwards with the device alone; a file of its own, not of the record."""
    found: tuple[str, ...] = field(default=(), metadata=OMITTED)
    """What was found of the network before it was trained, by the names of `models.findings`."""
    tta_accuracy: float | None = None
    """Test accuracy by logits averaged over several views of each image, where it was asked for."""
    train_evaluation: TrainEvaluation | None = field(default=None, metadata=OMITTED)
    """The final network on training images; None in runs from before it was recorded."""
    initial_weights: InitialWeights | None = field(default=None, metadata=OMITTED)
    """The weights of a file that the network began with; None if it began with drawn ones."""
    frozen: Frozen | None = field(default=None, metadata=OMITTED)
    """The part of the network that did not train; None if all of it did."""

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise ValueError(f"a run that is {self.status!r}")

    @property
    def id(self) -> str:
        """The id of its trial."""
        return self.trial.id

    @property
    def keeps_weights(self) -> bool:
        """Whether its final weights were stored."""
        return "weights.safetensors" in self.sha256

    @cached_property
    def shown(self) -> Epoch | None:
        """The epoch whose figures count: the last, or the best on the images held out."""
        if not self.history:
            return None
        if self.trial.config.select == "last":
            return self.history[-1]
        return best_epoch(self.history)

    def figure(self, name: str) -> float | None:
        """A figure of the epoch that counts, by its name in `Epoch`; None if not measured."""
        value = None if self.shown is None else getattr(self.shown, name)
        return None if value is None else float(value)

    @property
    def test_accuracy(self) -> float:
        """Of the epoch that counts; NaN where there is none, or it was not evaluated."""
        accuracy = self.figure("test_accuracy")
        return float("nan") if accuracy is None else accuracy

    @property
    def accuracies(self) -> tuple[float, ...] | None:
        """The test accuracy after each epoch; None unless every epoch was evaluated."""
        found = [epoch.test_accuracy for epoch in self.history]
        known = tuple(accuracy for accuracy in found if accuracy is not None)
        return known if len(known) == len(found) else None

    @property
    def passes(self) -> float:
        """Epochs of training, the last as far as it went; an integer if it went to its end."""
        return sum(1 if epoch.share == 1 else epoch.share for epoch in self.history)

    # Times: everything that shows or compares them asks here.

    @cached_property
    def jobs(self) -> int:
        """The most trials that ran at a time while this one was trained and measured."""
        return max([self.environment.jobs, *(epoch.jobs for epoch in self.history)])

    @property
    def train_seconds(self) -> float | None:
        """Seconds of the training alone; None where it has never had the device to itself.

        Its own clock, or for one of several at a time what `timing` comes to over its epochs.
        """
        if self.timing:
            return self.timing.epoch_seconds * self.passes
        return self.cost.train_seconds if self.jobs == 1 else None

    @property
    def epoch_seconds(self) -> float | None:
        """Seconds of the median whole epoch, under the same rule; None where none is whole."""
        if self.timing:
            return self.timing.epoch_seconds
        whole = [epoch.train_seconds for epoch in self.history if epoch.share == 1]
        return statistics.median(whole) if whole and self.jobs == 1 else None

    @property
    def inference(self) -> tuple[Latency, ...]:
        """The times of forward passes, under the same rule; none where it was never alone."""
        if self.timing:
            return self.timing.inference
        return self.cost.inference if self.jobs == 1 else ()

    @property
    def timed_in(self) -> Environment:
        """Where these times were measured: they compare only with those of an equal place."""
        return self.timing.environment if self.timing else self.environment

    @cached_property
    def waiting_share(self) -> float | None:
        """The share of the timed training in which threads waited for a core; None where not known.

        Of one of several at a time that of its timing afterwards; they wait for each other.
        """
        if self.timing:
            return self.timing.waited
        waited = [epoch.waited_seconds for epoch in self.history]
        return self._share(waited, self.environment.threads)

    @cached_property
    def stopped_share(self) -> float | None:
        """The share of the timed training in which the process stood still; None where not known.

        Of one of several at a time that of its timing afterwards.
        """
        if self.timing:
            return self.timing.stopped
        return self._share([epoch.stopped_seconds for epoch in self.history])

    def _share(self, lost: Sequence[float | None], threads: int = 1) -> float | None:
        """The sum of `lost`, seconds of each epoch, over the time of so many threads."""
        known = [one for one in lost if one is not None]
        if self.jobs > 1 or len(known) < len(lost):
            return None
        seconds = sum(epoch.train_seconds for epoch in self.history) * threads
        return sum(known) / seconds if seconds else None

    def to_json(self) -> dict[str, Any]:
        """The record in the store, which ``runs ID --format json`` prints."""
        head = {"schema_version": SCHEMA_VERSION, "id": self.id, "status": self.status}
        return {**head, **to_record(self)}


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """The first of the epochs that have the highest accuracy on the images held out."""
    return max(history, key=lambda epoch: epoch.val_accuracy or 0.0)
