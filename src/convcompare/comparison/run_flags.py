"""Marks of runs whose figures may mislead, each with a hint."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convcompare.core import failures, formatting
from convcompare.models.findings import KINDS
from convcompare.store.run import Run

from .doubts import ONLY_TIME

CHANCE_ALPHA = 0.001
"""Level of the test against chance."""
FEW_ALPHA = 0.05
"""Level of that test below which a network at chance level may have learnt, and there may be too
few test images to show it."""
FEW_STEPS = 500
"""Optimizer steps below which a network at chance level may not have been trained long enough."""
HUGE_LOSS = 20.0
"""Loss in nats per image that only too large steps cause: guessing among a million classes costs
14."""
FALL = 0.05
"""Relative decrease of a loss in the last epoch above which it still falls fast."""
LEAST_STOPPED = 0.25
"""Minimum seconds that a training was stopped to be marked: a busy machine delays as much."""
NOT_LEARNT = ("chance", "few images")
"""Marks of runs that are not known to have learnt anything, which take no part in verdicts."""
SHARED = 0.1
"""Share of the time that threads waited for a core, or the process was stopped, above which a
measured time is not reliable."""
LEAST_FALL = 0.02
"""Minimum decrease of the training loss, in nats per image, to count as progress."""
MOST_ALIKE = 3
"""Maximum number of networks with the same mark that have a warning each; more share one."""


@dataclass(frozen=True)
class QualityFlag:
    """A mark of a run: its name, a description, and a hint."""

    name: str
    text: str
    hint: str


@dataclass(frozen=True)
class ChanceLevel:
    """Accuracy of a network that has learnt nothing, and the number of test images.

    Runs are compared with it by the exact one-sided binomial test of their hits (Clopper and
    Pearson 1934, doi:10.1093/biomet/26.4.404).
    """

    accuracy: float
    test_images: int

    def explains(self, run: Run) -> bool:
        """Return whether the test does not reject chance at 0.1 % for the test accuracy of a run.

        False if the run has no test accuracy.
        """
        return not math.isnan(run.test_accuracy) and self._p(run) > CHANCE_ALPHA

    def is_doubtful(self, run: Run) -> bool:
        """Return whether the test rejects chance at 5 %, for a run that `explains` is true for."""
        return self._p(run) < FEW_ALPHA

    def is_exceeded(self, runs: Iterable[Run]) -> bool:
        """Return whether the test rejects chance at 0.1 % for at least one finished run."""
        ended = (one for one in runs if one.status == "finished")
        return any(not math.isnan(one.test_accuracy) and not self.explains(one) for one in ended)

    def _p(self, run: Run) -> float:
        """Return the p-value: the probability of at least as many hits by chance."""
        from scipy.special import bdtrc

        hits = round(run.test_accuracy * self.test_images)
        return float(bdtrc(hits - 1, self.test_images, self.accuracy)) if hits else 1.0


def majority_share(labels: npt.NDArray[Any]) -> float:
    """Return the accuracy of a network with constant output: the share of the commonest class.

    It is at least 1/classes; on MNIST it is 0.1135, not 0.1.

    Args:
        labels: Integers (n,).
    """
    return float(np.max(np.bincount(labels))) / len(labels)


def not_converged(run: Run) -> bool:
    """Return whether more epochs would clearly help, as both losses still fell fast in the last.

    Under a constant learning rate, the training loss fell by more than 5 % and 0.02 nats in the
    last epoch, and the test loss is more than 5 % below its previous minimum. If only the training
    loss falls, the network memorises its images, and a test loss that recovers from a worse epoch
    is no progress. Epochs without an evaluation are skipped. Under a schedule that ends at zero,
    the losses settle whether or not there were enough epochs, so such runs are never marked.
    """
    if run.trial.config.schedule != "constant" or len(run.history) < 2:
        return False
    before, last = run.history[-2:]
    fall = before.train_loss - last.train_loss
    return fall > max(LEAST_FALL, FALL * before.train_loss) and _gain(run) > FALL


def _gain(run: Run) -> float:
    """Return the decrease of the test loss below its previous minimum, as a share of that.

    0 if there was no earlier evaluation.
    """
    *earlier, last = [epoch.test_loss for epoch in run.history]
    lowest = min((loss for loss in earlier if loss is not None), default=0.0)
    return 1 - last / lowest if lowest > 0 and last is not None else 0.0


def marks(
    run: Run, chance: ChanceLevel, train_images: int = 0, learns: bool = False
) -> list[QualityFlag]:
    """Return the marks of one run; none for a run that diverged or failed.

    The hint for a run at chance level is to train for `FEW_STEPS` steps if it had fewer, otherwise
    a lower learning rate.

    Args:
        run: The run.
        chance: Chance level on the test images.
        train_images: Number of training images; 0 if not known.
        learns: Whether another seed of the network has learnt. A run that is then above chance at
            5 % counts as having learnt, since leaving out the lower seeds would raise the mean.
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
    """Return the mark of a run at chance level, or of one with too few test images to decide."""
    figures = f"test accuracy {run.test_accuracy:.4f}, guessing has {chance.accuracy:.4f}"
    even_if_all_are_hits = chance.accuracy**chance.test_images
    if chance.is_doubtful(run) or even_if_all_are_hits > CHANCE_ALPHA:
        text = f"cannot be distinguished from chance level by {chance.test_images} test images"
        return QualityFlag("few images", f"{text}: {figures}", "more test images")
    text = f"is at chance level: {figures}"
    return QualityFlag("chance", text, _hint_at_chance(run, train_images))


def _of_time(run: Run) -> Iterator[QualityFlag]:
    """Yield the marks of a run whose time is not reliable."""
    again = "the same command measures it again" if run.timing else "`--fresh` trains it again"
    hint = f"its time is not that of the network: {again}"
    if disturbed(run):
        share = f"{100 * min(1.0, run.waiting_share or 0):.0f} %"
        text = f"shared the machine: {share} of its threads' time was spent waiting"
        yield QualityFlag("shared", text, f"{hint}, on an idle machine")
    if was_stopped(run):
        share = f"{100 * (run.stopped_share or 0):.0f} %"
        text = f"was stopped: its process did not run for {share} of its training time"
        yield QualityFlag("stopped", text, hint)


def _hint_at_chance(run: Run, train_images: int) -> str:
    """Return the hint: train longer after few steps; a lower rate after more or at a huge loss."""
    config = run.trial.config
    if run.selected_epoch and (run.selected_epoch.test_loss or 0.0) > HUGE_LOSS:
        return failures.lower_rate(config.lr)
    steps = math.ceil((config.train_images or train_images) / config.batch_size)
    done = config.steps or steps * config.epochs
    if 0 < done < FEW_STEPS:
        more = f"more epochs, `--epochs {math.ceil(FEW_STEPS / steps)}`"
        way = "a larger budget" if config.steps else more
        return f"it was trained for {formatting.several(done, 'step')}: {way}"
    return failures.lower_rate(config.lr)


def disturbed(run: Run) -> bool:
    """Return whether the time of a training is unreliable because the machine was shared."""
    share = run.waiting_share
    return share is not None and share > SHARED


def was_stopped(run: Run) -> bool:
    """Return whether the time of a training is unreliable because its process was stopped."""
    share = run.stopped_share
    if share is None or share <= SHARED:
        return False
    seconds = sum(epoch.stopped_seconds or 0.0 for epoch in run.history)
    return run.timing is not None or seconds > LEAST_STOPPED


def warnings(
    marks: Iterable[tuple[str, Run, QualityFlag]], networks: int, each: bool, timed: bool
) -> Iterator[tuple[str, str]]:
    """Yield a warning and a hint per mark and network, with the seeds that have the mark.

    Args:
        marks: Marks with the label of their network.
        networks: Number of networks in the comparison.
        each: Whether each network has its own warning, even if more than `MOST_ALIKE` have the
            mark.
        timed: Whether to include marks that concern times alone.
    """
    grouped: dict[str, dict[str, list[tuple[Run, QualityFlag]]]] = {}
    for label, run, mark in marks:
        if mark.name in ONLY_TIME and not timed:
            continue
        grouped.setdefault(mark.name, {}).setdefault(label, []).append((run, mark))
    for marked in grouped.values():
        together = len(marked) > MOST_ALIKE and not each
        for label, found in marked.items():
            last, mark = found[-1]
            alike = len({one.text for _, one in found}) == 1
            text = mark.text if alike else _of_seed(mark.text, last.trial.seed)
            which = f"{label} ({formatting.seed_list([run.trial.seed for run, _ in found])})"
            others = f"{len(marked) - 1} others of {networks} networks"
            rest = f"; the same of {others} (`--verbose` names them)" if together else ""
            yield f"{which} {text}{rest}", mark.hint
            if together:
                break


def _of_seed(text: str, seed: int) -> str:
    """Return the text of a mark with the seed that its figures, after the colon, belong to."""
    what, colon, figures = text.partition(": ")
    return f"{what}: with seed {seed}, {figures}" if colon else f"{text} with seed {seed}"
