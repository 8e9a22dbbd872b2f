"""Messages about networks that start from trained weights or have frozen parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convcompare.core.fine_tuning import Frozen, InitialWeights
from convcompare.core.formatting import series
from convcompare.models.findings import PRETRAINED

from .model_runs import ModelRuns


def words(label: str, weights: InitialWeights | None, frozen: Frozen | None) -> list[str]:
    """Return a line if a network starts from trained weights or has frozen parameters."""
    parts = [one.words for one in (weights, frozen) if one is not None]
    return [f"{label}: {'; '.join(parts)}"] if parts else []


def mixed(groups: Sequence[ModelRuns]) -> Iterator[tuple[str, str]]:
    """Yield a warning and a hint if only some of the networks start from trained weights.

    Trained weights are also recognised if a network's own code loaded them, by the finding of its
    examination.
    """
    trained = [
        group.label
        for group in groups
        if group.runs[0].initial_weights is not None or PRETRAINED in group.runs[0].found
    ]
    fresh = [g.label for g in groups if g.label not in trained]
    if trained and fresh:
        yield (
            f"the comparison mixes pretrained and fresh networks: {_named(trained)} "
            f"{'starts' if len(trained) == 1 else 'start'} from trained weights, "
            f"{_named(fresh)} from random ones",
            "pretraining is training too: compare networks with the same kind of initial weights",
        )


def _named(labels: Sequence[str]) -> str:
    return series(labels) if len(labels) <= 3 else f"{labels[0]} and {len(labels) - 1} more"
