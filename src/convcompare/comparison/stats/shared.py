"""Seed-to-seed spread that the networks of a comparison share, for the moderated t-test.

With three seeds, the variance of one difference has two degrees of freedom; a table of M networks
and n seeds has (M - 1)(n - 1). Everything is computed from the variances of the paired differences
of all pairs of networks, which an effect of the seed common to all networks does not change. Over a
complete table, their mean is twice the residual mean square of networks × seeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

MOST_WEIGHT = 2
"""Maximum weight of the other networks, in degrees of freedom; it is 1 for three networks."""
NOISY = 0.90
"""Quantile of the F distribution above which a network counts as more variable than the others."""
FEWEST = 3
"""Minimum number of networks, and of seeds of a difference, for a shared spread."""

Variances = Mapping[frozenset[str], tuple[float, int]]
"""By the labels of two networks: the variance of their paired differences, number of seeds."""


@dataclass(frozen=True)
class SharedSpread:
    """Variance of a paired difference, estimated from all networks.

    ``weight`` is in degrees of freedom. ``noisy`` are the labels of networks that vary more than
    the others.
    """

    variance: float
    weight: int
    noisy: frozenset[str]


def shared_spread(found: Variances, contrasts: Iterable[frozenset[str]]) -> SharedSpread | None:
    """Return the spread that the tests of `contrasts` share.

    The variance is the mean over all pairs of networks, or the mean over the contrasts if that is
    larger, for example if the baseline is noisy. None for fewer than three networks or seeds.

    Args:
        found: Variances of all pairs of networks.
        contrasts: Labels of the pairs that are tested.
    """
    enough = {names: (s2, n) for names, (s2, n) in found.items() if n >= FEWEST}
    networks = sorted(set(itertools.chain(*enough)))
    tested = [enough[names][0] for names in contrasts if names in enough]
    if len(networks) < FEWEST or not tested:
        return None
    variance = max(fmean(s2 for s2, _ in enough.values()), fmean(tested))
    weight = min(MOST_WEIGHT, len(networks) - 2)
    noisy = (one for one in networks if _varies_more(one, enough, len(networks)))
    return SharedSpread(variance, weight, frozenset(noisy))


def _varies_more(network: str, found: Variances, networks: int) -> bool:
    """Return whether the F-test of one network against the others rejects, at level 1 - NOISY.

    If all networks vary equally, the difference of one network and the mean of the M - 1 others has
    the variance σ²M/(M - 1), with n - 1 degrees of freedom, independent of the residual mean square
    of the others, with (M - 2)(n - 1). Both follow from the variances of pairs.
    """
    from scipy.special import fdtri

    own = [s2 for names, (s2, _) in found.items() if network in names]
    rest = [s2 for names, (s2, _) in found.items() if network not in names]
    if not own or not rest:
        return False
    others, m = fmean(rest) / 2, networks
    from_their_mean = (fmean(own) - others * (m - 2) / (m - 1)) * (m - 1) / m
    freedom = min(n for _, n in found.values()) - 1
    return from_their_mean > float(fdtri(freedom, (m - 2) * freedom, NOISY)) * others
