"""The order of the packages: an import points down, inside functions and for type checking too."""

from __future__ import annotations

import ast

import pytest

from benchmarks.structure import NAME, imports, modules, room

ORDER = (
    {"core"},
    {"store", "models"},
    {"data", "comparison", "analysis"},
    {"training", "output"},
    {"experiment"},
    {"cli"},
)
"""Each floor may import from those before it, and from no room beside it."""
FLOOR = {name: floor for floor, names in enumerate(ORDER) for name in names}
GRAPH = imports()
MODULES = modules()


@pytest.mark.parametrize("module", [name for name in GRAPH if room(name) in FLOOR])
def test_imports_point_down(module: str) -> None:
    here = room(module)
    for imported in GRAPH[module] - {NAME}:
        there = room(imported)
        if there in FLOOR and there != here:
            assert FLOOR[there] < FLOOR[here], f"{module} imports {imported}"


HEAVY = {"torch", "torchvision", "matplotlib", "pandas", "scipy"}
"""What takes long to import."""
TORCH_SIDE = {"models", "analysis", "training", "experiment"}
"""The rooms that train and measure: only they import torch as they are imported."""


@pytest.mark.parametrize("module", [name for name in GRAPH if room(name) in FLOOR])
def test_nothing_heavy_is_imported_by_a_module_that_others_need_without_it(module: str) -> None:
    body = ast.parse(MODULES[module].read_text(encoding="utf-8")).body
    names = {one.name for node in body if isinstance(node, ast.Import) for one in node.names}
    names |= {str(node.module) for node in body if isinstance(node, ast.ImportFrom)}
    heavy = {name.partition(".")[0] for name in names} & HEAVY
    assert heavy <= ({"torch"} if room(module) in TORCH_SIDE else set())
