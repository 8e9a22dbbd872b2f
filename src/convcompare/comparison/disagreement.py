"""Disagreement between two networks on the test images, and between the seeds of one network.

It is computed from the stored test logits, with numpy only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import UsageError
from convcompare.store.predictions import Predictions
from convcompare.store.run_store import RunStore

from .model_runs import ModelRuns
from .predictions import log_softmax
from .stats.estimates import ALPHA, FEWEST, Estimate, estimate_json, wilson

Shares = npt.NDArray[np.float64]
METHOD = "mean of pairs of runs; standard error over the images and, from 3 seeds on, the seeds"


@dataclass(frozen=True)
class DisputedImage:
    """A test image for which two networks predict different classes, by the mean of their seeds.

    ``row`` is its index in the test split; classes are indices. A confidence is the mean over the
    seeds of the probability of the predicted class. ``share`` is the share of pairs of runs that
    predict different classes.
    """

    row: int
    true: int
    given: tuple[int, int]
    confidence: tuple[float, float]
    share: float


@dataclass(frozen=True)
class Votes:
    """Predictions of the runs of a network for n test images.

    ``given`` (runs, n) are the predicted classes, ``mean`` (n, classes) the probabilities averaged
    over the runs.
    """

    label: str
    seeds: tuple[int, ...]
    given: npt.NDArray[np.int64] = field(repr=False)
    mean: Shares = field(repr=False)

    @classmethod
    def of(cls, group: ModelRuns, predictions: Sequence[Predictions]) -> Votes:
        """Return the votes of the finished runs of a network from their `predictions`."""
        mean = np.mean([np.exp(log_softmax(one.logits)) for one in predictions], axis=0)
        given = np.stack([one.logits.argmax(1) for one in predictions])
        return cls(group.label, tuple(run.trial.seed for run in group.finished), given, mean)


@dataclass(frozen=True, repr=False)
class Disagreements:
    """Disagreement of two networks on the same n test images; ``labels`` (n,) are the classes.

    Pairs are made of runs with different seeds, both between the networks and within one, so that
    the two runs never share an order of the images. If each network has only the same one seed,
    that pair is used.
    """

    first: Votes
    second: Votes
    labels: npt.NDArray[np.int64]

    def __repr__(self) -> str:
        names = f"{self.first.label!r}, {self.second.label!r}"
        return (
            f"Disagreements({names}, between={self.between}, within={self.within}, "
            f"excess={self.excess})"
        )

    @cached_property
    def between(self) -> Estimate:
        """Share of images for which a run of one network and a run of the other disagree."""
        return _estimate([(1.0, self.first, self.second)])

    @cached_property
    def within(self) -> tuple[Estimate | None, Estimate | None]:
        """Share of images for which two runs of one network disagree; None with a single seed."""
        both = (self.first, self.second)
        return tuple(_estimate([(1.0, o, o)]) if len(o.seeds) > 1 else None for o in both)  # type: ignore[return-value]

    @cached_property
    def excess(self) -> Estimate | None:
        """`between` minus the mean of `within`; None if a network has a single seed."""
        if None in self.within:
            return None
        first, second = self.first, self.second
        return _estimate([(1.0, first, second), (-0.5, first, first), (-0.5, second, second)])

    def shares(self, kind: str) -> Shares | None:
        """Return the share of pairs of runs per image, (n,).

        Args:
            kind: ``between``: pairs of the two networks that disagree. ``first`` or ``second``:
                pairs of one network that disagree. ``only_first`` or ``only_second``: pairs of the
                two networks of which only this one is right.

        Returns:
            The shares; None for pairs of a network with a single seed.
        """
        if kind in ("first", "second"):
            votes: Votes = getattr(self, kind)
            return _by_image(votes, votes) if len(votes.seeds) > 1 else None
        pairs = _pairs(self.first, self.second)
        if kind == "between":
            return _by_image(self.first, self.second)
        right = [one.given == self.labels for one in (self.first, self.second)]
        one, other = right if kind == "only_first" else (~right[0], ~right[1])
        sums = sum((one[i] & ~other[j]).astype(np.float64) for i, j in pairs)
        return np.asarray(sums / len(pairs))

    @cached_property
    def images(self) -> list[DisputedImage]:
        """Images for which the means of the seeds disagree, in descending order of confidence.

        The confidence of a disagreement is that of the less confident network.
        """
        sides = (self.first, self.second)
        given = np.stack([one.mean.argmax(1) for one in sides])
        sure = np.stack([one.mean.max(1) for one in sides])
        rows = np.flatnonzero(given[0] != given[1])
        share = self.shares("between")
        assert share is not None
        rows = rows[np.lexsort((rows, -sure[:, rows].min(0)))]
        return [
            DisputedImage(
                int(row), int(self.labels[row]), (int(given[0, row]), int(given[1, row])),
                (float(sure[0, row]), float(sure[1, row])), float(share[row]),
            )
            for row in rows
        ]  # fmt: skip

    def to_json(self, classes: Sequence[str] = ()) -> dict[str, Any]:
        """Return the JSON object; `classes` are the names of the classes."""
        names = [self.first.label, self.second.label]
        return {
            "models": names,
            "seeds": [list(one.seeds) for one in (self.first, self.second)],
            "test_images": len(self.labels),
            "between": estimate_json(self.between),
            "within": [*map(estimate_json, self.within)],
            "excess": estimate_json(self.excess),
            "images": [
                {
                    "image": one.row,
                    "class": class_name(classes, one.true),
                    "given": [class_name(classes, given) for given in one.given],
                    "confidence": list(one.confidence),
                    "share_of_pairs": one.share,
                }
                for one in self.images
            ],
        }


def class_name(classes: Sequence[str], label: int) -> str:
    """Return the name of a class; its index as text if no name is recorded."""
    return classes[label] if label < len(classes) else str(label)


def disagreements(store: RunStore, groups: Sequence[ModelRuns]) -> Disagreements:
    """Return the disagreement of the two networks in `groups` that have finished runs.

    Raises:
        UsageError: if the number of such networks is not two, or if they were not tested on the
            same images.
    """
    ended = [group for group in groups if group.finished]
    if len(ended) != 2:
        found = ", ".join(group.label for group in ended) or "none"
        raise UsageError(
            f"two networks with finished runs are compared, and there are {len(ended)}: {found}",
            "name two: `convcompare disagreements fcn simple`",
        )
    votes, labels = [], []
    for group in ended:
        predictions = [store.predictions(run) for run in group.finished]
        votes.append(Votes.of(group, predictions))
        labels += [one.labels for one in predictions]
    if any(not np.array_equal(labels[0], other) for other in labels):
        raise UsageError("these runs were not tested on the same images", "pick runs by their ids")
    return Disagreements(votes[0], votes[1], labels[0])


def paired_runs(
    first: Sequence[int], second: Sequence[int], same: bool, without: int | None = None
) -> list[tuple[int, int]]:
    """Return the pairs of runs of two networks whose seeds differ; all pairs if none do.

    Args:
        first: Seeds of the runs of one network.
        second: Seeds of the runs of the other.
        same: Whether both are the same network, so that each pair counts once.
        without: A seed whose runs are left out.

    Returns:
        Indices into `first` and `second`.
    """
    every = [
        (i, j)
        for i, one in enumerate(first)
        for j, other in enumerate(second)
        if without not in (one, other) and not (same and i >= j)
    ]
    apart = [(i, j) for i, j in every if first[i] != second[j]]
    return apart or every


def paired_words(seeds: Iterable[Sequence[int]]) -> str:
    """Describe the pairs that `paired_runs` makes for networks with these seeds."""
    if len({seed for one in seeds for seed in one}) > 1:
        return "means over pairs of runs with different seeds"
    return "one run of each network, with the same seed"


def _pairs(first: Votes, second: Votes, without: int | None = None) -> list[tuple[int, int]]:
    return paired_runs(first.seeds, second.seeds, first is second, without)


def _by_image(first: Votes, second: Votes) -> Shares:
    pairs = _pairs(first, second)
    sums = sum((first.given[i] != second.given[j]).astype(np.float64) for i, j in pairs)
    return np.asarray(sums / len(pairs))


def _estimate(terms: Sequence[tuple[float, Votes, Votes]]) -> Estimate:
    """Return a share, or a weighted sum of shares, with its interval over images and seeds.

    The variance is the sum of that of the mean over the images, for these runs, and of the
    delete-one jackknife over the seeds, which deletes a seed of both networks (Efron and Stein
    1981, doi:10.1214/aos/1176345462). Degrees of freedom are those of Satterthwaite (1946,
    doi:10.2307/3002019).
    """
    from scipy.special import stdtrit

    by_image = sum(weight * _by_image(one, other) for weight, one, other in terms)
    assert isinstance(by_image, np.ndarray)
    value, n = float(by_image.mean()), len(by_image)
    seeds = sorted({seed for _, one, other in terms for seed in (*one.seeds, *other.seeds)})
    over_seeds = _jackknife(terms, seeds)
    if n < 2:
        return Estimate(value, None, None, len(seeds), METHOD)
    variances = [(float(by_image.var(ddof=1)) / n, n - 1)]
    if over_seeds is not None:
        variances.append((over_seeds, len(seeds) - 1))
    total = sum(variance for variance, _ in variances)
    freedom = total**2 / sum(v**2 / df for v, df in variances) if total else n - 1
    t = float(stdtrit(freedom, 1 - ALPHA / 2))
    if len(terms) == 1:
        # Wilson's interval for the number of independent images that would give this variance;
        # it also has a width for a share of 0
        like = value * (1 - value) / total if total else n
        low, high = wilson(value, like, t)
        return Estimate(value, max(0.0, low), min(1.0, high), len(seeds), METHOD)
    if not total:  # every pair disagrees on the same images, so the variance is not estimated
        return Estimate(value, None, None, len(seeds), METHOD)
    half = t * math.sqrt(total)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), len(seeds), METHOD)


def _jackknife(terms: Sequence[tuple[float, Votes, Votes]], seeds: Sequence[int]) -> float | None:
    """Return the variance over the seeds.

    None for fewer than `FEWEST` seeds, or if no pair of runs is left without one of them.
    """
    if len(seeds) < FEWEST:
        return None
    differ = [(one.given[:, None] != other.given[None]).mean(2) for _, one, other in terms]
    left = []
    for seed in seeds:
        total = 0.0
        for (weight, one, other), matrix in zip(terms, differ, strict=True):
            pairs = _pairs(one, other, without=seed)
            if not pairs:
                return None
            total += weight * float(np.mean([matrix[i, j] for i, j in pairs]))
        left.append(total)
    return (len(seeds) - 1) / len(seeds) * float(np.sum((np.array(left) - np.mean(left)) ** 2))
