"""Shorten names of networks: first what they have in common, then their middles.

The family is kept if there is room, and so is the name that all others start with. Widths are those
of a terminal, where a character of a wide script or an emoji takes two cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from rich.cells import cell_len, chop_cells

from convcompare.core.errors import printable

ELLIPSIS = "…"
_PARTS = re.compile(r"[^:,/@]+|[:,/@]")
"""Parts of a name, split at the separators of a spec or of a path."""


def fitted(names: Sequence[str], room: int) -> list[str]:
    """Return the names in at most `room` cells each, still different from each other.

    Names that fit are unchanged. Otherwise they lose the parts that all of them start or end with,
    and then their middle, or their end if that keeps them distinct. Names that would become equal
    are numbered.
    """
    known = list(dict.fromkeys(names))
    shown = [printable(name) for name in known]
    if max(map(cell_len, shown), default=0) > room:
        shown = _without_common(shown, room)
    ways = ([elided(name, room) for name in shown], *_with_ends_cut(shown, room))
    shown = next((way for way in ways if len({*way}) == len(way)), shown)
    found: list[str] = []
    for name in shown:
        short, number = elided(name, room), 2
        while short in found:
            mark = f" ({number})"
            short, number = elided(name, room - len(mark)) + mark, number + 1
        found.append(short)
    of = dict(zip(known, found, strict=True))
    return [of[name] for name in names]


def elided(name: str, room: int) -> str:
    """Return a name without its middle if it takes more than `room` cells."""
    if cell_len(name) <= room:
        return name
    tail = (room - 1) // 2
    head = room - 1 - tail
    start = chop_cells(name, head)[0] if head > 0 else ""
    end = chop_cells(name[::-1], tail)[0][::-1] if tail > 0 else ""
    return f"{start}{ELLIPSIS}{end}"


def _with_ends_cut(names: Sequence[str], room: int) -> Iterator[list[str]]:
    """Iterate over two ways to cut the ends: with and without the letters that all start with."""
    yield [_without_end(name, room) for name in names]
    common = _common(names)
    yield [_without_end(f"{ELLIPSIS}{name[common:]}", room) for name in names]


def _without_end(name: str, room: int) -> str:
    """Return a name without its end if it takes more than `room` cells."""
    if cell_len(name) <= room or room < 2:
        return name
    return f"{chop_cells(name, room - 1)[0]}{ELLIPSIS}"


def _without_common(names: Sequence[str], room: int) -> list[str]:
    """Return the names without the parts that all start with and those that all end with.

    The family in front of them is kept if all names then fit.
    """
    if len(set(names)) < 2:
        return list(names)
    split = [_PARTS.findall(name) for name in names]
    first = min(split, key=len)
    if all(parts[: len(first)] == first for parts in split):
        return _without_first("".join(first), names, room)
    before = _common(split)
    after = _common([parts[before:][::-1] for parts in split])
    kept = ["".join(parts[before : len(parts) - after]) for parts in split]
    return _with_lead(split[0][:before], kept, ELLIPSIS if after else "", room)


def _without_first(first: str, names: Sequence[str], room: int) -> list[str]:
    """Return the names without `first`, which is one of them and starts all others.

    They are unchanged if `first` fits.
    """
    if cell_len(first) <= room:
        return list(names)
    kept = [name.removeprefix(first) for name in names if name != first]
    others = iter(_with_lead(_PARTS.findall(first), kept, "", room))
    return [name if name == first else next(others) for name in names]


def _with_lead(common: Sequence[str], kept: Sequence[str], trail: str, room: int) -> list[str]:
    """Return the rest of the names after an ellipsis, with the family in front if it fits."""
    if not common:
        return [f"{name}{trail}" for name in kept]
    family = f"{common[0]}:" if list(common[1:2]) == [":"] and len(common) > 2 else ""
    shown = [f"{family}{ELLIPSIS}{name}{trail}" for name in kept]
    if max(map(cell_len, shown)) <= room:
        return shown
    return [f"{ELLIPSIS}{name}{trail}" for name in kept]


def _common(split: Sequence[Sequence[str]]) -> int:
    """Return the number of equal leading parts; it leaves at least one part of each name."""
    shortest = min(map(len, split), default=1) - 1
    equal = takewhile(lambda column: len(set(column)) == 1, zip(*split, strict=False))
    return max(0, min(shortest, sum(1 for _ in equal)))
