"""The order of the packages: an import points down, inside functions and for type checking too."""

from __future__ import annotations

import pytest
from benchmarks.structure import NAME, imports, room

ORDER = (
    {"core"},
    {"store", "models"},
    {"data", "comparison", "analysis"},
    {"training", "output"},
    {"experiment"},
    {"api", "cli"},
)
"""Each floor may import from those before it, and from no room beside it."""
FLOOR = {name: floor for floor, names in enumerate(ORDER) for name in names}
GRAPH = imports()


@pytest.mark.parametrize("module", [name for name in GRAPH if room(name) in FLOOR])
def test_imports_point_down(module: str) -> None:
    here = room(module)
    for imported in GRAPH[module] - {NAME}:
        there = room(imported)
        if there in FLOOR and there != here:
            assert FLOOR[there] < FLOOR[here], f"{module} imports {imported}"
