"""How the source is built: the order of the packages, no cycles, one name for one thing."""

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
"""Each level may import from those before it, and from no package beside it."""
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
MODULES = modules()
INSIDE = [name for name in MODULES if name not in (NAME, f"{NAME}.__main__")]

HEAVY = {"torch", "torchvision", "matplotlib", "pandas", "scipy"}
"""What takes long to import."""
TORCH_SIDE = {"models", "analysis", "training", "experiment"}
"""The packages that train and measure: only they import torch as they are imported."""
MOST_ENTRIES = 14


@pytest.fixture(scope="module")
def graph() -> Graph:
    """What each module imports of the package."""
    return imports()


def test_every_module_has_a_package() -> None:
    assert {package(module) for module in INSIDE} == LEVEL.keys()
    entries = [path for path in SOURCE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES


def test_imports_point_down(graph: Graph) -> None:
    """Those inside functions and for type checking too."""
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
    """The packages at the top of absolute imports among these nodes."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module))
    return {name.partition(".")[0] for name in found}


def test_only_the_packages_that_train_import_torch() -> None:
    """As they are imported; inside functions everybody may."""
    found = {}
    for module in INSIDE:
        allowed = {"torch"} if package(module) in TORCH_SIDE else set()
        found[module] = imported_names(tree(MODULES[module]).body) & HEAVY - allowed
    assert not {module: heavy for module, heavy in found.items() if heavy}


def test_core_needs_the_standard_library_alone() -> None:
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


def test_packages_are_empty_but_for_what_they_say() -> None:
    """So that a table of stored runs imports what it reads, and nothing else."""
    for name, path in MODULES.items():
        if path.name == "__init__.py" and name not in (
            NAME,
            f"{NAME}.cli",
            f"{NAME}.cli.commands.runs",
        ):
            assert all(isinstance(node, ast.Expr) for node in tree(path).body), name


def undocumented(node: ast.AST, prefix: str) -> Iterator[str]:
    """The public functions and classes in a module or class that have no docstring."""
    for one in getattr(node, "body", []):
        if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name[0] != "_":
            if not ast.get_docstring(one):
                yield prefix + one.name
            if isinstance(one, ast.ClassDef):
                yield from undocumented(one, f"{prefix}{one.name}.")


def test_whatever_is_public_says_what_it_is() -> None:
    assert not [
        name for module in INSIDE for name in undocumented(tree(MODULES[module]), f"{module}.")
    ]
