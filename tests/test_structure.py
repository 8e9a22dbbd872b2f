"""Structure of the source: the order of the packages, no cycles, unique class names."""

from __future__ import annotations

import ast
import collections
from collections.abc import Iterable, Iterator

import pytest

from benchmarks.structure import NAME, SOURCE, Graph, cycles, imports, modules, package, tree

ORDER = (
    {"core"},
    {"store", "models"},
    {"data", "comparison", "analysis"},
    {"training", "output"},
    {"experiment"},
    {"api", "cli"},
)
"""A level may import from those before it, and from no other package of its own level."""
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
MODULES = modules()
INSIDE = [name for name in MODULES if name not in (NAME, f"{NAME}.__main__")]

HEAVY = {"torch", "torchvision", "matplotlib", "pandas", "scipy"}
"""Packages that are slow to import."""
TORCH_SIDE = {"models", "analysis", "training", "experiment"}
"""Packages that train and measure: only they import torch at module level."""
MOST_ENTRIES = 14


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Imports within the package, by module."""
    return imports()


def test_every_module_has_a_package() -> None:
    assert {package(module) for module in INSIDE} == LEVEL.keys()
    entries = [path for path in SOURCE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES


def test_imports_point_down(graph: Graph) -> None:
    """Includes imports inside functions and for type checking."""
    arrows = [(module, imported) for module in INSIDE for imported in graph[module] - {NAME}]
    assert len(arrows) > len(INSIDE)
    assert not [
        f"{module} imports {imported}"
        for module, imported in arrows
        if package(module) != package(imported)
        and LEVEL[package(imported)] >= LEVEL[package(module)]
    ]


def test_no_imports_form_a_cycle(graph: Graph) -> None:
    assert not cycles({module: graph[module] - {NAME} for module in INSIDE})


def imported_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the top-level packages of absolute imports among these nodes."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module))
    return {name.partition(".")[0] for name in found}


def test_only_packages_that_train_import_torch() -> None:
    """At module level; inside functions every package may."""
    found = {}
    for module in INSIDE:
        allowed = {"torch"} if package(module) in TORCH_SIDE else set()
        found[module] = imported_names(tree(MODULES[module]).body) & HEAVY - allowed
    assert not {module: heavy for module, heavy in found.items() if heavy}


def test_core_imports_only_the_standard_library() -> None:
    others = {*HEAVY, "numpy", "rich", "typer"}
    core = [name for name in INSIDE if package(name) == "core"]
    found = {name: imported_names(ast.walk(tree(MODULES[name]))) & others for name in core}
    assert core and not {name: names for name, names in found.items() if names}


def test_no_class_name_is_used_twice() -> None:
    found = collections.Counter(
        node.name
        for path in MODULES.values()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    )
    assert not {name for name, count in found.items() if count > 1}


def test_package_init_files_have_only_a_docstring() -> None:
    """So that a table of stored runs imports only what it needs."""
    for name, path in MODULES.items():
        if path.name == "__init__.py" and name not in (
            NAME,
            f"{NAME}.cli",
            f"{NAME}.cli.commands.runs",
        ):
            assert all(isinstance(node, ast.Expr) for node in tree(path).body), name


def undocumented(node: ast.AST, prefix: str) -> Iterator[str]:
    """Iterate over public functions and classes without a docstring."""
    for one in getattr(node, "body", []):
        if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name[0] != "_":
            if not ast.get_docstring(one):
                yield prefix + one.name
            if isinstance(one, ast.ClassDef):
                yield from undocumented(one, f"{prefix}{one.name}.")


def test_public_functions_and_classes_have_docstrings() -> None:
    assert not [
        name for module in INSIDE for name in undocumented(tree(MODULES[module]), f"{module}.")
    ]
