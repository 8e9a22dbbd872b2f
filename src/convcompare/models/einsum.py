"""Products of ``torch.einsum`` that run without a matrix-product operator.

Over an index of size 1, such as the channel of grey images, torch multiplies elementwise. The
arithmetic is the same as over an index of any other size.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def hidden_products(function: Any, args: Sequence[Any]) -> int:
    """Return the multiply-accumulates of an einsum that sums products over indices of size 1 only.

    0 for any other call: of another function, with other than two operands, without a summed index
    that both operands have, or with a summed index larger than 1, which runs as an operator that is
    counted.
    """
    if function is not torch.einsum or not args or not isinstance(args[0], str):
        return 0
    operands = args[1] if len(args) == 2 and not isinstance(args[1], Tensor) else args[1:]
    if len(operands) != 2:
        return 0
    given, arrow, output = args[0].replace(" ", "").partition("->")
    terms = given.split(",")
    labels = [_labels(term, one.ndim) for term, one in zip(terms, operands, strict=True)]
    sizes: dict[str, int] = {}
    for names, one in zip(labels, operands, strict=True):
        for name, size in zip(names, one.shape, strict=True):
            sizes[name] = max(size, sizes.get(name, 1))
    counts = Counter("".join(terms).replace("...", ""))
    kept = set(output) if arrow else {name for name, count in counts.items() if count == 1}
    kept |= {name for name in sizes if len(name) > 1}  # dimensions of an ellipsis
    summed = set(labels[0]) & set(labels[1]) - kept
    if not summed or any(sizes[name] > 1 for name in summed):
        return 0
    return math.prod(sizes[name] for name in sizes if name in kept)  # others are summed first


def _labels(term: str, dimensions: int) -> list[str]:
    """Return a name per dimension of an operand; those of an ellipsis count from the last."""
    before, dots, after = term.partition("...")
    between = dimensions - len(before) - len(after) if dots else 0
    return [*before, *(f"...{place}" for place in range(between, 0, -1)), *after]
