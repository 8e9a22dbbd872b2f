"""Plans of the further seeds, epochs and records that would decide claims, with their cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from convcompare.core.formatting import several
from convcompare.store.run import Run

from ..assessment import Assessment
from ..figures.catalogue import MEASURED, named
from ..figures.measure import AGAIN, EVERY_EPOCH
from ..figures.recorded_command import SKIP, training_command
from ..model_runs import ModelRuns
from ..study import Study
from .findings import Finding, Judged, findings
from .needs import Need, need
from .outcomes import FinalOutcome

EVENTUAL = ("confirmed", "contradicted")


@dataclass(frozen=True)
class Training:
    """A run to train.

    ``key`` identifies the run across claims. ``seconds`` is its duration without parallel runs on
    the hardware of the records; None if no epoch of its network was timed.
    """

    key: tuple[object, ...]
    seconds: float | None


@dataclass(frozen=True)
class ClaimPlan:
    """The runs and records that would decide a claim of a study.

    ``needs`` are those of the statements to decide. ``seeds`` is a sufficient number per network of
    ``networks``, None if none is known; ``epochs`` is the number per run. ``would`` is the outcome
    of the claim by the observed differences, None if that is open. ``fresh`` is True if existing
    runs must be trained again. ``skipped`` are the networks of the study that are not needed,
    ``machines`` those on which the times were recorded. ``recorded`` is the command that made the
    runs.
    """

    study: str
    finding: Finding
    needs: tuple[tuple[Judged, Need], ...]
    networks: tuple[str, ...]
    skipped: tuple[str, ...]
    seeds: int | None
    epochs: int
    would: FinalOutcome | None
    fresh: bool
    trainings: tuple[Training, ...]
    options: tuple[str, ...]
    machines: tuple[str, ...]
    recorded: tuple[str, ...]

    @property
    def seconds(self) -> float | None:
        """Seconds of all trainings, one at a time; None if it is not known which are needed."""
        return None if self.seeds is None else total_seconds([self])

    @property
    def command(self) -> str | None:
        """Command that trains them; None if it is not known which decide the claim."""
        if self.seeds is None:
            return None
        skipped = [word for name in self.skipped for word in (SKIP, name)]
        options = [*self.options, *skipped, *([AGAIN] if self.fresh else [])]
        return training_command(self.recorded, self.study, self.seeds, options)


def plans(assessment: Assessment) -> list[ClaimPlan]:
    """Return a plan for each claim of a study that its runs do not finally decide."""
    study = assessment.comparison.study
    undecided = [one for one in findings(assessment) if one.outcome not in EVENTUAL]
    return [_Planner(assessment, str(study), one).plan() for one in undecided]


def cheapest_first(found: Iterable[ClaimPlan]) -> list[ClaimPlan]:
    """Sort plans by seconds; those without a known duration come last."""
    return sorted(found, key=lambda one: (one.seconds is None, one.seconds or 0.0))


def total_seconds(found: Iterable[ClaimPlan]) -> float | None:
    """Return the seconds of several plans together, with shared runs counted once.

    None if the seconds of a run are not known.
    """
    runs = {run.key: run.seconds for one in found if one.seeds is not None for run in one.trainings}
    known = [seconds for seconds in runs.values() if seconds is not None]
    return sum(known) if len(known) == len(runs) else None


@dataclass(frozen=True)
class _Planner:
    """Planner of one claim."""

    assessment: Assessment
    study: str
    finding: Finding

    def plan(self) -> ClaimPlan:
        pairs = [self._of_pair(pair) for pair in self.finding.open]
        refuting = [one for one in pairs if _would(one) == "contradicted"]
        chosen = min(refuting, key=self._price) if refuting else [one for p in pairs for one in p]
        return self._made(chosen, "contradicted" if refuting else _would(chosen))

    def _of_pair(self, pair: Sequence[Judged]) -> list[tuple[Judged, Need]]:
        """Return the statements of a pair to decide: the cheapest that would hold, or all."""
        found = [(one, self._need(one)) for one in pair]
        holding = [[one] for one in found if one[1].would == "confirmed"]
        return min(holding, key=self._price) if holding else found

    def _need(self, judged: Judged) -> Need:
        groups = [self._groups[label] for label in _labels(judged)]
        kept = all(run.keeps_weights for g in groups for run in g.finished)
        seeds = min(len(group.finished) for group in groups)
        return need(judged, len(self.finding.claim.networks), seeds, kept)

    def _price(self, needs: Sequence[tuple[Judged, Need]]) -> tuple[bool, float]:
        made = self._made(needs, None)
        return made.seconds is None, made.seconds or 0.0

    def _made(self, needs: Sequence[tuple[Judged, Need]], would: FinalOutcome | None) -> ClaimPlan:
        names = self.finding.claim.networks
        sizes = [one.seeds for _, one in needs]
        seeds = None if None in sizes else max(size for size in sizes if size is not None)
        recorders = set(_recorders(needs))
        fresh = AGAIN in recorders
        trains_again = fresh or EVERY_EPOCH in recorders
        recorded = max(run.trial.config.epochs for run in self._runs)
        later = any(one.lack == "epochs" for _, one in needs)
        epochs = min(self._published) if later else recorded
        own = () if self._published == {epochs} else ("--epochs", str(epochs))
        trainings = [
            run
            for label in self._groups
            if seeds and label in names
            for run in self._trainings(label, seeds, epochs, trains_again)
        ]
        return ClaimPlan(
            self.study,
            self.finding,
            tuple(needs),
            tuple(label for label in self._groups if label in names),
            tuple(row.name for row in self._study.rows if row.name not in names),
            seeds,
            epochs,
            would,
            fresh,
            tuple(trainings),
            (*own, *" ".join(sorted(recorders - {AGAIN})).split()),
            self._machines,
            self.assessment.comparison.command,
        )

    @property
    def _study(self) -> Study:
        assert self.assessment.study is not None
        return self.assessment.study

    @property
    def _published(self) -> set[int]:
        """Numbers of epochs of the networks of the claim in the report."""
        return self._study.epochs_of(self.finding.claim.networks)

    @property
    def _machines(self) -> tuple[str, ...]:
        places = [run.timed_in for run in self._runs]
        named_places = (
            f"{one.processor}, {several(one.threads, 'thread')}"
            if one.device == "cpu"
            else one.device
            for one in places
        )
        return tuple(dict.fromkeys(named_places))

    def _trainings(self, label: str, seeds: int, epochs: int, trains_again: bool) -> list[Training]:
        """Return the runs of a network to train: further seeds, or all of them."""
        group = self._groups[label]
        run = group.finished[0]
        same = run.trial.config.epochs == epochs
        first = len(group.finished) if same and not trains_again else 0
        trial, each = run.trial, epoch_seconds(group)
        config = replace(trial.config, epochs=epochs)
        key = trial.model, trial.code, trial.data, config
        seconds = None if each is None else epochs * each
        return [Training((*key, number), seconds) for number in range(first, seeds)]

    @property
    def _groups(self) -> Mapping[str, ModelRuns]:
        return self.assessment.comparison.by_label

    @property
    def _runs(self) -> list[Run]:
        """Finished runs of the networks of the claim."""
        names = self.finding.claim.networks
        return [run for name in names for run in self._groups[name].finished]


def epoch_seconds(group: ModelRuns) -> float | None:
    """Return the seconds per epoch of a network, evaluation included, averaged over its runs.

    Training times are those measured on an idle device, or else those recorded beside parallel
    trials. None if no epoch was recorded.
    """
    found = [_epoch_seconds(run) for run in group.finished if run.history]
    return fmean(found) if found else None


def _epoch_seconds(run: Run) -> float:
    alone = run.epoch_seconds
    if alone is None:
        alone = fmean(epoch.train_seconds for epoch in run.history)
    return alone + fmean(epoch.evaluation_seconds for epoch in run.history)


def _recorders(needs: Sequence[tuple[Judged, Need]]) -> Iterator[str]:
    """Yield the options that record missing figures; without weights, also that to train again."""
    for judged, one in needs:
        options = named(judged.assertion.statement.figure).recorded_by
        if one.lack in ("not recorded", "weights") and options:
            yield options
            if one.lack == "not recorded" and options == MEASURED:
                yield AGAIN


def _labels(judged: Judged) -> set[str]:
    second = judged.assertion.second
    return {judged.assertion.first, *([second] if isinstance(second, str) else [])}


def _would(needs: Sequence[tuple[Judged, Need]]) -> FinalOutcome | None:
    """Return the common outcome of statements by the observed differences; None if they differ."""
    outcomes = {one.would for _, one in needs}
    return next(iter(outcomes)) if len(outcomes) == 1 else None
