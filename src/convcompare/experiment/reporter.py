"""What happens while an experiment is planned and run, for whoever wants to show it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .events import Event
    from .plan import ExperimentPlan
    from .trial_runner import TrialRunner

Observer = Callable[["Event"], None]
"""Called with each event of the trials, as it happens."""


class Reporter(Protocol):
    """Told of each stage; the command line draws it, the library does not."""

    quiet: bool
    """Whether nothing but warnings is shown: downloads show no progress either."""

    def preparing(self) -> None:
        """The options are sound; torch is imported next, which takes seconds."""

    def planned(self, plan: ExperimentPlan) -> None:
        """Everything is checked, and the trials begin next."""

    def warn(self, text: str, hint: str | None = None) -> None:
        """Something that a reader of the results must know, and what helps."""

    def running(
        self, plan: ExperimentPlan, runner: TrialRunner
    ) -> AbstractContextManager[Observer]:
        """Around the trials of a plan; what it gives is called with each event."""

    def undecided(self, seeds: int, pairs: Sequence[tuple[str, str]]) -> None:
        """After so many seeds these pairs of networks are not decided; seeds are added."""

    def timing_alone(self, runs: int) -> None:
        """The times of so many runs are measured next, each alone."""

    def measuring_robustness(self, runs: int) -> None:
        """What so many runs answer to damaged images is measured next."""


class QuietReporter:
    """Shows nothing; a warning becomes one of Python's (`UserWarning`)."""

    quiet = True

    def preparing(self) -> None:
        """Nothing is shown."""

    def planned(self, plan: ExperimentPlan) -> None:
        """Nothing is shown."""

    def warn(self, text: str, hint: str | None = None) -> None:
        """Warn as Python does."""
        warnings.warn(f"{text} ({hint})" if hint else text, UserWarning, stacklevel=2)

    @contextmanager
    def running(self, plan: ExperimentPlan, runner: TrialRunner) -> Iterator[Observer]:
        """Nothing is shown."""
        yield lambda event: None

    def undecided(self, seeds: int, pairs: Sequence[tuple[str, str]]) -> None:
        """Nothing is shown."""

    def timing_alone(self, runs: int) -> None:
        """Nothing is shown."""

    def measuring_robustness(self, runs: int) -> None:
        """Nothing is shown."""
