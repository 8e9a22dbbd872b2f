"""Reaches through operations that move elements: indexing, padding, rolling, scattering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .reach import EXTENTS, PARTS, NotKnown, border_parts
from .reach_rules import Operation, Rule


def moving(*data: str) -> Rule:
    """Return a rule that moves each part of the reach as the arguments `data` are moved."""

    def rule(call: Operation) -> Tensor:
        for name, value in call.given.items():
            several = value if isinstance(value, (list, tuple)) else [value]
            if name not in data and any(call.reach(one) is not None for one in several):
                raise NotKnown(
                    f"`{call.name}` selects positions by values that depend on the image"
                )
        if call.given.get("accumulate"):
            raise NotKnown("`index_put` that accumulates has no rule")
        parts = []
        for part in range(PARTS):
            given = dict(call.given)
            for name in data:
                given[name] = _part(call, given.get(name), part)
            parts.append(_called(call.function, given))
        return torch.stack(parts)

    return rule


def _part(call: Operation, value: Any, part: int) -> Any:
    if isinstance(value, (list, tuple)):
        return [_part(call, one, part) for one in value]
    if isinstance(value, Tensor):
        reach = call.reach(value)
        return torch.zeros(value.shape) if reach is None else reach[part].contiguous()
    return 0.0 if isinstance(value, (int, float)) else value


def _called(function: Any, given: dict[str, Any]) -> Tensor:
    schema = function._schema
    names = [one.name for one in schema.arguments if not one.kwarg_only]
    keywords = {one.name: given[one.name] for one in schema.arguments if one.kwarg_only}
    keywords = {name: value for name, value in keywords.items() if name != "dtype"}
    output = function(*(given[name] for name in names), **keywords)
    found: Tensor = output[0] if isinstance(output, (tuple, list)) else output
    return found


def padded(call: Operation) -> Tensor:
    """Rule of constant, reflection and replication padding: added positions are marked."""
    found = moving("self", "value")(call)
    pads = call.given.get("pad") or call.given["padding"]
    mark_padding(found, call.own(call.given["self"]), pads)
    return found


def mark_padding(found: Tensor, reach: Tensor, pads: Sequence[int]) -> None:
    """Mark the positions that ``F.pad`` with `pads` adds to a reach, in place in `found`."""
    for place in range(len(pads) // 2):
        before, after = max(pads[2 * place], 0), max(pads[2 * place + 1], 0)
        if before or after:
            _mark(found, reach, reach.ndim - 1 - place, before, after)


def _mark(found: Tensor, reach: Tensor, dim: int, before: int, after: int) -> None:
    """Mark the first and the last positions along a dimension of `reach` as padding in `found`."""
    size = found.shape[dim]
    for part in border_parts(reach, dim):
        found.narrow(dim, 0, before)[part] = 1
        found.narrow(dim, size - after, after)[part] = 1


def rolled(call: Operation) -> Tensor:
    """Rule of roll: positions that come in from the other end of a spatial dimension are marked."""
    found, reach = moving("self")(call), call.own(call.given["self"])
    for shift, dim in zip(call.given["shifts"], call.given["dims"] or [0], strict=False):
        dim, size = dim % len(call.shape) + 1, call.shape[dim]
        if not torch.equal(
            reach[:EXTENTS].narrow(dim, 0, 1).expand_as(reach[:EXTENTS]), reach[:EXTENTS]
        ):
            shift %= size
            before, after = (shift, 0) if 2 * shift <= size else (0, size - shift)
            _mark(found, reach, dim, before, after)
    return found


def scattered(call: Operation) -> Tensor:
    """Rule of scatter_add and index_add: sums at the positions of a constant index."""
    given, found = call.given, call.own(call.given["self"]).clone()
    index, source = given["index"], given.get("src", given.get("source"))
    if call.reach(index) is not None:
        raise NotKnown(f"`{call.name}` selects positions by values that depend on the image")
    for part, added in zip(found, call.own(source), strict=True):
        if call.name == "index_add":
            part.index_reduce_(given["dim"], index, added, "amax")
        else:
            part.scatter_reduce_(given["dim"], index, added, "amax")
    return found


def looked_up(call: Operation) -> Tensor:
    """Rule of embedding: rows of a table, also by an index of the image if the table is constant.

    Such an index is the nearest entry of a codebook (VQ-VAE).
    """
    table, index = call.given["weight"], call.given["indices"]
    if call.reach(index) is None or call.reach(table) is not None:
        return moving("weight")(call)
    return call.own(index).unsqueeze(-1).expand(PARTS, *call.shape)


_FROM_ONE = (
    "flip", "index_select", "index", "_unsafe_index", "gather", "repeat", "im2col",
    "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle", "tril",
    "triu", "rot90", "take", "diagonal_copy", "unfold_copy", "expand_copy", "permute_copy",
    "view_copy", "slice_copy", "select_copy",
)  # fmt: skip
_SIDES = ("1d", "2d", "3d")
_PADDING = (*(f"reflection_pad{n}" for n in _SIDES), *(f"replication_pad{n}" for n in _SIDES))
MOVES: dict[str, Rule] = {
    **dict.fromkeys(_FROM_ONE, moving("self")),
    **dict.fromkeys(("cat", "stack"), moving("tensors")),
    **dict.fromkeys(("index_put", "_index_put_impl"), moving("self", "values")),
    **dict.fromkeys(("scatter", "select_scatter", "slice_scatter"), moving("self", "src", "value")),
    **dict.fromkeys(("scatter_add", "index_add"), scattered),
    **dict.fromkeys(("constant_pad_nd", *_PADDING), padded),
    "roll": rolled,
    "embedding": looked_up,
}
"""ATen operations that move elements, by name."""
