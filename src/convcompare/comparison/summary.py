"""Verdicts as sentences: which network is better, and at what cost, in the style of hyperfine."""

from __future__ import annotations

from collections.abc import Sequence

from . import verdict_words
from .comparison import Comparison
from .model_runs import ModelRuns
from .verdict import Verdict


def summary(
    comparison: Comparison,
    contrasts: Sequence[Verdict],
    costs: Sequence[Verdict],
) -> list[str]:
    """Return a sentence for each network against the baseline, and one for the best two.

    The best two are compared only if `contrasts` has all pairs: a contrast that is chosen by its
    result is valid only in a family with all contrasts from which it was chosen.
    """
    if not contrasts:
        return []
    cost_of = {
        cost.labels: verdict_words.words(cost)
        for cost in costs
        if cost.refusal is None or not cost.refusal.by_marks
    }
    first = contrasts[0].baseline
    every = bool(comparison.conditions.sizes)
    against = [contrast for contrast in contrasts if every or contrast.baseline == first]
    lines = []
    for contrast in against:
        parts = [verdict_words.sentence(contrast), cost_of.get(contrast.labels)]
        joined = " · ".join(part for part in parts if part)
        lines.append(f"{contrast.model} {joined}")
    others = [contrast for contrast in contrasts if contrast not in against]
    return lines + _best_two(comparison, others)


def notes(contrasts: Sequence[Verdict]) -> list[str]:
    """Return the notes of the contrasts: one that all share without names, others with them."""
    found = [(contrast, verdict_words.note(contrast)) for contrast in contrasts]
    different = list(dict.fromkeys(note for _, note in found))
    lines = [f"{c.model} and {c.baseline}: {note}" for c, note in found if note]
    if len(different) == 1:
        lines = [note for note in different if note]
    return [*lines, *filter(None, [verdict_words.roughly(contrasts)])]


def _best_two(comparison: Comparison, others: Sequence[Verdict]) -> list[str]:
    """Return the sentence about the two networks of highest accuracy if `others` has them."""
    ranked = sorted(comparison.groups, key=_accuracy, reverse=True)[:2]
    best = {group.label for group in ranked}
    lines = []
    for contrast in others:
        if {*contrast.labels} == best:
            sentence = f"{contrast.model} and {contrast.baseline}: {verdict_words.words(contrast)}"
            if contrast.differs:
                sentence = f"{contrast.model} {verdict_words.sentence(contrast)}"
            outlook = verdict_words.outlook(contrast)
            lines.append(f"{sentence}; {outlook}" if outlook else sentence)
    return lines


def _accuracy(group: ModelRuns) -> float:
    mean = group.shown("test_accuracy")
    return mean.value if mean else -1.0
