"""The words of a verdict: differences in percentage points of accuracy, ratios of times.

Each is said only where its condition holds; docs/concepts/statistics.md lists them.
"""

from __future__ import annotations

from typing import Literal

from convcompare.core import formatting

from .stats import power
from .stats.estimates import ALPHA, Estimate

Decided = Literal["better", "worse", "equivalent", "none", "too few", "refused"]
CostDecided = Literal["slower", "faster", "same", "none", "refused"]
TYPICAL_SPREAD = 0.003
"""Standard deviation of paired differences where no earlier run tells: 0.3 points of accuracy."""
LOPSIDED = 1.25
"""An interval whose one side is longer than the other by this factor is given by its ends."""

_WITH_NAME: dict[Decided, tuple[str, str]] = {
    "better": ("better", "better than {}"),
    "worse": ("worse", "worse than {}"),
    "equivalent": ("no difference", "no difference from {}"),
    "none": ("no clear difference", "no clear difference from {}"),
    "too few": ("too few seeds to tell", "too few seeds to tell from {}"),
    "refused": ("not compared", "not compared with {}"),
}


def difference_words(difference: Estimate, decided: Decided, margin: float | None = None) -> str:
    """The verdict on a difference of accuracies (a fraction), model minus baseline."""
    if decided in ("better", "worse"):
        sign = 1 if decided == "better" else -1
        return f"{decided} by {_points(difference, sign)}"
    amount = f"({_points(difference)})"
    if decided == "equivalent":
        assert margin is not None
        return f"no difference larger than {100 * margin:g} points {amount}"
    return f"no clear difference {amount}"


def too_few_words(difference: Estimate, smallest: float | None) -> str:
    """The verdict where nothing is claimed because `smallest` (a fraction) is too large.

    It is None for one seed, and 0 where all seeds show the same difference, so that their spread
    is not known.
    """
    if not smallest:
        seeds = "one seed" if difference.n == 1 else f"the same in {difference.n} seeds"
        return f"too few seeds to tell ({seeds}: {_points(difference)})"
    could = f"the smallest difference that could show is {shown_points(smallest)}"
    return f"too few seeds to tell ({could})"


def named(verdict: str, decided: Decided, baseline: str) -> str:
    """The verdict with the baseline in it: ``better than fcn by 1.24 ± 0.15 points``."""
    lead, with_name = _WITH_NAME[decided]
    return with_name.format(baseline) + verdict.removeprefix(lead)


def ratio_words(ratio: Estimate, decided: CostDecided, single: bool) -> str:
    """The verdict on a ratio of training times, model over baseline."""
    one_each = " (one run each)" if single else ""
    if decided == "same":
        return f"as fast to train{one_each}"
    if decided == "none":
        number, ends = _number(ratio)
        return f"no clear difference in time to train ({number} times{ends})"
    return times_words(ratio, "slower to train", "faster to train") + one_each


def times_words(ratio: Estimate, above: str, below: str) -> str:
    """A ratio as a number above one: ``7.8 ± 0.5 times slower``, ``46 times smaller, 27 to 80``.

    ``above`` and ``below`` are the words for a ratio above and below one.
    """
    times, words = ratio, above
    if ratio.value < 1:
        low, high = ratio.high and 1 / ratio.high, ratio.low and 1 / ratio.low
        times = Estimate(1 / ratio.value, low, high, ratio.n, ratio.method)
        words = below
    number, ends = _number(times)
    return f"{number} times {words}{ends}"


def detectable_words(
    seeds: int, spread: float | None = None, alpha: float = ALPHA, contrasts: int = 1
) -> str:
    """What a number of seeds can show, in one sentence, before they are trained.

    ``spread`` is the standard deviation of paired differences of accuracy in earlier runs
    (`contrasts.spread`), a fraction; None takes 0.3 points and says so. With several contrasts the
    strictest level of Holm's procedure is reckoned with.
    """
    if seeds < 2:
        return "one seed shows how two trained networks differ, not how two architectures do"
    taken = TYPICAL_SPREAD if spread is None else spread
    smallest = power.detectable(taken, seeds, alpha / contrasts)
    source = "assuming that they vary" if spread is None else "as they varied in earlier runs"
    return (
        f"{seeds} seeds can show differences of about {shown_points(smallest)} "
        f"(80 % power, {source} by {shown_points(taken)} from seed to seed)"
    )


def shown_points(fraction: float) -> str:
    """A size in percentage points, with two digits: ``0.98 points``, ``1.0 points``."""
    value = 100 * fraction
    if value < 0.995:
        return f"{value:.2g} points"
    return f"{value:.{1 if value < 9.95 else 0}f} points"


def _points(difference: Estimate, sign: int = 1) -> str:
    low, high = difference.low, difference.high
    if low is None or high is None:
        return f"{_signed(100 * sign * difference.value, 2)} points"
    low, high = sorted((100 * sign * low, 100 * sign * high))
    value = 100 * sign * difference.value
    sides = value - low, high - value
    if max(sides) > LOPSIDED * min(sides):
        places = formatting.decimals(min(sides))
        ends = f"{_signed(low, places)} to {_signed(high, places)}"
        return f"{_signed(value, places)} points, {ends}"
    return formatting.plus_minus(value, max(sides)).replace("-", "−") + " points"


def _signed(value: float, places: int) -> str:
    return f"{value:.{places}f}".replace("-", "−")


def _number(ratio: Estimate) -> tuple[str, str]:
    """A ratio with its margin; the ends apart where one side is much longer, else empty."""
    low, high = ratio.low, ratio.high
    if low is None or high is None:
        return f"{ratio.value:.2g}" if ratio.value < 10 else f"{ratio.value:.0f}", ""
    sides = ratio.value - low, high - ratio.value
    if max(sides) > LOPSIDED * min(sides):
        places = formatting.decimals(min(sides))
        return f"{ratio.value:.{places}f}", f", {low:.{places}f} to {high:.{places}f}"
    return formatting.plus_minus(ratio.value, max(sides)), ""
