"""A resolved and checked request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Conditions
    from convcompare.core.config import Runtime
    from convcompare.data.dataset import Dataset, Sources
    from convcompare.store.run import Trial
    from convcompare.store.run_store import RunStore

    from .request import Request
    from .trial_grid import Candidate
    from .trial_runner import TrialRunner


@dataclass(frozen=True)
class ExperimentPlan:
    """A request with everything it names resolved and checked, before anything runs.

    Attributes:
        rate_labels: Labels of the candidates of each network that is trained at several learning
            rates, by its label.
        jobs_reason: Why this number of trials runs at a time, if the command did not set it.
    """

    request: Request
    dataset: Dataset
    candidates: Sequence[Candidate]
    trials: Sequence[Trial]
    conditions: Conditions
    runtime: Runtime
    store: RunStore
    precision_reason: str
    baseline: str
    sources: Sources
    executor: str
    rate_labels: Mapping[str, Sequence[str]]
    jobs_reason: str = ""

    def with_seeds(self, seeds: Sequence[int]) -> ExperimentPlan:
        """Return the plan with other seeds."""
        from .trial_grid import grid

        return replace(self, trials=grid(self.candidates, self.dataset, seeds, self.reusable))

    @property
    def reusable(self) -> RunStore | None:
        """The store, whose runs are reused for equal trials; None if every trial is run again."""
        return None if self.request.fresh else self.store

    def with_seeds_of(self, seeds: Mapping[str, Sequence[int]]) -> ExperimentPlan:
        """Return the plan with these seeds of each network, by its label."""
        every = self.with_seeds(list(dict.fromkeys(one for each in seeds.values() for one in each)))
        kept = tuple(trial for trial in every.trials if trial.seed in seeds[trial.label])
        return replace(every, trials=kept)

    def runner(self) -> TrialRunner:
        """Return the runner of this plan's trials, which also takes measurements."""
        from .trial_runner import TrialRunner

        networks = [candidate.network for candidate in self.candidates]
        return TrialRunner(self.store, self.runtime, self.dataset, self.sources, networks=networks)

    def of(self, candidate: Candidate) -> list[Trial]:
        """Return the trials of one network."""
        return [trial for trial in self.trials if trial.label == candidate.label]
