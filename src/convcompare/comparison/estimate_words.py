"""Text of estimates: differences, shares and ratios with their margins."""

from __future__ import annotations

from convcompare.core import formatting

from .quantity import ACCURACY, Quantity
from .stats.estimates import Estimate

LOPSIDED = 1.25
"""Ratio of the sides of an interval above which its ends are shown instead of one margin."""
FEW = 2
"""Number of seeds whose interval is too wide to be useful and is not shown."""


def with_margin(difference: Estimate, quantity: Quantity, sign: int = 1) -> str:
    """Return a difference with its margin, in the unit of the figure; `sign` -1 reverses it."""
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
    """Return whether an interval is so asymmetric that a single margin would mislead."""
    sides = _sides(estimate)
    return sides is not None and max(sides) > LOPSIDED * min(sides)


def share(estimate: Estimate, factor: float = 1, places: int = 4) -> str:
    """Return a share times `factor` as text.

    ``0.9941 ± 0.0025``, ``1.0000 [0.9124, 1.0000]`` or ``0.9941``.
    """
    shown = f"{factor * estimate.value:.{places}f}"
    if estimate.ends is None:
        return shown
    low, high = estimate.ends
    if is_lopsided(estimate):
        return f"{shown} [{factor * low:.{places}f}, {factor * high:.{places}f}]"
    return f"{shown} ± {factor * (high - low) / 2:.{places}f}"


def plus_minus(estimate: Estimate, factor: float = 1) -> str:
    """Return an estimate times `factor` with its margin: ``1.24 ± 0.15``; ``1.24`` without one."""
    half = estimate.half_width
    return formatting.plus_minus(factor * estimate.value, None if half is None else factor * half)


def longer_side(estimate: Estimate) -> float | None:
    """Return the length of the longer side of an interval; None if there is no interval."""
    sides = _sides(estimate)
    return None if sides is None else max(sides)


def _sides(estimate: Estimate) -> tuple[float, float] | None:
    """Return the lengths of an interval below and above the value; None if there is none."""
    if estimate.ends is None:
        return None
    low, high = estimate.ends
    return estimate.value - low, high - estimate.value


def number(ratio: Estimate) -> tuple[str, str]:
    """Return a ratio with its margin, and the ends of an asymmetric interval, else empty."""
    sides = _sides(ratio)
    if ratio.ends is None or sides is None:
        return f"{ratio.value:.2g}" if ratio.value < 10 else f"{ratio.value:.0f}", ""
    if is_lopsided(ratio):
        places = formatting.decimals(min(sides))
        value, least, most = (_above_zero(one, places) for one in (ratio.value, *ratio.ends))
        return value, f", {least} to {most}"
    return formatting.plus_minus(ratio.value, max(sides)), ""


def size(value: float, quantity: Quantity) -> str:
    """Return the size of a difference with two digits, in the unit of the figure."""
    shown = quantity.factor * value
    if shown < 0.995:
        return f"{shown:.2g} {quantity.unit}"
    return f"{shown:.{1 if shown < 9.95 else 0}f} {quantity.unit}"


def points(fraction: float) -> str:
    """Return a fraction in percentage points, with two digits: ``0.98 points``, ``1.0 points``."""
    return size(fraction, ACCURACY)


def unit_of(size: float, quantity: Quantity) -> str:
    """Return a size with its unit: ``2 points``, ``1 point``, ``0.4 points``."""
    unit = quantity.unit.removesuffix("s") if size == 1 else quantity.unit
    return f"{size:g} {unit}"


def _signed(value: float, places: int) -> str:
    return formatting.minus(f"{value:.{places}f}")


def _above_zero(ratio: float, places: int) -> str:
    """Return a ratio as text, with one digit if all decimals were zeros: ``0.013``, ``4e-07``."""
    shown = f"{ratio:.{places}f}"
    return shown if float(shown) else f"{ratio:.1g}"
