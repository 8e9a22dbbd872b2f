"""Checks of layer arguments.

All raise ModelError with the layer, the argument, its value and the allowed values.
"""

from __future__ import annotations

import math

from convcompare.core.errors import ModelError, quote


def check_count(layer: str, name: str, value: int, low: int = 1) -> int:
    """Return `value` if it is a whole number of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise _refusal(layer, name, value, f"a whole number, at least {low}")
    return value


def check_kernel(layer: str, kernel: int) -> None:
    """Check that a kernel is odd, so that padding by half of it keeps the size of the image."""
    if isinstance(kernel, bool) or not isinstance(kernel, int) or kernel < 1 or kernel % 2 == 0:
        raise _refusal(layer, "kernel", kernel, "an odd whole number: 1, 3, 5, …")


def check_number(layer: str, name: str, value: float, low: float | None = None) -> float:
    """Return `value` if it is finite and at least `low`, if `low` is given."""
    if not math.isfinite(value) or (low is not None and value < low):
        allowed = "a finite number" + (f", at least {low:g}" if low is not None else "")
        raise _refusal(layer, name, value, allowed)
    return float(value)


def squeezed(layer: str, channels: int, reduction: int) -> int:
    """Return `channels` divided by `reduction`, which must divide them without remainder."""
    check_count(layer, "channels", channels)
    check_count(layer, "reduction", reduction)
    if reduction > channels or channels % reduction:
        raise _refusal(layer, "reduction", reduction, f"a divisor of the {channels} channels")
    return channels // reduction


def _refusal(layer: str, name: str, value: object, allowed: str) -> ModelError:
    return ModelError(
        f"invalid value for `{name}` of {layer}: {quote(value)}", f"allowed: {allowed}"
    )
