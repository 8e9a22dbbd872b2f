"""What the networks of one comparison tell about each other's spread over the seeds.

Three seeds give the variance of one difference two degrees of freedom; a table of M networks and n
seeds holds (M - 1)(n - 1). All figures here come from the variances of the paired differences of
every two networks, so that an effect of the seed that all networks share changes none of them. Over
a complete table their mean is twice the residual mean square of networks × seeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

MOST_WEIGHT = 2
"""The degrees of freedom that the other networks count at most; one less than three for three."""
NOISY = 0.90
"""The quantile of the F distribution above which a network is taken to vary more than others."""
FEWEST = 3
"""The networks, and the seeds of a difference, from which on a spread is shared."""

Variances = Mapping[frozenset[str], tuple[float, int]]
"""Of two networks by their labels: the variance of their paired differences, and the seeds."""


@dataclass(frozen=True)
class SharedSpread:
    """The variance of a paired difference by all networks, its weight, and who is not like it.

    ``weight`` is in degrees of freedom; ``noisy`` are networks that vary more than the others.
    """

    variance: float
    weight: int
    noisy: frozenset[str] = frozenset()


def shared_spread(found: Variances, contrasts: Iterable[frozenset[str]]) -> SharedSpread | None:
    """The spread that the tests of `contrasts` share, from the differences of any two networks.

    The variance is the mean over all pairs of networks, or that over the contrasts where it is
    larger, as where the baseline is the noisy one. None below three networks or three seeds.
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
    """The F test of one network against the others, at the level 1 - NOISY.

    The variance of the network minus the mean of the M - 1 others is σ²M/(M - 1) if all vary
    alike, with n - 1 degrees of freedom, and independent of the residual mean square of the others
    with (M - 2)(n - 1). Both follow from the variances of pairs.
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
