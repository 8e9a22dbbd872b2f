"""How the source is built: the order of the packages, no circles, one name for one thing."""

from __future__ import annotations

import ast
import collections

import pytest

from benchmarks.structure import NAME, SOURCE, circles, imports, modules, room

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
MODULES = modules()
GRAPH = imports()
INSIDE = [name for name in GRAPH if name not in (NAME, f"{NAME}.__main__")]

HEAVY = {"torch", "torchvision", "matplotlib", "pandas", "scipy"}
"""What takes long to import."""
TORCH_SIDE = {"models", "analysis", "training", "experiment"}
"""The rooms that train and measure: only they import torch as they are imported."""
MOST_ENTRIES = 14


def test_every_module_has_a_room() -> None:
    assert {room(module) for module in INSIDE} == FLOOR.keys()
    entries = [path for path in SOURCE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES


@pytest.mark.parametrize("module", INSIDE)
def test_imports_point_down(module: str) -> None:
    """Those inside functions and for type checking too."""
    here = room(module)
    for imported in GRAPH[module] - {NAME}:
        there = room(imported)
        assert there == here or FLOOR[there] < FLOOR[here], f"{module} imports {imported}"


def test_no_imports_form_a_circle() -> None:
    assert not circles({module: GRAPH[module] - {NAME} for module in INSIDE})


@pytest.mark.parametrize("module", INSIDE)
def test_only_the_rooms_that_train_import_torch(module: str) -> None:
    """As they are imported; inside functions everybody may."""
    body = ast.parse(MODULES[module].read_text(encoding="utf-8")).body
    names = {one.name for node in body if isinstance(node, ast.Import) for one in node.names}
    names |= {str(node.module) for node in body if isinstance(node, ast.ImportFrom)}
    heavy = {name.partition(".")[0] for name in names} & HEAVY
    assert heavy <= ({"torch"} if room(module) in TORCH_SIDE else set())


@pytest.mark.parametrize("module", [name for name in INSIDE if room(name) == "core"])
def test_core_needs_the_standard_library_alone(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found = {
        one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
    }
    assert not {name.partition(".")[0] for name in found} & {*HEAVY, "numpy", "rich", "typer"}


def test_no_class_name_is_used_twice() -> None:
    found = collections.Counter(
        node.name
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert not {name for name, count in found.items() if count > 1}


def test_packages_are_empty_but_for_what_they_say() -> None:
    """So that a table of stored runs imports what it reads, and nothing else."""
    for name, path in MODULES.items():
        if path.name == "__init__.py" and name not in (
            NAME,
            f"{NAME}.cli",
            f"{NAME}.cli.commands.runs",
        ):
            body = ast.parse(path.read_text(encoding="utf-8")).body
            assert all(isinstance(node, ast.Expr) for node in body), name


@pytest.mark.parametrize("module", INSIDE)
def test_whatever_is_public_says_what_it_is(module: str) -> None:
    def undocumented(node: ast.AST, prefix: str = "") -> list[str]:
        found = []
        for one in getattr(node, "body", []):
            if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name[0] != "_":
                found += [] if ast.get_docstring(one) else [prefix + one.name]
                if isinstance(one, ast.ClassDef):
                    found += undocumented(one, f"{one.name}.")
        return found

    assert not undocumented(ast.parse(MODULES[module].read_text(encoding="utf-8")))
