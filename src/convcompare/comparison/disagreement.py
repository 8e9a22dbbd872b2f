"""On which test images two networks differ, beside how much the seeds of one network do.

All is worked out from the stored test logits: numpy only.
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
from .stats.estimates import ALPHA, FEWEST, Estimate, wilson

Shares = npt.NDArray[np.float64]
METHOD = "mean of pairs of runs; standard error over the images and, from 3 seeds on, the seeds"


@dataclass(frozen=True)
class DisputedImage:
    """A test image to which two networks give different classes, by the mean of their seeds.

    ``row`` is its number in the test split; classes are numbers. A confidence is the mean over the
    seeds of the probability of the class that is given. ``share`` is that of the pairs of runs that
    differ on it.
    """

    row: int
    true: int
    given: tuple[int, int]
    confidence: tuple[float, float]
    share: float


@dataclass(frozen=True)
class Votes:
    """What the runs of one network say: classes (runs, n), mean probabilities (n, classes)."""

    label: str
    seeds: tuple[int, ...]
    given: npt.NDArray[np.int64] = field(repr=False)
    mean: Shares = field(repr=False)

    @classmethod
    def of(cls, group: ModelRuns, predictions: Sequence[Predictions]) -> Votes:
        """Those of the finished runs of a network."""
        mean = np.mean([np.exp(log_softmax(one.logits)) for one in predictions], axis=0)
        given = np.stack([one.logits.argmax(1) for one in predictions])
        return cls(group.label, tuple(run.trial.seed for run in group.finished), given, mean)


@dataclass(frozen=True, repr=False)
class Disagreements:
    """Two networks on the same test images, over their seeds; ``labels`` (n,) are the classes.

    Runs are paired that have different seeds, between two networks as within one, so that no order
    of the images is shared; if each has but one seed, and it is the same, that pair is taken.
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
        """The share of images on which a run of one and a run of the other differ."""
        return _estimate([(1.0, self.first, self.second)])

    @cached_property
    def within(self) -> tuple[Estimate | None, Estimate | None]:
        """The same of two runs of one network; None with a single seed."""
        both = (self.first, self.second)
        return tuple(_estimate([(1.0, o, o)]) if len(o.seeds) > 1 else None for o in both)  # type: ignore[return-value]

    @cached_property
    def excess(self) -> Estimate | None:
        """How much more the networks differ than the seeds of one do: between minus mean within."""
        if None in self.within:
            return None
        first, second = self.first, self.second
        return _estimate([(1.0, first, second), (-0.5, first, first), (-0.5, second, second)])

    def shares(self, kind: str) -> Shares | None:
        """By image (n,), the share of pairs of runs that differ: ``between``, ``first`` or
        ``second`` for those of one network, None with a single seed; ``only_first`` and
        ``only_second`` are those of which one alone is right.
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
        """The images on which the means of the seeds differ, the most confident disagreement first.

        A disagreement is as confident as the less confident of the two networks.
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
        """All of it as data; `classes` are the names of the classes."""
        names = [self.first.label, self.second.label]
        return {
            "models": names,
            "seeds": [list(one.seeds) for one in (self.first, self.second)],
            "test_images": len(self.labels),
            "between": vars(self.between),
            "within": [None if one is None else vars(one) for one in self.within],
            "excess": None if self.excess is None else vars(self.excess),
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
    """The name of a class; its number if none is recorded."""
    return classes[label] if label < len(classes) else str(label)


def disagreements(store: RunStore, groups: Sequence[ModelRuns]) -> Disagreements:
    """Two networks of a comparison, the first against the second.

    Raises:
        UsageError: Not two networks have finished runs, or they were not tested on the same images.
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
    """Which runs of two networks are paired, by their seeds: those whose seeds differ.

    If none do, all are. With `same` both are one network, and each pair counts once. Runs of the
    seed `without` are left out.
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
    """Which runs `paired_runs` pairs of networks with these seeds, in words."""
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
    """A share, or a weighted sum of shares, with its interval over the images and the seeds.

    The variance is that of the mean over the images, for these runs, and the delete-one jackknife
    over the seeds, which deletes a seed of both networks (Efron and Stein 1981,
    doi:10.1214/aos/1176345462); degrees of freedom after Satterthwaite (1946, doi:10.2307/3002019).
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
        # of as many independent images as have its variance, so that 0 has an interval, too
        like = value * (1 - value) / total if total else n
        low, high = wilson(value, like, t)
        return Estimate(value, max(0.0, low), min(1.0, high), len(seeds), METHOD)
    if not total:  # every pair differs on the same images: how sure that is is not known
        return Estimate(value, None, None, len(seeds), METHOD)
    half = t * math.sqrt(total)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), len(seeds), METHOD)


def _jackknife(terms: Sequence[tuple[float, Votes, Votes]], seeds: Sequence[int]) -> float | None:
    """The variance over the seeds; None below three seeds, or if one of them cannot be left out."""
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
