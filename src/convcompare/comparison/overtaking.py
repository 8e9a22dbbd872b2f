"""Number of training images from which one network is ahead of another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convcompare.core.formatting import count
from convcompare.store.run import Run

from .comparison import Comparison
from .model_runs import ModelRuns
from .stats.estimates import ALPHA
from .stats.paired import ROUNDING

GRID = 2001
"""Points at which the difference is evaluated, evenly spaced on a logarithmic axis."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SizedPair:
    """A network and the baseline, both trained on each of several numbers of images.

    ``differences`` (sizes, seeds) are test accuracy minus that of the baseline, as fractions.
    """

    model: str
    baseline: str
    sizes: tuple[int, ...]
    differences: Values


@dataclass(frozen=True)
class Crossing:
    """Number of training images at which the mean difference of a pair changes its sign.

    ``leader`` is ahead with more images. ``low`` and ``high`` are the ends of the 95 % interval;
    None if it extends beyond the numbers of images that were tried, or if there is only one seed.
    """

    leader: str
    other: str
    images: float
    low: float | None
    high: float | None

    @property
    def words(self) -> str:
        """Sentence: ``lenet-5 overtakes fcn at about 420 images (95 % interval: 180 to 1,000)``."""
        ends = [None if end is None else count(_rounded(end)) for end in (self.low, self.high)]
        interval = {
            (True, True): f"95 % interval: {ends[0]} to {ends[1]}",
            (True, False): f"95 % interval: from {ends[0]} to beyond what was tried",
            (False, True): f"95 % interval: up to {ends[1]}, from below what was tried",
            (False, False): "the interval reaches beyond what was tried",
        }[ends[0] is not None, ends[1] is not None]
        at = count(_rounded(self.images))
        return f"{self.leader} overtakes {self.other} at about {at} images ({interval})"


def _rounded(images: float) -> int:
    """Round to two significant digits, more than the precision of the estimate."""
    places = 1 - math.floor(math.log10(images))
    return int(round(images, places)) if places < 0 else round(images)


def networks(comparison: Comparison) -> dict[str, dict[int, ModelRuns]]:
    """Return the runs of each network by number of training images.

    Empty if the comparison has only one such number.
    """
    groups = comparison.by_label
    found: dict[str, dict[int, ModelRuns]] = {}
    for one in comparison.conditions.sizes:
        if one.label in groups and groups[one.label].finished:
            found.setdefault(one.network, {})[one.images] = groups[one.label]
    return found


def sized_pairs(comparison: Comparison) -> list[SizedPair]:
    """Return each network with the baseline, for the numbers of images and seeds in common."""
    found = networks(comparison)
    base = comparison.baseline if comparison.baseline in found else next(iter(found), "")
    pairs = []
    for network, by_size in found.items():
        if network == base:
            continue
        sizes = sorted({*by_size} & {*found[base]})
        ends = [(_by_seed(by_size[n]), _by_seed(found[base][n])) for n in sizes]
        seeds = sorted(set.intersection(*({*a} & {*b} for a, b in ends))) if ends else []
        if len(sizes) > 1 and seeds:
            rows = [[a[s].test_accuracy - b[s].test_accuracy for s in seeds] for a, b in ends]
            pairs.append(SizedPair(network, base, tuple(sizes), np.array(rows)))
    return pairs


def _by_seed(group: ModelRuns) -> Mapping[int, Run]:
    return {run.trial.seed: run for run in group.finished}


def crossings(pair: SizedPair) -> list[Crossing]:
    """Return the numbers of images at which the mean difference changes its sign.

    Between two numbers of images, the difference of each seed is interpolated linearly in their
    logarithm. The interval contains the numbers of images around the crossing at which Student's t
    interval of the difference over the seeds contains zero. It inverts the t-test, as Fieller's
    interval of a ratio does (Fieller 1954).
    """
    x = np.log(np.array(pair.sizes, dtype=float))
    grid = np.linspace(x[0], x[-1], GRID)
    curves = np.stack([np.interp(grid, x, seed) for seed in pair.differences.T])
    mean = curves.mean(0)
    undecided = _holds_zero(curves, mean)
    found = []
    ahead = _ahead(mean)
    for i in np.flatnonzero(ahead[:-1] != ahead[1:]):
        share = mean[i] / (mean[i] - mean[i + 1])
        at = math.exp(grid[i] + share * (grid[i + 1] - grid[i]))
        low, high = _around(undecided, int(i))
        names = (pair.model, pair.baseline) if ahead[i + 1] else (pair.baseline, pair.model)
        ends = (
            None if low is None else math.exp(grid[low]),
            None if high is None else math.exp(grid[high]),
        )
        found.append(Crossing(*names, at, *ends))
    return found


def _ahead(mean: Values) -> npt.NDArray[np.bool_]:
    """Return whether the model is ahead at each point, (n,).

    If both are equal, the result is that of the previous point with a difference, or of the next
    one if there is none before.
    """
    apart = np.flatnonzero(np.abs(mean) > ROUNDING)
    if not len(apart):
        return np.ones(len(mean), dtype=bool)
    last = np.searchsorted(apart, np.arange(len(mean)), side="right") - 1
    return np.asarray(mean[apart[np.maximum(last, 0)]] > 0)


def _holds_zero(curves: Values, mean: Values) -> npt.NDArray[np.bool_]:
    seeds = len(curves)
    if seeds < 2:
        return np.ones(len(mean), dtype=bool)
    from scipy.special import stdtrit

    half = stdtrit(seeds - 1, 1 - ALPHA / 2) * curves.std(0, ddof=1) / math.sqrt(seeds)
    return np.asarray(np.abs(mean) <= half)


def _around(undecided: npt.NDArray[np.bool_], i: int) -> tuple[int | None, int | None]:
    """Return the first and last index of the undecided points around `i` and `i + 1`.

    None for an end that extends beyond the points.
    """
    low, high = i, i + 1
    while low >= 0 and undecided[low]:
        low -= 1
    while high < len(undecided) and undecided[high]:
        high += 1
    return (low + 1 if low >= 0 else None), (high - 1 if high < len(undecided) else None)
