"""A warning if networks are compared that differ much in size."""

from __future__ import annotations

from collections.abc import Iterator

from .comparison import Comparison

CONFOUNDED = 1.5
"""Networks whose parameters differ by more than this factor are compared size and all."""


def warnings(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """That size is a confounder, and what to do about it; nothing if widths are matched."""
    sizes = {group.label: group.size for group in comparison.groups}
    if comparison.conditions.notes or len(sizes) < 2:
        return
    small, large = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    factor = sizes[large] / sizes[small]
    if factor > CONFOUNDED:
        yield (
            f"the comparison is confounded with size: {large} has {factor:.1f} times the "
            f"parameters of {small}",
            "`--match parameters` compares networks of equal size",
        )
