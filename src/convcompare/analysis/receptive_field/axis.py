"""Exact fields of all units along one side of the image, in integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

_NOTHING = (10**12, -(10**12))
"""Span of a unit that sees no pixel, which occurs after a transposed convolution."""

Window = Callable[[int], Iterable[int]]
"""Function from the index of a layer's unit to the indices of the input units that it sees."""


@dataclass(frozen=True)
class Axis:
    """The pixels that each unit along one side sees, without regard to borders.

    Unit i < ``period`` sees the pixels from `first` to `last`; the unit ``period`` further on sees
    those `advance` pixels further on. After convolutions and pooling the period is 1. After
    upsampling and uneven adaptive pooling the fields of neighbours differ and repeat after
    ``period`` units. Indices below 0 and beyond the last unit lie in the padding.
    """

    first: tuple[int, ...]
    last: tuple[int, ...]
    advance: int

    @property
    def period(self) -> int:
        """Number of units after which the fields repeat, shifted."""
        return len(self.first)

    @property
    def size(self) -> int:
        """Pixels from the first to the last of a field; the largest if units differ."""
        return max(0, *(b - a + 1 for a, b in zip(self.first, self.last, strict=True)))

    @property
    def stride(self) -> Fraction:
        """Pixels from one unit to the next (the jump), on average if the steps differ."""
        return Fraction(self.advance, self.period)

    @property
    def start(self) -> int | None:
        """First pixel that the first unit sees, below 0 if in the padding; None if it sees none."""
        return self.first[0] if self.first[0] <= self.last[0] else None

    def span(self, unit: int) -> tuple[int, int]:
        """Return the first and the last pixel that a unit sees."""
        turns, phase = divmod(unit, self.period)
        return self.first[phase] + turns * self.advance, self.last[phase] + turns * self.advance

    def covers(self, pixels: int, units: int) -> bool:
        """Return whether one of the first `units` units sees all `pixels` of the side."""
        if self.size < pixels:
            return False
        spans = (self.span(unit) for unit in range(units))
        return any(first <= 0 and last >= pixels - 1 for first, last in spans)

    def through(self, window: Window, period: int = 1, step: int = 1) -> Axis:
        """Return the fields after a layer whose unit o sees the units window(o) of this side.

        `period` units of the layer correspond to `step` units of this side.
        """
        turns = self.period // math.gcd(self.period, step)
        spans = [self._union(self.span(i) for i in window(o)) for o in range(period * turns)]
        advance = self.advance * (turns * step // self.period)
        return _shortest(spans, advance)

    def window(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Axis:
        """Return the fields after a convolution or pooling, with all arguments in units."""
        reach = (kernel - 1) * dilation
        return self.through(
            lambda o: range(o * stride - padding, o * stride - padding + reach + 1, dilation),
            step=stride,
        )

    def transposed(self, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
        """Return the fields after a transposed convolution.

        Input i reaches the outputs i·stride - padding + k·dilation.
        """

        def window(o: int) -> Iterable[int]:
            places = (o + padding - k * dilation for k in range(kernel))
            return (place // stride for place in places if place % stride == 0)

        return self.through(window, period=stride)

    def adaptive(self, units: int, outputs: int) -> Axis:
        """Return the fields after adaptive pooling: output o sees ⌊o·u/n⌋ to ⌈(o+1)·u/n⌉."""
        shared = math.gcd(units, outputs)
        return self.through(
            lambda o: range(o * units // outputs, -(-(o + 1) * units // outputs)),
            outputs // shared,
            units // shared,
        )

    def resampled(self, scale: Fraction, offset: Fraction, taps: tuple[int, int] | None) -> Axis:
        """Return the fields after interpolation: output o lies at o·scale + offset.

        `taps` are the numbers of units read below and above that position (0 and 1 for bilinear);
        None reads the unit whose cell contains it (nearest).
        """

        def window(o: int) -> Iterable[int]:
            place = o * scale + offset
            below = math.floor(place)
            if taps is None or place == below:
                return (below,)
            return range(below - taps[0], below + taps[1] + 1)

        return self.through(window, scale.denominator, scale.numerator)

    def fixed(self, unit: int = 0) -> Axis:
        """Return the field of one unit, broadcast to every position."""
        first, last = self.span(unit)
        return Axis((first,), (last,), 0)

    def union(self, other: Axis, units: int) -> Axis:
        """Return the fields after a sum, product or concatenation of two branches of `units` units.

        Branches with the same stride are merged for all indices. Otherwise the fields of existing
        units are exact, and those of the padding continue with the stride of this branch.
        """
        if self == other:
            return self
        period, advance = max(units, 1), math.floor(self.stride * max(units, 1))
        if self.stride == other.stride:
            period = math.lcm(self.period, other.period)
            advance = int(self.stride * period)
        pairs = ((self.span(i), other.span(i)) for i in range(period))
        return _shortest([self._union(pair) for pair in pairs], advance)

    @staticmethod
    def _union(spans: Iterable[tuple[int, int]]) -> tuple[int, int]:
        first, last = _NOTHING
        for a, b in spans:
            if a <= b:
                first, last = min(first, a), max(last, b)
        return first, last


IMAGE = Axis((0,), (0,), 1)
"""The image itself: each pixel sees itself."""


def _shortest(spans: list[tuple[int, int]], advance: int) -> Axis:
    """Return the same fields with the shortest period."""
    count = len(spans)
    for period in (p for p in range(1, count) if count % p == 0 and advance * p % count == 0):
        step = advance * period // count
        if all(
            (a + step, b + step) == spans[i + period] or (a > b and spans[i + period] == (a, b))
            for i, (a, b) in enumerate(spans[:-period])
        ):
            spans, advance = spans[:period], step
            break
    first, last = zip(*spans, strict=True)
    return Axis(first, last, advance)
