"""Equal compute: each network is trained for as many steps as a budget pays for.

A budget is a number of multiply-accumulates, 3 × MACs × images (a forward pass and two for the
gradients), or of seconds of training. Seconds are converted to steps by timing steps alone before
the first run. The measured times are stored, so that the same command makes the same trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convcompare.comparison.run_flags import SHARED
from convcompare.comparison.score import LAST, choose
from convcompare.core.config import TRAINING_PASSES, TrainConfig
from convcompare.core.errors import UsageError, quote
from convcompare.data.training_cut import image_numbers

from .budget import Budget, Unit
from .solo_timing import timing_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from convcompare.store.cost import Environment
    from convcompare.store.run import Trial

    from .plan import ExperimentPlan
    from .reporter import Reporter
    from .trial_grid import Candidate

_ROUNDING = 1 + 1e-9


@dataclass(frozen=True)
class Price:
    """Training cost of a network, in the unit of a budget.

    Attributes:
        images: Images per epoch.
        batch: Images per step.
        each: Multiply-accumulates of a training step per image; 0 for a budget of time.
        step: Seconds of a whole step; 0 for a budget of multiply-accumulates.
    """

    images: int
    batch: int
    each: int = 0
    step: float = 0.0

    @property
    def steps_of_epoch(self) -> int:
        """Steps per epoch; the last batch may be smaller than the others."""
        return -(-self.images // self.batch)

    def of(self, steps: int) -> float:
        """Return the cost of a number of steps."""
        whole, rest = divmod(steps, self.steps_of_epoch)
        seen = whole * self.images + min(rest * self.batch, self.images)
        return self.each * seen + self.step * steps

    def steps(self, amount: float) -> int:
        """Return the maximum number of steps that cost at most `amount`."""
        if self.step:
            return int(amount * _ROUNDING / self.step)
        whole, rest = divmod(int(amount) // self.each, self.images)
        return whole * self.steps_of_epoch + rest // self.batch


def with_equal_compute(plan: ExperimentPlan, reporter: Reporter) -> ExperimentPlan:
    """Return the plan with the training length of each network set by the requested budget.

    Raises:
        UsageError: if a budget does not pay for one step, or the MACs of a network are unknown.
    """
    request = plan.request
    unit = request.budget_unit
    if unit is None:
        return plan
    prices = [_price(one, unit, plan, reporter) for one in plan.candidates]
    budget = Budget.parse(request.budget) if request.budget else _of_baseline(plan, prices, unit)
    candidates = [
        replace(one, config=_paid(one, price, budget))
        for one, price in zip(plan.candidates, prices, strict=True)
    ]
    configs = [one.config for one in candidates]
    conditions = replace(
        plan.conditions,
        epochs=max(config.epochs for config in configs),
        budget=budget.words,
        tuned=(*plan.conditions.tuned, "epochs", "steps"),
        notes=(*plan.conditions.notes, f"equal compute: {budget.words}, {_COUNTED[budget.unit]}"),
        score=str(choose(request.score or LAST, configs)),
    )
    paid = replace(plan, candidates=candidates, conditions=conditions)
    return paid.with_seeds(request.seeds)


def _of_baseline(plan: ExperimentPlan, prices: Sequence[Price], unit: Unit) -> Budget:
    """Return the training cost of the baseline as a budget, from the candidates' prices."""
    ((base, price),) = (
        (one, price)
        for one, price in zip(plan.candidates, prices, strict=True)
        if one.label == plan.baseline
    )
    return Budget(unit, price.of(base.config.epochs * price.steps_of_epoch))


_COUNTED = {
    "macs": "3 × MACs × images; schedules end with the last step that it pays for",
    "time": "in steps timed alone before the runs; evaluation is not counted",
}


def passes(config: TrainConfig, images: int) -> float:
    """Return the epochs of a training on `images` images; fractional if steps end it."""
    if config.steps is None:
        return config.epochs
    price = Price(images, config.batch_size, each=1)
    return price.of(config.steps) / images


def with_epochs_of(config: TrainConfig, labels: npt.NDArray[np.int64]) -> TrainConfig:
    """Return the configuration with the number of epochs that its steps take, if it sets steps."""
    if config.steps is None:
        return config
    images, _ = image_numbers(config, labels)
    return _of_length(config, config.steps, Price(images, config.batch_size))


def _of_length(config: TrainConfig, steps: int, price: Price) -> TrainConfig:
    """Return the configuration for a number of steps.

    Whole epochs set no number of steps, so their trials equal those of a request in epochs.
    """
    epochs, rest = -(-steps // price.steps_of_epoch), steps % price.steps_of_epoch
    return replace(config, epochs=epochs, steps=steps if rest else None)


def _paid(candidate: Candidate, price: Price, budget: Budget) -> TrainConfig:
    """Return the configuration of a network with the steps that a budget pays for."""
    steps = price.steps(budget.amount)
    if not steps:
        least = Budget(budget.unit, price.of(1)).words
        raise UsageError(
            f"{budget.words} are less than one step of {quote(candidate.label)}",
            f"a step takes {least.partition(' of ')[0]}",
        )
    return _of_length(candidate.config, steps, price)


def _price(candidate: Candidate, unit: Unit, plan: ExperimentPlan, reporter: Reporter) -> Price:
    config, description = candidate.config, candidate.network.description
    images, _ = image_numbers(config, plan.dataset.train.labels)
    if unit == "time":
        return Price(images, config.batch_size, step=_step_seconds(candidate, plan, reporter))
    if description.macs is None:
        raise UsageError(
            f"the MACs of {quote(candidate.label)} are not known: not counted are "
            f"{', '.join(map(quote, description.uncounted))}",
            "`--budget time=2m` counts seconds",
        )
    return Price(images, config.batch_size, each=TRAINING_PASSES * description.macs)


def _step_seconds(candidate: Candidate, plan: ExperimentPlan, reporter: Reporter) -> float:
    """Return the stored time of a step; measure and store it if there is none."""
    runner = replace(plan, runtime=plan.runtime.of_a_job()).runner()
    trial = candidate.trial(plan.dataset, plan.request.seeds[0])
    key = _key(trial, runner.environment)
    timing = plan.reusable.step_time(key) if plan.reusable else None
    if timing is None:
        timing = timing_of(trial, runner)
        if not plan.request.dry_run:
            plan.store.keep_step_time(key, timing)
    if timing.waited is not None and timing.waited > SHARED:
        reporter.warn(
            f"the steps of {quote(candidate.label)} were timed while other programs used the "
            f"machine ({100 * timing.waited:.0f} % of the time was spent waiting)",
            "`--fresh` times them again",
        )
    return timing.seconds_per_step


def _key(trial: Trial, place: Environment) -> str:
    """Return the key of a step time: the training apart from its length, and the machine."""
    config = replace(trial.config, epochs=1, steps=None, lr=1.0, evaluate="every")
    return place.speed_id(replace(trial, seed=0, config=config, label="").id)
