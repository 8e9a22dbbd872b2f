"""Structure of the source: packages, levels and import cycles.

``python benchmarks/structure.py [SOURCE]``; `tests/test_structure.py` asserts the order of the
packages from the same imports.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

NAME = "convcompare"
SOURCE = Path(__file__).parents[1] / "src" / NAME

Graph = Mapping[str, set[str]]
"""Modules that each module imports, by full name."""


def modules(source: Path = SOURCE) -> dict[str, Path]:
    """Return every module of the package by full name; a package stands for its ``__init__``."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    """Return the parsed module, which must not be changed."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(source: Path = SOURCE) -> dict[str, set[str]]:
    """Return the imports within the package, including those in functions and for type checking."""
    known = modules(source)
    return {name: set(_imported(name, path, known)) for name, path in known.items()}


def _imported(name: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, node.module or ""]).rstrip(".") if node.level else node.module
            for one in node.names:
                inner = f"{base}.{one.name}"
                if inner in known:
                    yield inner
                elif base in known:
                    yield str(base)


def package(module: str) -> str:
    """Return the top-level entry that contains a module: ``store``, ``api``."""
    return module.split(".")[1] if "." in module else "__init__"


def between_packages(graph: Graph) -> dict[str, set[str]]:
    """Return for each top-level entry the other entries that it imports from."""
    packages: dict[str, set[str]] = {package(module): set() for module in graph}
    for module, imported in graph.items():
        packages[package(module)] |= {package(one) for one in imported} - {package(module)}
    return packages


def cycles(graph: Graph) -> list[list[str]]:
    """Return modules that import each other, directly or indirectly.

    Tarjan 1972, doi:10.1137/0201010.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(one: str) -> None:
        index[one] = low[one] = len(index)
        stack.append(one)
        for other in sorted(graph.get(one, ())):
            if other not in index:
                visit(other)
                low[one] = min(low[one], low[other])
            elif other in stack:
                low[one] = min(low[one], index[other])
        if low[one] == index[one]:
            at = stack.index(one)
            members = sorted(stack[at:])
            del stack[at:]
            if len(members) > 1:
                found.append(members)

    for one in sorted(graph):
        if one not in index:
            visit(one)
    return found


def levels(graph: Graph) -> int:
    """Return the number of entries on the longest path; a cycle counts as one level."""
    together = {one: members[0] for members in cycles(graph) for one in members}
    merged: dict[str, set[str]] = {}
    for one, others in graph.items():
        below = {together.get(other, other) for other in others}
        merged.setdefault(together.get(one, one), set()).update(below)
    heights: dict[str, int] = {}

    def height(one: str) -> int:
        if one not in heights:
            heights[one] = 1 + max((height(o) for o in merged.get(one, ()) if o != one), default=0)
        return heights[one]

    return max(map(height, merged), default=0)


def main() -> None:
    """Print the figures of this source tree or of the given one."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE
    graph = {
        name: imported - {NAME}
        for name, imported in imports(source).items()
        if name not in (NAME, f"{NAME}.__main__")
    }
    packages = between_packages(graph)
    entries = [path for path in source.iterdir() if path.name != "__pycache__"]
    stems = [path.stem for path in modules(source).values() if path.name != "__init__.py"]
    print(f"entries at the top     {len(entries)}")
    print(f"modules                {len(stems)}, {len(stems) - len(set(stems))} stems repeated")
    print(f"packages               {len(packages)}")
    print(f"edges between packages {sum(map(len, packages.values()))}")
    print(f"levels of packages     {levels(packages)}")
    print(f"cycles of packages     {len(cycles(packages))}")
    print(f"cycles of modules      {[len(members) for members in cycles(graph)]}")


if __name__ == "__main__":
    main()
