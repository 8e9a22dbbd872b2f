"""Estimates of differences and ratios in words and digits, with their margins."""

from __future__ import annotations

from convcompare.core import formatting

from .quantity import ACCURACY, Quantity
from .stats.estimates import Estimate

LOPSIDED = 1.25
"""An interval whose one side is longer than the other by this factor is given by its ends."""
FEW = 2
"""Seeds of which an interval is too long to say anything: it is not shown."""


def with_margin(difference: Estimate, quantity: Quantity, sign: int = 1) -> str:
    """A difference with its margin, in the unit of the figure."""
    factor, unit = quantity.factor * sign, quantity.unit
    value, few = factor * difference.value, difference.n == FEW
    if difference.ends is None or (few and quantity.scale == "difference"):
        return f"{_signed(value, 2)} {unit}"
    low, high = sorted(factor * end for end in difference.ends)
    sides = value - low, high - value
    if is_lopsided(difference):
        places = formatting.decimals(min(sides))
        return f"{_signed(value, places)} {unit}, {_signed(low, places)} to {_signed(high, places)}"
    return f"{formatting.plus_minus(value, max(sides))} {unit}"


def is_lopsided(estimate: Estimate) -> bool:
    """Whether its interval reaches so much further on one side that one margin misleads."""
    sides = _sides(estimate)
    return sides is not None and max(sides) > LOPSIDED * min(sides)


def share(estimate: Estimate, factor: float = 1, places: int = 4) -> str:
    """A share times `factor`: ``0.9941 ± 0.0025``, ``1.0000 [0.9124, 1.0000]``, ``0.9941``."""
    shown = f"{factor * estimate.value:.{places}f}"
    if estimate.ends is None:
        return shown
    low, high = estimate.ends
    if is_lopsided(estimate):
        return f"{shown} [{factor * low:.{places}f}, {factor * high:.{places}f}]"
    return f"{shown} ± {factor * (high - low) / 2:.{places}f}"


def plus_minus(estimate: Estimate, factor: float = 1) -> str:
    """An estimate times `factor` with its margin: ``1.24 ± 0.15``; ``1.24`` without one."""
    half = estimate.half_width
    return formatting.plus_minus(factor * estimate.value, None if half is None else factor * half)


def longer_side(estimate: Estimate) -> float | None:
    """How far its interval reaches from the value on its longer side; None if there is none."""
    sides = _sides(estimate)
    return None if sides is None else max(sides)


def _sides(estimate: Estimate) -> tuple[float, float] | None:
    """How far its interval reaches below and above the value; None if there is none."""
    if estimate.ends is None:
        return None
    low, high = estimate.ends
    return estimate.value - low, high - estimate.value


def number(ratio: Estimate) -> tuple[str, str]:
    """A ratio with its margin; the ends apart where one side is much longer, else empty."""
    sides = _sides(ratio)
    if ratio.ends is None or sides is None:
        return f"{ratio.value:.2g}" if ratio.value < 10 else f"{ratio.value:.0f}", ""
    if is_lopsided(ratio):
        places = formatting.decimals(min(sides))
        value, least, most = (_above_zero(one, places) for one in (ratio.value, *ratio.ends))
        return value, f", {least} to {most}"
    return formatting.plus_minus(ratio.value, max(sides)), ""


def size(value: float, quantity: Quantity) -> str:
    """The size of a difference with two digits, in the unit of the figure."""
    shown = quantity.factor * value
    if shown < 0.995:
        return f"{shown:.2g} {quantity.unit}"
    return f"{shown:.{1 if shown < 9.95 else 0}f} {quantity.unit}"


def points(fraction: float) -> str:
    """A size in percentage points, with two digits: ``0.98 points``, ``1.0 points``."""
    return size(fraction, ACCURACY)


def unit_of(size: float, quantity: Quantity) -> str:
    """A size with its unit: ``2 points``, ``1 point``, ``0.4 points``."""
    unit = quantity.unit.removesuffix("s") if size == 1 else quantity.unit
    return f"{size:g} {unit}"


def _signed(value: float, places: int) -> str:
    return formatting.minus(f"{value:.{places}f}")


def _above_zero(ratio: float, places: int) -> str:
    """A ratio, with one digit where its decimals would all be zeros: ``0.013``, ``4e-07``."""
    shown = f"{ratio:.{places}f}"
    return shown if float(shown) else f"{ratio:.1g}"
