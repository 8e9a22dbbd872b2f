"""Coloured shapes on clutter, drawn by numpy: a data set that no machine lacks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from convcompare.core.registry import register
from convcompare.core.spec import Count

from ..dataset import Dataset, Images, Seed, Sources, Split

SIZE = 32
CLASSES = (
    "disc",
    "ring",
    "square",
    "frame",
    "triangle",
    "pentagon",
    "star",
    "plus",
    "crescent",
    "bars",
)
_SUB = 16
"""Steps in a pixel: lengths are whole sixteenths, so that every machine draws the same bytes."""
_ONE = 4096
"""What stands for 1 in sines and cosines."""
_TURN = 60
"""Directions in a full turn; a multiple of 3 and 5, for the corners of the polygons."""
_COS = [round(_ONE * math.cos(2 * math.pi * step / _TURN)) for step in range(_TURN)]
_BLOCK = 250

Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


@register.dataset(
    "shapes",
    channels=3,
    image_size=SIZE,
    classes=len(CLASSES),
    train=10_000,
    test=2_000,
    source="generated",
)
def shapes(
    sources: Sources,
    train: Count = 10_000,
    test: Count = 2_000,
    seed: Seed = 0,
) -> Dataset:
    """Ten coloured shapes on clutter, 32×32, generated: needs no network.

    Position, size, rotation and colour vary freely and only the shape decides the class, so that a
    network which looks for parts anywhere in the image has the advantage. The same seed gives the
    same bytes everywhere: PCG64 and whole numbers only.
    """
    return Dataset(
        name="shapes",
        train=_draw(train, seed, 0),
        test=_draw(test, seed, 1),
        classes=CLASSES,
        mean=(0.50, 0.50, 0.50),
        std=(0.26, 0.26, 0.26),
        augmentation="flip-crop",
        test_split=f"{test:,} further images of the generator",
        source="generated",
    )


def _draw(count: int, seed: int, part: int) -> Split:
    """`count` images, all classes equally often, in random order; part 0 is train, 1 is test."""
    dice = _Dice(np.random.PCG64(np.random.SeedSequence((seed, part))))
    labels = (np.arange(count) % len(CLASSES))[np.argsort(dice.raw(count), kind="stable")]
    images = np.empty((count, 3, SIZE, SIZE), np.uint8)
    for start in range(0, count, _BLOCK):  # a block at a time fits the processor's cache
        block = slice(start, start + _BLOCK)
        images[block] = _paint(labels[block], dice)
    return Split(images, labels.astype(np.int64))


class _Dice:
    """Whole numbers from the raw output of PCG64, which numpy promises not to change."""

    def __init__(self, bits: np.random.PCG64) -> None:
        self._bits = bits

    def raw(self, count: int) -> npt.NDArray[np.uint64]:
        return np.asarray(self._bits.random_raw(count), np.uint64)

    def integers(self, low: int, high: int, *shape: int) -> Ints:
        """Integers from `low` to below `high`, of `shape`."""
        top = self.raw(math.prod(shape)) >> np.uint64(40)
        scaled = (top * np.uint64(high - low)) >> np.uint64(24)
        return low + scaled.astype(np.int32).reshape(shape)

    def bytes(self, *shape: int) -> npt.NDArray[np.uint8]:
        """Bytes of `shape`: cheap randomness for noise."""
        count = math.prod(shape)
        octets = self.raw(-(-count // 8)).astype("<u8").view(np.uint8)
        return np.asarray(octets[:count].reshape(shape), np.uint8)


def _paint(labels: npt.NDArray[np.int64], dice: _Dice) -> Images:
    """Images (n, 3, 32, 32): a gradient, clutter, the shape of each label, noise over all."""
    count = len(labels)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.int32) - SIZE // 2
    slopes = dice.integers(-12, 13, 2, count, 3, 1, 1)
    base = dice.integers(40, 216, count, 3, 1, 1)
    canvas = base + (slopes[0] * x + slopes[1] * y) // 4
    for _ in range(3):  # strokes and specks that mean nothing
        u, v, radius = _frame(count, dice, (0, SIZE), (2, 5))
        thick = dice.integers(1, 5, count, 1, 1)
        mask = (np.abs(u) < radius) & (np.abs(v) * 4 < radius * thick)
        np.copyto(canvas, dice.integers(0, 256, count, 3, 1, 1), where=mask[:, None])
    u, v, radius = _frame(count, dice, (10, SIZE - 10), (8, 13))
    colour = (base + dice.integers(80, 176, count, 3, 1, 1)) % 256  # far from the background's
    mask = np.empty(u.shape, np.bool_)
    for label, shape in enumerate(_SHAPES):
        chosen = labels == label
        mask[chosen] = shape(u[chosen], v[chosen], radius[chosen])
    np.copyto(canvas, colour, where=mask[:, None])
    noise = (dice.bytes(count, 3, SIZE, SIZE).astype(np.int32) * 33 >> 8) - 16
    return np.asarray(np.clip(canvas + noise, 0, 255), np.uint8)


def _frame(
    count: int, dice: _Dice, centre: tuple[int, int], radius: tuple[int, int]
) -> tuple[Ints, Ints, Ints]:
    """Coordinates of every pixel as a shape sees them, u and v (n, 32, 32), and its radius.

    Centre and radius, here in pixels, are drawn from these ranges, the rotation from a full turn.
    """
    middle = dice.integers(centre[0] * _SUB, centre[1] * _SUB, 2, count, 1, 1)
    size = dice.integers(radius[0] * _SUB, radius[1] * _SUB, count, 1, 1)
    cos, sin = _direction(dice.integers(0, _TURN, count, 1, 1))
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.int32) * _SUB + _SUB // 2
    x, y = x - middle[0], y - middle[1]
    return (cos * x + sin * y) // _ONE, (cos * y - sin * x) // _ONE, size


def _direction(step: Ints) -> tuple[Ints, Ints]:
    table = np.array(_COS, np.int32)
    return table[step % _TURN], table[(step - _TURN // 4) % _TURN]


def _ball(u: Ints, v: Ints, radius: Ints) -> Mask:
    return np.asarray(u * u + v * v <= radius * radius)


def _square(u: Ints, v: Ints, radius: Ints) -> Mask:
    return np.asarray(np.maximum(np.abs(u), np.abs(v)) * 20 <= radius * 17)


def _sides(u: Ints, v: Ints, corners: int, distance: Ints) -> Ints:
    """How many of the sides of a polygon, at `distance` from its middle, have the pixel inside."""
    inside = np.zeros(u.shape, np.int32)
    for corner in range(corners):
        cos, sin = _direction(np.array(corner * (_TURN // corners), np.int32))
        inside += u * cos + v * sin <= distance * _ONE
    return inside


def _plus(u: Ints, v: Ints, radius: Ints) -> Mask:
    thin, long = np.minimum(np.abs(u), np.abs(v)), np.maximum(np.abs(u), np.abs(v))
    return np.asarray((thin * 3 <= radius) & (long <= radius))


_SHAPES: tuple[Callable[[Ints, Ints, Ints], Mask], ...] = (
    _ball,
    lambda u, v, r: _ball(u, v, r) & ~_ball(u, v, r * 5 // 8),
    _square,
    lambda u, v, r: _square(u, v, r) & ~_square(u, v, r * 5 // 8),
    lambda u, v, r: _sides(u, v, 3, r // 2) == 3,
    lambda u, v, r: _sides(u, v, 5, r * 13 // 16) == 5,
    lambda u, v, r: _sides(u, v, 5, r * 23 // 64) >= 4,
    _plus,
    lambda u, v, r: _ball(u, v, r) & ~_ball(u - r // 2, v, r * 13 // 16),
    lambda u, v, r: _square(u, v, r) & (np.abs(v) * 3 > r),
)
