"""Interface for showing the stages of an experiment."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .events import Event
    from .plan import ExperimentPlan
    from .trial_runner import TrialRunner

Observer = Callable[["Event"], None]
"""Called with each event of the trials as it arises."""


class Reporter:
    """Receives a call at each stage. This one shows nothing; a warning becomes a `UserWarning`."""

    quiet = True
    """Whether only warnings are shown; downloads then show no progress either."""

    def preparing(self) -> None:
        """Called when the options are valid, before torch is imported, which takes seconds."""

    def planned(self, plan: ExperimentPlan) -> None:
        """Called when everything is checked, before the first trial starts."""

    def warn(self, text: str, hint: str | None = None) -> None:
        """Show something that a reader of the results must know, and how to fix it."""
        warnings.warn(f"{text} ({hint})" if hint else text, UserWarning, stacklevel=2)

    @contextmanager
    def running(self, plan: ExperimentPlan, runner: TrialRunner) -> Iterator[Observer]:
        """Return a context manager around the trials of a plan, whose value receives each event."""
        yield lambda event: None

    def undecided(self, seeds: int, pairs: Sequence[tuple[str, str]]) -> None:
        """Called when these pairs of networks are undecided after `seeds` seeds; more are added."""

    def timing_alone(self, runs: int) -> None:
        """Called before the times of `runs` runs are measured, each alone on the machine."""

    def measuring_robustness(self, runs: int) -> None:
        """Called before the robustness of `runs` runs to damaged images is measured."""
