"""The fields of all units along one side of the image, exactly: integers, no rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

_NOTHING = (10**12, -(10**12))
"""The span of a unit that sees no pixel, as some do behind a transposed convolution."""

Window = Callable[[int], Iterable[int]]
"""The units of its input that a unit of a layer sees, by their indices."""


@dataclass(frozen=True)
class Axis:
    """Which pixels each unit along one side sees, borders not counted.

    Unit i sees the pixels from `first` to `last`; ``period`` units further on, those `advance`
    pixels further on. After convolutions and pools the period is 1; behind upsampling and uneven
    adaptive pools the fields of neighbours differ, and repeat after ``period`` units. Indices below
    0 and beyond the last unit are those of the padding.
    """

    first: tuple[int, ...]
    last: tuple[int, ...]
    advance: int

    @property
    def period(self) -> int:
        """Units after which the fields repeat, shifted."""
        return len(self.first)

    @property
    def size(self) -> int:
        """Pixels from the first to the last of a field; the largest where units differ."""
        return max(0, *(b - a + 1 for a, b in zip(self.first, self.last, strict=True)))

    @property
    def stride(self) -> Fraction:
        """Pixels from one unit to the next, on average where the steps differ (the jump)."""
        return Fraction(self.advance, self.period)

    @property
    def start(self) -> int | None:
        """The first pixel that the first unit sees; below 0 it lies in the padding."""
        return self.first[0] if self.first[0] <= self.last[0] else None

    def span(self, unit: int) -> tuple[int, int]:
        """The first and the last pixel that a unit sees."""
        turns, phase = divmod(unit, self.period)
        return self.first[phase] + turns * self.advance, self.last[phase] + turns * self.advance

    def covers(self, pixels: int, units: int) -> bool:
        """Whether one of so many units sees the whole side of the image."""
        if self.size < pixels:
            return False
        spans = (self.span(unit) for unit in range(units))
        return any(first <= 0 and last >= pixels - 1 for first, last in spans)

    def through(self, window: Window, period: int = 1, step: int = 1) -> Axis:
        """The fields behind a layer whose unit o sees the units window(o) of this side.

        `period` units further on the layer sees the units `step` further on.
        """
        turns = self.period // math.gcd(self.period, step)
        spans = [self._union(self.span(i) for i in window(o)) for o in range(period * turns)]
        advance = self.advance * (turns * step // self.period)
        return _shortest(spans, advance)

    def window(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Axis:
        """Behind a convolution or a pool: kernel, stride, padding and dilation in units."""
        reach = (kernel - 1) * dilation
        return self.through(
            lambda o: range(o * stride - padding, o * stride - padding + reach + 1, dilation),
            step=stride,
        )

    def transposed(self, kernel: int, stride: int, padding: int, dilation: int = 1) -> Axis:
        """Behind a transposed convolution: input i reaches the outputs i·stride - padding + k."""

        def window(o: int) -> Iterable[int]:
            places = (o + padding - k * dilation for k in range(kernel))
            return (place // stride for place in places if place % stride == 0)

        return self.through(window, period=stride)

    def adaptive(self, units: int, outputs: int) -> Axis:
        """Behind adaptive pooling: output o sees from ⌊o·u/n⌋ to ⌈(o+1)·u/n⌉."""
        shared = math.gcd(units, outputs)
        return self.through(
            lambda o: range(o * units // outputs, -(-(o + 1) * units // outputs)),
            outputs // shared,
            units // shared,
        )

    def resampled(self, scale: Fraction, offset: Fraction, taps: tuple[int, int] | None) -> Axis:
        """Behind interpolation: output o lies at o·scale + offset between the units.

        `taps` counts the units that are read below and above that place (0 and 1 for bilinear);
        None takes the unit whose cell it is in (nearest).
        """

        def window(o: int) -> Iterable[int]:
            place = o * scale + offset
            below = math.floor(place)
            if taps is None or place == below:
                return (below,)
            return range(below - taps[0], below + taps[1] + 1)

        return self.through(window, scale.denominator, scale.numerator)

    def fixed(self, unit: int = 0) -> Axis:
        """One unit, handed to every place."""
        first, last = self.span(unit)
        return Axis((first,), (last,), 0)

    def union(self, other: Axis, units: int) -> Axis:
        """What a sum, a product or a concatenation of two branches sees at each of `units`.

        Branches with the same stride are merged for all indices. Otherwise the fields of the units
        that exist are exact, and those of the padding go on with this branch's stride.
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
    """The same fields with the shortest period."""
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
