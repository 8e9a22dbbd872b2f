"""Partly occluded images."""

from __future__ import annotations

import numpy as np

from convcompare.core.registry import register

from ..dataset import Images

SIDES = (0.15, 0.25, 0.35, 0.45, 0.55)
GREY = 128


@register.corruption("occlusion", levels=SIDES, unit="share of the side")
def occlusion(images: Images, severity: int, seed: int) -> Images:
    """A grey square somewhere in the image, its side 15 to 55 % of the image's."""
    height, width = images.shape[2:]
    side = max(1, round(SIDES[severity - 1] * width))
    middle = np.random.default_rng(seed).random((len(images), 2))
    tops = np.rint(middle[:, :1] * (height - 1) - (side - 1) / 2)
    lefts = np.rint(middle[:, 1:] * (width - 1) - (side - 1) / 2)
    rows = _within(np.clip(tops, 0, height - side), side, height)
    columns = _within(np.clip(lefts, 0, width - side), side, width)
    hidden = rows[:, None, :, None] & columns[:, None, None, :]
    return np.where(hidden, np.uint8(GREY), images)


def _within(first: np.ndarray, side: int, length: int) -> np.ndarray:
    """Return which positions of an axis the square covers, per image: (n, length)."""
    places = np.arange(length)
    return (places >= first) & (places < first + side)
