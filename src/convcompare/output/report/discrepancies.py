"""Discrepancies between a report and its networks: one sentence per difference."""

from __future__ import annotations

from convcompare.comparison import estimate_words
from convcompare.comparison.assessment import Assessment
from convcompare.comparison.model_runs import ModelRuns
from convcompare.comparison.run_figures import field_of_run
from convcompare.comparison.stats import estimates
from convcompare.comparison.study import StudyRow, study_of
from convcompare.core import formatting
from convcompare.store.run_store import RunStore


def differences(assessment: Assessment) -> list[str]:
    """Return the differences between a study's runs and its report; none for other comparisons.

    On another data set than the report's, the networks differ, and nothing is compared.
    """
    study = study_of(assessment.comparison)
    if study is None:
        return []
    found: list[str] = []
    for group in assessment.comparison.groups:
        row = study.row(group.label)
        if row is not None:
            found += _of_row(row, group, assessment.store)
    return found


def _of_row(row: StudyRow, group: ModelRuns, store: RunStore) -> list[str]:
    published = row.published
    found = []
    if published.parameters not in (None, group.parameters):
        about = "about " if published.about else ""
        found.append(
            f"{about}{formatting.count(int(published.parameters))} parameters are printed, the "
            f"network that was trained has {formatting.count(group.parameters)}"
        )
    found += [*_field(row, group, store), *_accuracy(row, group), *published.notes]
    return [f"{row.name}: {sentence}" for sentence in found]


def _field(row: StudyRow, group: ModelRuns, store: RunStore) -> list[str]:
    printed = row.published.receptive_field
    recorded = field_of_run(group.finished[0], store) if group.finished else None
    size = recorded.features_size if recorded else None
    if printed is None or size is None or size == (printed, printed):
        return []
    about = "about " if row.published.about else ""
    return [
        f"a receptive field of {about}{printed} is printed, the features before the head see "
        f"{size[0]}×{size[1]}"
    ]


def _accuracy(row: StudyRow, group: ModelRuns) -> list[str]:
    """Return a sentence if a printed accuracy is outside the prediction interval of these runs."""
    printed = row.published.test_accuracy
    runs = group.finished
    if printed is None or not runs or any(run.trial.config.epochs != row.epochs for run in runs):
        return []
    further = estimates.prediction([run.test_accuracy for run in runs])
    if further.low is None or further.high is None or further.low <= printed <= further.high:
        return []
    guessed = ", of a network that the report describes only in part" if row.guessed else ""
    return [
        f"a test accuracy of {formatting.fraction(printed)} is printed{guessed}, by {further.n} "
        f"seeds a further run would have {estimate_words.share(further)}"
    ]
