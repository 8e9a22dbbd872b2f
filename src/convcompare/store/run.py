"""Records of a trial (what to run), its epochs, and the run (how it ended).

All are frozen dataclasses; `json_fields.py` converts them to JSON and back. Every record contains
``schema_version``. Fields are only added, never removed.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

from convcompare.core.config import TrainConfig
from convcompare.core.fine_tuning import Frozen, InitialWeights

from .cost import Cost, Environment, Latency, Timing
from .json_fields import APART, OMITTED, to_record
from .layout import WEIGHTS

SCHEMA_VERSION = 1
NUMERICS = 1
"""Version of the trainer's arithmetic, raised when results change, so that trial ids differ."""
RANDOM_SETUP = 2
"""Version for networks that draw random numbers in `initialise_from`: in version 1 they drew from
the stream of the initial weights."""
OTHER_DRAWS = 3
"""Version for networks that draw from numpy's or Python's generator when they are built: before,
these generators were not seeded."""

NO_FIGURES = (
    "epoch",
    "train_seconds",
    "evaluation_seconds",
    "waited_seconds",
    "jobs",
    "stopped_seconds",
)
"""Fields of an epoch that do not follow from the arithmetic."""
Status = Literal["finished", "diverged", "failed"]
Settings = tuple[tuple[str, str], ...]
"""Pairs of a setting and its value, as text."""


@dataclass(frozen=True)
class Trial:
    """One network, one data set, one seed, one configuration.

    ``model`` and ``dataset`` are specs with every option resolved, defaults included. ``data`` is
    the SHA-256 of the decoded arrays, ``code`` that of the user's file, for ``file.py:Net``, or of
    a plugin's file. ``label`` is the model as typed, for listings, and does not affect the id.
    ``numerics`` is the version of the arithmetic, which records omit if it is 1.
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
        """Name of the network in listings and messages: as it was typed, else its spec."""
        return self.label or self.model

    @cached_property
    def id(self) -> str:
        """Twelve hex digits of the SHA-256 of everything that defines the trial."""
        identity = {
            **to_record(self),
            "numerics": self.numerics,
            "config": self.config.identity(),
        }
        del identity["label"]
        text = json.dumps(identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def network_id(self) -> str:
        """Id that all seeds of the network share: that of the trial with seed 0."""
        return replace(self, seed=0).id

    @cached_property
    def settings(self) -> Settings:
        """Settings that two trials must share for their accuracies to be comparable.

        ``evaluate`` is not among them, as the epochs of the evaluation do not change the accuracy.
        """
        there = {"dataset": self.dataset, "data": self.data, **vars(self.config)}
        return tuple((name, str(value)) for name, value in there.items() if name != "evaluate")


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images.

    Train figures are means over the batches of the pass while the weights change, with dropout and
    augmentation. Test figures are measured after the pass; None if the test images were not
    evaluated then (``evaluate`` ``last``). Validation figures are measured on the held-out images,
    if there are any. Losses are in nats, accuracies are fractions. ``train_seconds`` is the
    training alone, with the device synchronised; ``evaluation_seconds`` is timed separately.
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
    """Seconds that the threads waited for a core while training; None if not known."""
    jobs: int = 1
    """Parallel trials during this epoch; its times are comparable only if it was one."""
    share: float = field(default=1.0, metadata=OMITTED)
    """Share of the training images used; below 1 if the steps ended within the epoch."""
    stopped_seconds: float | None = field(default=None, metadata=OMITTED)
    """Seconds of the training during which the process was stopped; None if not known."""

    @property
    def figures(self) -> dict[str, float | None]:
        """Its results by name, bit-equal if it is repeated: no time, no number of the epoch."""
        return {name: value for name, value in vars(self).items() if name not in NO_FIGURES}


@dataclass(frozen=True)
class TrainEvaluation:
    """Final network on `images` training images in evaluation mode, without augmentation.

    ``loss`` is the mean cross-entropy in nats, ``accuracy`` a fraction. Both are measured in the
    same way as on the test images, so that the difference is the generalisation gap.
    """

    images: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Run:
    """A trial that has ended or failed, with everything that was recorded of it."""

    trial: Trial
    status: Status
    history: tuple[Epoch, ...]
    cost: Cost
    environment: Environment
    ended: str
    message: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Digests of the other files of the run, by name."""
    timing: Timing | None = field(default=None, metadata=APART)
    """Times that were measured afterwards on an idle device; stored in a separate file."""
    found: tuple[str, ...] = field(default=(), metadata=OMITTED)
    """Problems detected in the network before training, by their names in `models.findings`."""
    tta_accuracy: float | None = None
    """Test accuracy with logits averaged over views of each image; None if not requested."""
    train_evaluation: TrainEvaluation | None = field(default=None, metadata=OMITTED)
    """Figures of the final network on training images; None in older runs."""
    initial_weights: InitialWeights | None = field(default=None, metadata=OMITTED)
    """The file with the initial weights of the network; None if they were drawn."""
    frozen: Frozen | None = field(default=None, metadata=OMITTED)
    """The part of the network that was not trained; None if all of it was."""

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise ValueError(f"a run that is {self.status!r}")

    @property
    def id(self) -> str:
        """Id of the trial."""
        return self.trial.id

    def same_figures(self, other: Run) -> bool:
        """Whether both ended alike, and all figures of all epochs are bit-equal."""
        pair = [(run.status, [epoch.figures for epoch in run.history]) for run in (self, other)]
        return pair[0] == pair[1]

    @property
    def keeps_weights(self) -> bool:
        """Whether the final weights were stored."""
        return WEIGHTS in self.sha256

    @cached_property
    def selected_epoch(self) -> Epoch | None:
        """The selected epoch: the last, or the best on the held-out images; None without epochs."""
        if not self.history:
            return None
        if self.trial.config.select == "last":
            return self.history[-1]
        return best_epoch(self.history)

    def figure(self, name: str) -> float | None:
        """Return a figure of the selected epoch, by its name in `Epoch`; None if not measured."""
        value = None if self.selected_epoch is None else getattr(self.selected_epoch, name)
        return None if value is None else float(value)

    @property
    def test_accuracy(self) -> float:
        """Test accuracy of the selected epoch; NaN if it was not evaluated or there is no epoch."""
        accuracy = self.figure("test_accuracy")
        return float("nan") if accuracy is None else accuracy

    @property
    def accuracies(self) -> tuple[float, ...] | None:
        """Test accuracy after each epoch; None unless every epoch was evaluated."""
        found = [epoch.test_accuracy for epoch in self.history]
        known = tuple(accuracy for accuracy in found if accuracy is not None)
        return known if len(known) == len(found) else None

    @property
    def passes(self) -> float:
        """Number of epochs trained; the last one counts by its share if it is incomplete."""
        return sum(1 if epoch.share == 1 else epoch.share for epoch in self.history)

    # Times. All output takes them from these properties.

    @cached_property
    def jobs(self) -> int:
        """Maximum number of parallel trials while this one was trained and measured."""
        return max([self.environment.jobs, *(epoch.jobs for epoch in self.history)])

    @property
    def train_seconds(self) -> float | None:
        """Seconds of the training alone; None if it never had the device to itself.

        Extrapolated from `timing` if there is one, otherwise measured during the training.
        """
        if self.timing:
            return self.timing.epoch_seconds * self.passes
        return self.cost.train_seconds if self.jobs == 1 else None

    @property
    def epoch_seconds(self) -> float | None:
        """Median seconds of the complete epochs, as `train_seconds`; None if none is complete."""
        if self.timing:
            return self.timing.epoch_seconds
        whole = [epoch.train_seconds for epoch in self.history if epoch.share == 1]
        return statistics.median(whole) if whole and self.jobs == 1 else None

    @property
    def inference(self) -> tuple[Latency, ...]:
        """Times of forward passes, as `train_seconds`; empty if it never had the device alone."""
        if self.timing:
            return self.timing.inference
        return self.cost.inference if self.jobs == 1 else ()

    @property
    def timed_in(self) -> Environment:
        """Environment in which these times were measured; only times of equal ones compare."""
        return self.timing.environment if self.timing else self.environment

    @cached_property
    def waiting_share(self) -> float | None:
        """Share of the timed training that the threads waited for a core; None if not known.

        From `timing` if there is one. Parallel trials wait for each other, so theirs is not known.
        """
        if self.timing:
            return self.timing.waited
        waited = [epoch.waited_seconds for epoch in self.history]
        return self._share(waited, self.environment.threads)

    @cached_property
    def stopped_share(self) -> float | None:
        """Share of the timed training during which the process was stopped; None if not known.

        From `timing` if there is one.
        """
        if self.timing:
            return self.timing.stopped
        return self._share([epoch.stopped_seconds for epoch in self.history])

    def _share(self, lost: Sequence[float | None], threads: int = 1) -> float | None:
        """Return the sum of `lost`, in seconds per epoch, over the training time of the threads.

        None if a value is missing or trials ran in parallel.
        """
        known = [one for one in lost if one is not None]
        if self.jobs > 1 or len(known) < len(lost):
            return None
        seconds = sum(epoch.train_seconds for epoch in self.history) * threads
        return sum(known) / seconds if seconds else None

    def to_json(self) -> dict[str, Any]:
        """Return the record as stored, which ``runs ID --format json`` prints."""
        head = {"schema_version": SCHEMA_VERSION, "id": self.id, "status": self.status}
        return {**head, **to_record(self)}


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Return the first epoch with the highest accuracy on the held-out images."""
    return max(history, key=lambda epoch: epoch.val_accuracy or 0.0)
