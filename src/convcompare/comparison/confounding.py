"""Warning about networks that differ much in size."""

from __future__ import annotations

from collections.abc import Iterator

from .comparison import Comparison

CONFOUNDED = 1.5
"""Factor between the numbers of parameters above which a comparison is confounded with size."""


def warnings(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Yield a warning and a hint if size is a confounder; none if widths are matched."""
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
