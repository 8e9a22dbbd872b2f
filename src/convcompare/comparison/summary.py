"""The lines under a table: who is better than whom and at what cost, in the manner of hyperfine."""

from __future__ import annotations

from collections.abc import Sequence

from .comparison import Comparison
from .contrasts import Contrast
from .cost_contrasts import CostContrast
from .model_runs import ModelRuns


def summary(
    comparison: Comparison, contrasts: Sequence[Contrast], costs: Sequence[CostContrast]
) -> list[str]:
    """One line a model against the baseline, and one for the two best.

    The two best models are compared where `contrasts` holds that pair (``all_pairs``): a contrast
    chosen by its result counts only in a family that holds all it was chosen from.
    """
    if not contrasts:
        return []
    cost_of = {(cost.model, cost.baseline): cost for cost in costs}
    first = contrasts[0].baseline
    against = [contrast for contrast in contrasts if contrast.baseline == first]
    width = max(len(contrast.model) for contrast in against)
    lines = []
    for contrast in against:
        parts = [contrast.sentence, _cost(cost_of.get((contrast.model, first)))]
        joined = " · ".join(part for part in parts if part)
        lines.append(f"{contrast.model:{width}}  {joined}")
    lines += _best_two(comparison, [c for c in contrasts if c.baseline != first])
    return lines


def notes(contrasts: Sequence[Contrast]) -> list[str]:
    """Every note once: alone where it is said of all contrasts, else with the models it is of."""
    found = list(dict.fromkeys(contrast.note for contrast in contrasts))
    if len(found) == 1:
        return [note for note in found if note]
    return [f"{c.model} and {c.baseline}: {c.note}" for c in contrasts if c.note]


def _cost(cost: CostContrast | None) -> str:
    return cost.verdict if cost else ""


def _best_two(comparison: Comparison, others: Sequence[Contrast]) -> list[str]:
    """The line of the two models with the highest mean accuracy; none where it is not there."""
    ranked = sorted(comparison.groups, key=_accuracy, reverse=True)[:2]
    best = {group.label for group in ranked}
    lines = []
    for contrast in others:
        if {contrast.model, contrast.baseline} == best:
            outlook = f"; {contrast.outlook}" if contrast.outlook else ""
            said = f"{contrast.model} and {contrast.baseline}: {contrast.verdict}"
            if contrast.decided in ("better", "worse"):
                said = f"{contrast.model}  {contrast.sentence}"
            lines.append(said + outlook)
    return lines


def _accuracy(group: ModelRuns) -> float:
    mean = group.shown("test_accuracy")
    return mean.value if mean else -1.0
