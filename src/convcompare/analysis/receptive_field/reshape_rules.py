"""Rules of operations that move or merge positions: reshapes, indexing, sums of branches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from .tensor_field import NO_PLACES, Field, Untraceable, merge, moved, size_of
from .window_rules import Call, Rule, check_together, tensor_of


def elementwise(call: Call) -> Field:
    """Rule of elementwise operations on one or several tensors."""
    given = [*call.arguments, *call.named.values()]
    parts = [(call.field_of(a), size_of(a)) for a in given if isinstance(a, Tensor)]
    shape = size_of(tensor_of(call.output))
    return merge([(field, own) for field, own in parts if field is not None], shape)


def concatenation(call: Call) -> Field:
    """Rule of cat(tensors, dim): more channels, or one more token in a row."""
    tensors, dim = list(call.get(0, "tensors")), int(call.get(1, "dim", 0))
    output = tensor_of(call.output)
    dim %= output.ndim
    parts = [(call.field_of(t), t) for t in tensors]
    known = [(field, size_of(t)) for field, t in parts if field is not None]
    merged = merge(known, size_of(output))
    if merged.along(dim):
        with_places = [field for field, _ in known if field.axes != NO_PLACES]
        first = with_places[0]
        alike = all(field.merged and field.axes == first.axes for field in with_places)
        if not merged.merged or not alike:
            raise Untraceable(call.name, "it puts images side by side")
        merged = replace(merged, axes=first.axes, grid=None)
    return merged


def stacking(call: Call) -> Field:
    """Rule of stack(tensors, dim): a new dimension."""
    tensors, dim = list(call.get(0, "tensors")), int(call.get(1, "dim", 0))
    known = [(call.field_of(t), size_of(t)) for t in tensors]
    merged = merge([(f, s) for f, s in known if f is not None], size_of(tensors[0]))
    dim %= tensor_of(call.output).ndim
    return moved(merged, {d: d + (d >= dim) for d in range(tensors[0].ndim)})


def reshaping(call: Call) -> Field:
    """Rule of view, reshape, flatten, unflatten: find the positions among the new dimensions."""
    field, before, after = call.field, size_of(call.input), size_of(tensor_of(call.output))
    if field.dims == (None, None) or before == after:
        return field
    if field.merged:
        return _reshaped_row(call, field, before, after)
    found = [None if d is None else _same(d, before, after) for d in field.dims]
    rows, columns = field.dims
    if all((f is None) == (d is None) for f, d in zip(found, field.dims, strict=True)):
        return replace(field, dims=(found[0], found[1]))
    if rows is not None and columns is not None and columns == rows + 1:
        grid = (before[rows], before[columns])
        in_row = [i for i, size in enumerate(after) if size == math.prod(grid)]
        row = next((i for i in in_row if _behind(i, after) == _behind(columns, before)), None)
        if row is not None:
            return replace(field, dims=(row, row), grid=grid)
    return replace(field, dims=_held(call, field, before, after), grid=None)


def _reshaped_row(call: Call, field: Field, before: Sequence[int], after: Sequence[int]) -> Field:
    row = field.dims[0]
    assert row is not None
    same = _same(row, before, after)
    if same is not None:
        return replace(field, dims=(same, same))
    for i in range(len(after) - 1):
        in_place = _behind(i + 1, after) == _behind(row, before)
        if field.grid == tuple(after[i : i + 2]) and in_place:
            return replace(field, dims=(i, i + 1), grid=None)
    return replace(field, dims=_held(call, field, before, after), grid=None)


def _held(
    call: Call, field: Field, before: Sequence[int], after: Sequence[int]
) -> tuple[int | None, int | None]:
    """Return the one dimension that holds all positions, possibly together with channels."""
    dims = {dim for dim in field.dims if dim is not None}
    low = min(_behind(dim, before) for dim in dims)
    high = max(_behind(dim, before) * before[dim] for dim in dims)
    for i, size in enumerate(after):
        if size > 1 and _behind(i, after) <= low and high <= _behind(i, after) * size:
            row: list[int | None] = [None if dim is None else i for dim in field.dims]
            return row[0], row[1]
    raise Untraceable(call.name, "it cuts the image into windows")


def _behind(dim: int, shape: Sequence[int]) -> int:
    """Return the number of elements from one index of `dim` to the next."""
    return math.prod(shape[dim + 1 :])


def _same(dim: int, before: Sequence[int], after: Sequence[int]) -> int | None:
    """Return the dimension of the new shape that counts what `dim` counted."""
    behind = _behind(dim, before)
    fits = (i for i, size in enumerate(after) if size == before[dim])
    return next((i for i in fits if _behind(i, after) == behind), None)


def permutation(call: Call) -> Field:
    """Rule of permute(x, dims)."""
    order = call.get(1, "dims")
    if isinstance(order, int):
        order = call.arguments[1:]
    return moved(call.field, {old % call.input.ndim: new for new, old in enumerate(order)})


def moving(call: Call) -> Field:
    """Rule of movedim(x, source, destination)."""
    ndim = call.input.ndim
    sources, places = (
        [dim % ndim for dim in ([given] if isinstance(given, int) else given)]
        for given in (call.get(1, "source"), call.get(2, "destination"))
    )
    order = [dim for dim in range(ndim) if dim not in sources]
    for place, source in sorted(zip(places, sources, strict=True)):
        order.insert(place, source)
    return moved(call.field, {old: new for new, old in enumerate(order)})


def transposition(call: Call) -> Field:
    """Rule of transpose(x, a, b), and of t, T and mT, which exchange the last two."""
    ndim = call.input.ndim
    short = call.name in ("t", "T", "mT")
    a, b = (-2, -1) if short else (call.get(1, "dim0"), call.get(2, "dim1"))
    places = {dim: dim for dim in range(ndim)}
    places[a % ndim], places[b % ndim] = b % ndim, a % ndim
    return moved(call.field, places)


def unsqueezing(call: Call) -> Field:
    """Rule of unsqueeze(x, dim)."""
    dim = call.get(1, "dim") % (call.input.ndim + 1)
    return moved(call.field, {d: d + (d >= dim) for d in range(call.input.ndim)})


def squeezing(call: Call) -> Field:
    """Rule of squeeze(x, dim): removing a side of one position is equivalent to flattening it."""
    given, shape = call.get(1, "dim"), size_of(call.input)
    chosen = range(len(shape)) if given is None else given if isinstance(given, tuple) else [given]
    removed = {dim % len(shape) for dim in chosen if shape[dim] == 1}
    kept = [dim for dim in range(len(shape)) if dim not in removed]
    return moved(call.field, {old: new for new, old in enumerate(kept)})


def expansion(call: Call) -> Field:
    """Rule of expand(x, sizes): one position broadcast to many."""
    return merge([(call.field, size_of(call.input))], size_of(tensor_of(call.output)))


def splitting(call: Call) -> list[Field | None]:
    """Rule of chunk, split, tensor_split: along the channels."""
    dim = call.get(2, "dim", 0) % call.input.ndim
    check_together(call)
    if call.field.along(dim):
        raise Untraceable(call.name, "it cuts the image apart")
    return [call.field for _ in call.output]


def unbinding(call: Call) -> list[Field | None]:
    """Rule of unbind(x, dim): one tensor per channel, head, or part of query, key and value."""
    dim = call.get(1, "dim", 0) % call.input.ndim
    check_together(call)
    if call.field.along(dim):
        raise Untraceable(call.name, "it cuts the image apart")
    field = moved(call.field, {d: d - (d > dim) for d in range(call.input.ndim) if d != dim})
    return [field for _ in call.output]


def narrowing(call: Call) -> Field:
    """Rule of narrow(x, dim, start, length)."""
    return _sliced(
        call, [(call.get(1, "dim") % call.input.ndim, slice(call.get(2, "start"), None))]
    )


def selection(call: Call) -> Field:
    """Rule of select(x, dim, index)."""
    return _sliced(call, [(call.get(1, "dim") % call.input.ndim, int(call.get(2, "index")))])


def indexing(call: Call) -> Field:
    """Rule of x[…] with numbers, slices, None and an ellipsis."""
    given = call.arguments[1]
    index = list(given) if isinstance(given, tuple) else [given]
    if any(not isinstance(i, (int, slice, type(None), type(...))) for i in index):
        raise Untraceable(call.name, "it selects positions by a computed index")
    used = sum(isinstance(i, (int, slice)) for i in index)
    fill = [slice(None)] * (call.input.ndim - used)
    at = index.index(...) if ... in index else len(index)
    index = [*index[:at], *fill, *index[at + 1 :]]
    chosen: list[tuple[int, Any]] = []
    places: dict[int, int] = {}
    old = new = 0
    for item in index:
        if item is None:
            new += 1
            continue
        chosen.append((old, item))
        if isinstance(item, slice):
            places[old] = new
            new += 1
        old += 1
    return moved(_sliced(call, chosen, keep=True), places)


def _sliced(call: Call, chosen: Sequence[tuple[int, Any]], keep: bool = False) -> Field:
    """Return the field after dimensions were sliced, or reduced to one index (int)."""
    field, shape = call.field, size_of(call.input)
    axes, taken = list(field.axes), []
    for dim, item in chosen:
        if isinstance(item, int):
            taken.append(dim)
        if item != slice(None) and dim > 0 and not field.along(dim):
            check_together(call)
        for side in field.along(dim):
            axis = axes[side]
            assert axis is not None
            if field.merged:
                if isinstance(item, int):
                    return _token(call, field)
                if item not in (slice(None), slice(0, None)):
                    field = replace(field, grid=None)
            elif isinstance(item, int):
                axes[side] = axis.fixed(item % shape[dim])
            else:
                start, _, step = item.indices(shape[dim])
                axes[side] = axis.window(1, step, -start)
    field = replace(field, axes=(axes[0], axes[1]))
    if keep or not taken:
        return field
    kept = [dim for dim in range(len(shape)) if dim not in taken]
    return moved(field, {old: new for new, old in enumerate(kept)})


def _token(call: Call, field: Field) -> Field:
    """Return the field of one position in a row, such as a class token: no position is left."""
    if field.whole != (True, True):
        raise Untraceable(call.name, "it selects one position of many")
    return field.mixed([side for side in (0, 1) if field.axes[side] is not None])


def untouched_places(call: Call) -> Field:
    """Rule of flip and roll: along the channels only."""
    dims = call.get(2 if call.name == "roll" else 1, "dims")
    dims = [dims] if isinstance(dims, int) else list(dims or range(call.input.ndim))
    if any(call.field.along(dim % call.input.ndim) for dim in dims):
        raise Untraceable(call.name, "it permutes the positions of the image")
    return call.field


RESHAPES: dict[str, Rule] = {
    **dict.fromkeys(
        ("view", "reshape", "flatten", "unflatten", "view_as", "reshape_as"), reshaping
    ),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims", "t", "T", "mT"), transposition),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), expansion),
    **dict.fromkeys(("chunk", "split", "tensor_split"), splitting),
    **dict.fromkeys(("cat", "concat", "concatenate"), concatenation),
    **dict.fromkeys(("flip", "roll"), untouched_places),
    "stack": stacking,
    "unbind": unbinding,
    "permute": permutation,
    **dict.fromkeys(("movedim", "moveaxis"), moving),
    "unsqueeze": unsqueezing,
    "squeeze": squeezing,
    "narrow": narrowing,
    "select": selection,
    "getitem": indexing,
}
"""Operations that move or merge positions, by function name."""
