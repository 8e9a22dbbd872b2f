"""Layouts of networks in one line, as in the reports: ``32-MP-64-MP-128-256``.

Parts, joined by dashes:

    64       a convolution, or a residual block, of 64 channels
    64@5     the same with kernel size 5
    64/2     the same with stride 2
    3x64/2   three of them, the first with stride 2
    MP       a 2×2 pool
    P        a pair of convolutions with an identity shortcut (report 004)
    D0.2     dropout of whole channels with probability 0.2

Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["channels", "pool", "pair", "dropout"]

_CHANNELS = re.compile(r"(?:([1-9]\d?)x)?([1-9]\d{0,4})(?:@([1-9]\d?))?(?:/([1-9]))?")
_DROPOUT = re.compile(r"D(0?\.\d+)")


@dataclass(frozen=True)
class Part:
    """One part of a layout."""

    kind: Kind
    channels: int = 0
    kernel: int | None = None
    stride: int = 1
    probability: float = 0.0


@dataclass(frozen=True)
class Notation:
    """Limit of a text option: a layout that has only parts of the given kinds.

    Attributes:
        kinds: kinds of parts that are allowed.
        example: a layout that error messages show.
        kernels: whether parts may have a kernel size, which must be odd.
    """

    kinds: tuple[Kind, ...]
    example: str
    kernels: bool = False

    def __call__(self, text: str) -> bool:
        parts = list(parse(text))
        return any(part.kind == "channels" for part in parts) and all(
            part.kind in self.kinds
            and (part.kernel is None or (self.kernels and part.kernel % 2 == 1))
            for part in parts
        )

    def __str__(self) -> str:
        words: dict[Kind, str] = {
            "channels": "64/2 a stride, 3x64 thrice",
            "pool": "MP a pool",
            "pair": "P a residual pair",
            "dropout": "D0.2 dropout",
        }
        own = ["64@5 an odd kernel"] if self.kernels else []
        return f"such as {self.example} ({', '.join([*own, *(words[k] for k in self.kinds)])})"


def parse(text: str) -> Iterator[Part]:
    """Yield the parts of a layout, with repetitions written out.

    Raises:
        ValueError: if the text is not a layout.
    """
    for word in text.split("-"):
        if word in ("MP", "P"):
            yield Part("pool" if word == "MP" else "pair")
        elif match := _DROPOUT.fullmatch(word):
            yield Part("dropout", probability=float(match[1]))
        elif match := _CHANNELS.fullmatch(word):
            times, channels, kernel, stride = (int(m) if m else None for m in match.groups())
            assert channels is not None
            for i in range(times or 1):
                yield Part("channels", channels, kernel, (stride or 1) if i == 0 else 1)
        else:
            raise ValueError(word)


def times(channels: int, factor: float, multiple: int = 1) -> int:
    """Return `channels` times `factor`, rounded to a positive multiple of `multiple`."""
    return max(1, round(channels * factor / multiple)) * multiple


def widened(text: str, factor: float, multiple: int = 1) -> str:
    """Return a layout with the channels of every part multiplied as by `times`."""

    def wider(word: str) -> str:
        match = _CHANNELS.fullmatch(word)
        if not match:
            return word
        start, end = match.span(2)
        return f"{word[:start]}{times(int(match[2]), factor, multiple)}{word[end:]}"

    return "-".join(wider(word) for word in text.split("-"))
