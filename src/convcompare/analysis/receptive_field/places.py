"""Convert the reach of a tensor into the field of its units: find the spatial dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .axis import Axis
from .reach import BORDER, EXTENTS, NotKnown, slim

Span = tuple[int, int]
_BEYOND = ("the upper or the lower end", "the left or the right end")


@dataclass(frozen=True)
class Reading:
    """Fields along both sides (None and ``whole`` for the whole image), and units per side."""

    axes: tuple[Axis | None, Axis | None]
    whole: tuple[bool, bool]
    units: tuple[int, int]


def read(reach: Tensor, image: tuple[int, int]) -> Reading | None:
    """Return the field of a tensor's units, all channels together; None if it has no positions.

    Args:
        reach: Reach (parts, *shape) of the tensor.
        image: Height and width of the image in pixels.

    Raises:
        NotKnown: If the spatial dimensions are ambiguous, or if the border cuts every unit.
    """
    shape, reach = reach.shape[1:], slim(reach)
    seeing = reach[:EXTENTS].amax(0) > 0
    if reach.ndim < 3 or not seeing.any():
        return None
    moves = _moves(reach, seeing)
    if not any(moved.any() for moved in moves):
        return None if len(shape) < 3 else _without_places(reach, seeing, image)
    dims = _place_dims(shape, moves)
    if not dims:
        return None
    united = reach.amax([d + 1 for d in range(reach.ndim - 1) if d not in dims])
    return _of_places(united, [moves[d] for d in dims], image)


def _moves(reach: Tensor, seeing: Tensor) -> list[Tensor]:
    """Return the largest shift along each dimension, in rows and columns: (dims, 2)."""
    found = []
    for dim in range(seeing.ndim):
        far = []
        for part in (0, 2):
            place = reach[part : part + 2]
            low = place.masked_fill(~seeing, torch.inf).amin(dim + 1)
            high = place.masked_fill(~seeing, -torch.inf).amax(dim + 1)
            far.append((high - low).clamp(min=0).nan_to_num(0, 0, 0).amax())
        found.append(torch.stack(far))
    return found


def _place_dims(shape: Sequence[int], moves: list[Tensor]) -> list[int]:
    """Return the spatial dimensions; the others count channels."""
    ndim = len(moves)
    moving = [dim for dim in range(ndim) if moves[dim].any()]
    if ndim == 4 and moving == [1, 3] and shape[2] > 1 and _is_map(moves[1], moves[3]):
        return moving  # (n, rows, channels, columns)
    if ndim >= 4 and _is_map(moves[-2], moves[-1]):
        rest = [dim for dim in moving if dim not in (1, ndim - 2, ndim - 1)]
        if ndim > 4 and any(dim > 1 for dim in rest):
            raise NotKnown("its output has more than two spatial dimensions")
        return sorted({*rest, ndim - 2, ndim - 1})
    if ndim == 2:  # (places, channels), or all flattened
        return [0] if moving == [0] else []
    inner = [dim for dim in range(1, ndim) if shape[dim] > 1]
    if len(inner) < 2 or not set(inner) <= set(moving):
        return moving
    near, far, *_ = sorted(inner, key=lambda dim: float(moves[dim].max()))
    if 2 * moves[near].max() > moves[far].max():
        raise NotKnown("places and channels of its output cannot be told apart")
    return [dim for dim in moving if dim != near]


def _is_map(rows: Tensor, columns: Tensor) -> bool:
    """Return whether one dimension moves along rows only and the other along columns only."""
    only = rows[1] == 0 and columns[0] == 0
    return bool(only and (rows[0] > 0 or columns[1] > 0))


def _without_places(reach: Tensor, seeing: Tensor, image: tuple[int, int]) -> Reading:
    spans = [_span([int(v) for v in reach[:, seeing].amax(1)], s, image) for s in (0, 1)]
    whole = [span == (0, pixels - 1) for span, pixels in zip(spans, image, strict=True)]
    axes = [None if w else Axis((a,), (b,), 0) for w, (a, b) in zip(whole, spans, strict=True)]
    return Reading((axes[0], axes[1]), (whole[0], whole[1]), (1, 1))


def _span(values: Sequence[int], side: int, image: tuple[int, int]) -> Span:
    return image[side] - values[2 * side], values[2 * side + 1] - 1


def _of_places(reach: Tensor, moves: list[Tensor], image: tuple[int, int]) -> Reading:
    if not (len(moves) == 2 and _is_map(moves[0], moves[1])):
        reach = _grid(reach.flatten(1))
    axes: list[Axis | None] = []
    whole, units = [], []
    for side, pixels in enumerate(image):
        line = _clearest(reach, side)
        spans = [_span(values, side, image) for values in line.T.int().tolist()]
        known = [span for span in spans if span[0] <= span[1]]
        units.append(len(spans))
        whole.append(_is_whole(known, pixels))
        axes.append(None if whole[-1] else _axis(spans, line[BORDER][side].bool().tolist(), side))
    return Reading((axes[0], axes[1]), (whole[0], whole[1]), (units[0], units[1]))


def _is_whole(spans: Sequence[Span], pixels: int) -> bool:
    """Return whether all units see the same: the image, except for parts that no layer reads."""
    if not spans or any(span != spans[0] for span in spans):
        return False
    seen = spans[0][1] - spans[0][0] + 1
    return seen == pixels or (len(spans) > 1 and 2 * seen > pixels)


def _clearest(reach: Tensor, side: int) -> Tensor:
    """Return the line of units along one side that sees the least padding, nearest the middle."""
    across = 2 - side
    other = [dim for dim in (1, 2) if dim != across]
    count = reach.shape[across]
    marked = reach[BORDER][side].unsqueeze(0).sum(other[0]).flatten().tolist()
    return reach.select(across, min(range(count), key=lambda i: (marked[i], abs(2 * i - count))))


def _grid(row: Tensor) -> Tensor:
    """Arrange units that lie in a row as rows and columns: (parts, rows, columns)."""
    row = row[:, row[:EXTENTS].amax(0) > 0]
    same = (row[:, 1:] == row[:, :-1]).all(0)
    row = row[:, torch.cat([torch.tensor([True]), ~same])]  # merge neighbours that see the same
    row = _once(row)
    count = row.shape[1]
    for columns in (n for n in range(1, count + 1) if count % n == 0):
        grid = row.reshape(len(row), -1, columns)
        down, across = grid[:2, :, :1], grid[2:4, :1]
        extents = torch.cat([down.expand_as(grid[:2]), across.expand_as(grid[2:4])])
        if grid[:EXTENTS].equal(extents) and _in_order(down[..., 0]) and _in_order(across[:, 0]):
            return grid
    if row[BORDER].any():  # units at the two ends may look alike
        raise NotKnown("its output does not say which units are neighbours")
    fields = torch.unique(row[:EXTENTS], dim=1)
    rows, columns = (torch.unique(fields[p : p + 2], dim=1) for p in (0, 2))
    if rows.shape[1] * columns.shape[1] != fields.shape[1]:
        raise NotKnown("the fields of its units do not form a grid")
    grid = torch.zeros(len(row), rows.shape[1], columns.shape[1])
    grid[:2], grid[2:4] = rows.flip(1)[:, :, None], columns.flip(1)[:, None]
    return grid


def _in_order(extents: Tensor) -> bool:
    """Return whether the fields of units, extents (2, units) along a side, are in their order."""
    steps = extents.diff(dim=1) * torch.tensor([[-1], [1]])
    return bool((steps >= 0).all() or (steps <= 0).all())


def _once(row: Tensor) -> Tensor:
    """Return the first channel's units if those of the others repeat them."""
    count = row.shape[1]
    lengths = (n for n in range(1, count + 1) if count % n == 0)
    return row[:, : next(n for n in lengths if row[:, n:].equal(row[:, : count - n]))]


def _axis(spans: Sequence[Span], cut: Sequence[bool], side: int) -> Axis:
    """Return the field of the units in the middle, which repeats along the side."""
    clear = [not one and a <= b for one, (a, b) in zip(cut, spans, strict=True)]
    middle = (len(spans) - 1) / 2
    at = min((i for i, one in enumerate(clear) if one), key=lambda i: abs(i - middle), default=-1)
    if at < 0:
        raise NotKnown(f"all its units see {_BEYOND[side]} of the image, or padding")
    first = last = at
    while first > 0 and clear[first - 1]:
        first -= 1
    while last + 1 < len(spans) and clear[last + 1]:
        last += 1
    units = last - first + 1
    if units == len(spans) == 1:
        return Axis((spans[0][0],), (spans[0][1],), 0)
    if units < 3 and units < len(spans):
        raise NotKnown(f"too few of its units see neither {_BEYOND[side]} of the image nor padding")
    for period in range(1, units // 2 + 1):
        found = _periodic(spans[first : last + 1], first, at - first, period, len(spans))
        if found is not None:
            return found
    raise NotKnown("the fields of its units do not repeat along the image")


def _periodic(spans: Sequence[Span], first: int, at: int, period: int, of_all: int) -> Axis | None:
    """Return the field if it repeats after `period` units, in the middle and over most units.

    Args:
        spans: Spans of consecutive units that the border does not cut.
        first: Index of the first of these units.
        at: Position of the middle unit within `spans`.
        period: Period in units.
        of_all: Number of units, with those that the border cuts.
    """
    pairs = list(zip(spans, spans[period:], strict=False))
    steps = [(d[0] - c[0], d[1] - c[1]) for c, d in pairs]
    at = min(max(at - period // 2, 0), len(steps) - 1)
    step = steps[at]
    begin = end = at
    while begin > 0 and steps[begin - 1] == step:
        begin -= 1
    while end + 1 < len(steps) and steps[end + 1] == step:
        end += 1
    run = end - begin + 1
    if not step[0] and len(spans) < of_all:  # may be only the window around the middle
        return None
    if step[0] != step[1] or (run < len(steps) and (run < 2 * period or 2 * run < len(steps))):
        return None
    lows, highs = [0] * period, [0] * period
    for place in range(begin, begin + period):
        turns, phase = divmod(first + place, period)
        lows[phase] = spans[place][0] - turns * step[0]
        highs[phase] = spans[place][1] - turns * step[0]
    return Axis(tuple(lows), tuple(highs), step[0])
