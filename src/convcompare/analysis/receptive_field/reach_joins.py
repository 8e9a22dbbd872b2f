"""Find the last operation that joins all positions of the image, and the features that enter it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .pooling_head import averages_all
from .reach import EXTENTS, GLOBAL, Entering, Reaches, moving, repeated, same, several, slim
from .reach_products import matrix_product
from .reach_rules import REDUCING, Operation, Rule, reduction
from .reach_windows import adaptive_pool, convolution, pool

_LOCAL = (convolution, pool)
"""Rules with a window of fixed size, even if one window covers the whole map."""
_OVER_ALL = (*REDUCING, matrix_product)
"""Rules over all positions of a dimension, whatever its size."""


@dataclass(frozen=True)
class LastWhole:
    """The last operation after which all units see the same: name, number and input.

    ``unpooled`` is the input of the pooling head in front of it, if there is one.
    """

    name: str
    number: int
    entering: Entering
    unpooled: Entering | None


class Joins:
    """Detects the operations of a network that join all positions.

    After ``last`` all units see the same part of the image, usually all of it.
    """

    def __init__(self, reaches: Reaches) -> None:
        self.reaches = reaches
        self.last: LastWhole | None = None

    def record(
        self, name: str, number: int, rule: Rule | None, given: Sequence[Tensor], reach: Tensor
    ) -> bool:
        """Record an operation after which all units see the same, if it joins all positions.

        A sum or product joins them if one of its terms already has, or if one sees all rows and
        another all columns. Otherwise its units may see all of this image but not of a larger one.

        Args:
            name: Name of the operation.
            number: Its index in the run.
            rule: Its rule.
            given: Its arguments that depend on the image.
            reach: Reach of its output.

        Returns:
            Whether it was recorded.
        """
        known = [(tensor, self._reach(tensor)) for tensor in given]
        local = [(t, r) for t, r in known if several(r)]
        if not local:
            return False
        if rule in _LOCAL:
            joins = any(bool(slim(r)[GLOBAL].amin(0).any()) for _, r in local)
        else:
            before = any(not several(r) and is_global(r) for _, r in known)
            joins = rule in _OVER_ALL or before or is_global(reach)
        if joins:
            tensor, _ = max(local, key=lambda one: one[0].numel())
            entering, unpooled = self._entering(tensor), self.reaches.unpooled(tensor)
            self.last = LastWhole(name, number, entering, unpooled)
        return joins

    def marked_sides(self, rule: Rule | None, given: Sequence[Tensor], reach: Tensor) -> Tensor:
        """Return a reach with marks along the sides whose positions an operation joins.

        Args:
            rule: Rule of the operation.
            given: Its arguments that depend on the image.
            reach: Reach of its output.
        """
        if rule is not adaptive_pool and rule not in _OVER_ALL:
            return reach
        before = [moving(self._reach(tensor)) for tensor in given]
        still = moving(reach)
        sides = [s for s in (0, 1) if any(was[s] for was in before) and not still[s]]
        return marked_global(reach, sides) if sides else reach

    def unpooled(
        self, rule: Rule | None, known: Sequence[Tensor], reach: Tensor
    ) -> Entering | None:
        """Return the input of the pooling head whose output an operation returns or passes on.

        A mean that leaves no position along one side is a pooling head too, whatever follows it.

        Args:
            rule: Rule of the operation.
            known: Its arguments that depend on the image.
            reach: Reach of its output.
        """
        first, heads = known[0], [self.reaches.unpooled(tensor) for tensor in known]
        before = heads[0] if all(head is heads[0] for head in heads) else None
        if rule is adaptive_pool:
            return before or self._entering(first)
        if len(known) == 1 and rule is reduction:
            moved = zip(moving(self._reach(first)), moving(reach), strict=True)
            if any(was and not still for was, still in moved):
                return before or self._entering(first, side=True)
        if before is None or before.side:
            return before
        read = rule in (*_LOCAL, matrix_product) or not same(self._reach(first), reach)
        return None if read else before

    def _reach(self, tensor: Tensor) -> Tensor:
        reach = self.reaches.of(tensor)
        assert reach is not None
        return reach

    def _entering(self, tensor: Tensor, side: bool = False) -> Entering:
        laid_out, origin = self.reaches.whole(tensor)
        both = repeated(self._reach(tensor)), repeated(laid_out)
        return Entering(origin.name, both, side)


def effective_rule(call: Operation, rule: Rule | None) -> Rule | None:
    """Return the rule of an operation: pooling over all positions has that of a mean."""
    if rule not in (pool, adaptive_pool):
        return rule
    places = call.given["self"].shape[2:]
    kernel = list(call.given.get("kernel_size") or ())
    kernel = kernel * len(places) if len(kernel) == 1 else kernel
    outputs = call.shape[2:]
    to_one = rule is adaptive_pool and all(side == 1 for side in outputs)
    return reduction if to_one or averages_all(call.name, kernel, places, outputs) else rule


def global_sides(reach: Tensor) -> tuple[bool, bool]:
    """Return whether every unit that sees anything follows an operation over all rows, columns."""
    reach = slim(reach)
    seeing = reach[:EXTENTS].amax(0) > 0
    rows, columns = reach[GLOBAL][:, seeing].all(1).tolist()
    return rows, columns


def is_global(reach: Tensor) -> bool:
    """Return whether every unit that sees anything follows an operation over all positions."""
    return all(global_sides(reach))


def marked_global(reach: Tensor, sides: Sequence[int] = (0, 1)) -> Tensor:
    """Return a reach whose units are marked as following an operation over all of `sides`."""
    marked = slim(reach).clone()
    for side in sides:
        marked[GLOBAL][side] = 1
    return marked.expand_as(reach)
