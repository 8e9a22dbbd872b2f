"""Selection of the learning rate of each network on the held-out images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from convcompare.core import formatting

from .comparison import Comparison, TriedRate
from .model_runs import ModelRuns


def choose_rates(comparison: Comparison, rate_labels: Mapping[str, Sequence[str]]) -> Comparison:
    """Return the comparison with the runs of each network at its best learning rate.

    The best rate has the highest accuracy on the held-out images, averaged over the seeds. A rate
    at which a run did not finish is chosen only if there is no other. The test images are not used.

    Args:
        comparison: The runs of every network at every rate, each under a label of its own.
        rate_labels: These labels, by the label of the network.

    Returns:
        The comparison, with the ids of the runs at all rates in ``rates``.
    """
    groups = comparison.by_label
    rates = sorted({_rate(group) for group in comparison.groups})
    ends = (rates[0], rates[-1]) if len(rates) > 1 else ()
    chosen, tried = [], list[TriedRate]()
    for label, names in rate_labels.items():
        best = max((groups[name] for name in names), key=_quality)
        chosen.append(replace(best, label=label))
        for group in (groups[name] for name in names):
            ids, rate = tuple(run.id for run in group.runs), _rate(group)
            tried.append(TriedRate(label, rate, ids, group is best, group is best and rate in ends))
    at_edge = [group.label for group in chosen if _rate(group) in ends]
    picked = ", ".join(f"{group.label} {_rate(group):g}" for group in chosen)
    held_out = formatting.count(comparison.conditions.val_images)
    note = (
        f"learning rate of each network by its accuracy on {held_out} held-out "
        f"images: {picked} (of {', '.join(f'{rate:g}' for rate in rates)})"
    )
    conditions = comparison.conditions
    notes = [*conditions.notes, note]
    if at_edge:
        notes.append(
            f"the best rate of {' and '.join(at_edge)} is at the edge of the grid: a better one "
            "may lie beyond it (`--lr-grid`)"
        )
    parts = [part for part in conditions.recipe.split(", ") if not part.startswith("lr=")]
    recipe = ", ".join([*parts, "lr chosen for each network"])
    tuned = (*conditions.tuned, "lr")
    conditions = replace(conditions, notes=tuple(notes), tuned=tuned, recipe=recipe)
    return replace(comparison, groups=tuple(chosen), conditions=conditions, rates=tuple(tried))


def _quality(group: ModelRuns) -> tuple[bool, float]:
    accuracies = [
        run.selected_epoch.val_accuracy or 0.0 for run in group.finished if run.selected_epoch
    ]
    whole = len(accuracies) == len(group.runs)
    return whole, sum(accuracies) / len(accuracies) if accuracies else 0.0


def _rate(group: ModelRuns) -> float:
    return group.runs[0].trial.config.lr
