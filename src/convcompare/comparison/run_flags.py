"""Marks for runs whose figures do not mean what they seem to, each with what helps."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from convcompare.core import failures, formatting
from convcompare.models.findings import KINDS
from convcompare.store.run import Run

from .comparison import Comparison
from .doubts import ONLY_TIME

CHANCE_ALPHA = 0.001
FEW_ALPHA = 0.05
"""Below this level a network has perhaps learnt, and there are too few test images to show it."""
FEW_STEPS = 500
"""Optimizer steps below which a network at chance level was perhaps trained too briefly."""
HUGE_LOSS = 20.0
"""Nats an image that no network has but one whose steps were too long: guessing among a million
classes costs 14."""
FALL = 0.05
"""Relative fall of a loss in the last epoch above which it still falls fast."""
LEAST_STOPPED = 0.25
"""Seconds that a training must have stood still to be marked: a busy machine delays as much."""
NOT_LEARNT = ("chance", "few images")
"""The marks of a run that is not known to have learnt anything: it is in no verdict."""
SHARED = 0.1
"""Share of the threads' time in which they waited for a core, or stood still, above which a time is
not to trust."""
LEAST_FALL = 0.02
"""Fall of the training loss, in nats an image, that matters."""
MOST_ALIKE = 3
"""Networks with the same mark that get a warning each; more of them get one together."""


@dataclass(frozen=True)
class QualityFlag:
    """What is wrong with a run, in words, and an option that helps."""

    name: str
    text: str
    hint: str


@dataclass(frozen=True)
class ChanceLevel:
    """The accuracy of a network that has learnt nothing, on so many test images.

    A run is held against it by the exact one-sided binomial test of its hits (Clopper and Pearson
    1934, doi:10.1093/biomet/26.4.404).
    """

    accuracy: float
    test_images: int

    def explains(self, run: Run) -> bool:
        """Whether the accuracy of the last epoch could be chance: the test does not reject it at
        0.1 %.
        """
        return not math.isnan(run.test_accuracy) and self._p(run) > CHANCE_ALPHA

    def is_doubtful(self, run: Run) -> bool:
        """Whether a run that chance explains is likely above it: the test rejects it at 5 %."""
        return self._p(run) < FEW_ALPHA

    def shows_nothing(self) -> bool:
        """Whether there are so few test images that chance explains even a hit on all of them."""
        return self.accuracy**self.test_images > CHANCE_ALPHA

    def is_exceeded(self, runs: Iterable[Run]) -> bool:
        """Whether one of a network's finished runs is above it beyond doubt."""
        ended = (one for one in runs if one.status == "finished")
        return any(not math.isnan(one.test_accuracy) and not self.explains(one) for one in ended)

    def _p(self, run: Run) -> float:
        """The probability of so many hits or more by chance."""
        from scipy.special import bdtrc

        hits = round(run.test_accuracy * self.test_images)
        return float(bdtrc(hits - 1, self.test_images, self.accuracy)) if hits else 1.0


def majority_share(labels: npt.NDArray[Any]) -> float:
    """The accuracy of a network that always says the same: the share of the most frequent class.

    labels: ints (n,). It is at least 1/classes; a dead network of MNIST has 0.1135, not 0.1.
    """
    return float(np.max(np.bincount(labels))) / len(labels)


def not_converged(run: Run) -> bool:
    """Whether more epochs would clearly help: both losses still fell fast in the last one.

    Under a constant learning rate, the training loss fell by more than 5 % and 0.02 nats in the
    last epoch, and the test loss is more than 5 % below its lowest before: where only the training
    loss falls, the network learns its images by heart, and a test loss that came back from a worse
    epoch is no progress. Epochs whose test images were not evaluated are passed over. A schedule
    that ends at zero settles the network whether or not it had epochs enough, so that its last
    epoch shows nothing: never marked.
    """
    if run.trial.config.schedule != "constant" or len(run.history) < 2:
        return False
    before, last = run.history[-2:]
    fall = before.train_loss - last.train_loss
    return fall > max(LEAST_FALL, FALL * before.train_loss) and _gain(run) > FALL


def _gain(run: Run) -> float:
    """How far the last epoch brought the test loss below its lowest before, as a share of that.

    0 if nothing was evaluated before.
    """
    *earlier, last = [epoch.test_loss for epoch in run.history]
    lowest = min((loss for loss in earlier if loss is not None), default=0.0)
    return 1 - last / lowest if lowest > 0 and last is not None else 0.0


def marks(
    run: Run, chance: ChanceLevel, train_images: int = 0, learns: bool = False
) -> list[QualityFlag]:
    """What a reader must know of one run; nothing for a run that diverged or failed.

    A network at chance level after fewer than `FEW_STEPS` steps is to be trained for as many first,
    and after more at a lower learning rate. Of one that `learns` with another seed, a run that is
    likely above chance level is taken for one that has learnt: to leave out the lower of its seeds
    would raise its mean. `train_images` is 0 if it is not known.
    """
    if run.status != "finished" or not run.history:
        return []
    config = run.trial.config
    found = [
        QualityFlag(name, kind.text, kind.hint)
        for name in run.found
        if (kind := KINDS.get(name)) and kind.marks
    ]
    if chance.explains(run) and not (learns and chance.is_doubtful(run)):
        return [*found, _not_learnt(run, chance, train_images)]
    if not_converged(run):
        gain = f"{100 * _gain(run):.0f} %"
        text = f"has not converged: its last epoch lowered the test loss by {gain}"
        longer = f"more epochs: `--epochs {2 * config.epochs}`"
        hint = "a larger budget" if config.steps else longer
        found.append(QualityFlag("not converged", text, hint))
    return [*found, *_of_time(run)]


def _not_learnt(run: Run, chance: ChanceLevel, train_images: int) -> QualityFlag:
    """That a run is at chance level, or that so few test images cannot tell."""
    figures = f"test accuracy {run.test_accuracy:.4f}, guessing has {chance.accuracy:.4f}"
    if chance.is_doubtful(run) or chance.shows_nothing():
        text = f"cannot be told from chance level by {chance.test_images} test images: {figures}"
        return QualityFlag("few images", text, "more test images")
    text = f"is at chance level: {figures}"
    return QualityFlag("chance", text, _hint_at_chance(run, train_images))


def _of_time(run: Run) -> Iterator[QualityFlag]:
    """Why its time is not that of the network."""
    again = "the same command measures it again" if run.timing else "`--fresh`"
    hint = f"its time is not that of the network: {again}"
    if disturbed(run):
        share = f"{100 * min(1.0, run.waiting_share or 0):.0f} %"
        text = f"shared the machine: {share} of its threads' time was spent waiting"
        yield QualityFlag("shared", text, f"{hint}, alone")
    if was_stopped(run):
        share = f"{100 * (run.stopped_share or 0):.0f} %"
        text = f"was stopped: its process did not run for {share} of its training time"
        yield QualityFlag("stopped", text, hint)


def _hint_at_chance(run: Run, train_images: int) -> str:
    """To train longer after few steps, at a lower learning rate after more or at a huge loss."""
    config = run.trial.config
    if run.shown and (run.shown.test_loss or 0.0) > HUGE_LOSS:
        return failures.lower_rate(config.lr)
    steps = math.ceil((config.train_images or train_images) / config.batch_size)
    done = config.steps or steps * config.epochs
    if 0 < done < FEW_STEPS:
        more = f"more epochs, `--epochs {math.ceil(FEW_STEPS / steps)}`"
        way = "a larger budget" if config.steps else more
        return f"it was trained for {formatting.several(done, 'step')}: {way}"
    return failures.lower_rate(config.lr)


def disturbed(run: Run) -> bool:
    """Whether the time of a training is not to trust, because other programs shared the machine."""
    share = run.waiting_share
    return share is not None and share > SHARED


def was_stopped(run: Run) -> bool:
    """Whether the time of a training is not to trust, because its process stood still in it."""
    share = run.stopped_share
    if share is None or share <= SHARED:
        return False
    seconds = sum(epoch.stopped_seconds or 0.0 for epoch in run.history)
    return run.timing is not None or seconds > LEAST_STOPPED


def learnt(comparison: Comparison, dead: Collection[str]) -> Comparison:
    """The comparison without the runs of these ids, which are at chance level.

    It is what contrasts are made of.
    """
    groups = tuple(
        replace(group, runs=tuple(run for run in group.runs if run.id not in dead))
        for group in comparison.groups
    )
    return replace(comparison, groups=groups)


def warnings(
    marks: Iterable[tuple[str, Run, QualityFlag]], networks: int, each: bool, timed: bool
) -> Iterator[tuple[str, str]]:
    """Each mark of a network once, with the seeds that it is on; of many networks together.

    `marks` have the label of their network, one of so many `networks`. With `each` every network
    has a warning of its own; marks of times alone are left out unless `timed`.
    """
    grouped: dict[str, dict[str, list[tuple[Run, QualityFlag]]]] = {}
    for label, run, mark in marks:
        if mark.name in ONLY_TIME and not timed:
            continue
        grouped.setdefault(mark.name, {}).setdefault(label, []).append((run, mark))
    for marked in grouped.values():
        together = len(marked) > MOST_ALIKE and not each
        for label, found in marked.items():
            seeds = ", ".join(str(run.trial.seed) for run, _ in found)
            last, mark = found[-1]
            alike = len({one.text for _, one in found}) == 1
            figures = "" if alike else f" with seed {last.trial.seed}"
            which = f"{label} (seed{'s' if len(found) > 1 else ''} {seeds})"
            others = f"{len(marked) - 1} others of {networks} networks"
            rest = f"; the same of {others} (`--verbose` names them)" if together else ""
            yield f"{which} {mark.text}{figures}{rest}", mark.hint
            if together:
                break
