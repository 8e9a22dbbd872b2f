"""Source files of a user's module: its own, and those of the local modules that it imports.

They are found from import statements, including those inside functions, without running anything.
A file that imports by a computed name (`importlib.import_module`) or by a path counts as importing
all files of its folder, and of the packages in it.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

_PACKAGE = Path(__file__).parents[1]
_BY_NAME = ("import_module", "__import__")
"""Functions that import a module by its name."""
_BY_PATH = ("spec_from_file_location", "SourceFileLoader", "run_path", "run_module", "load_source")
"""Functions that import or run a file by its path."""


def is_local(filename: str | None) -> bool:
    """Return whether a file is the user's: not of Python, an installed package or convcompare."""
    if not filename or filename.startswith("<"):
        return False
    path = Path(filename)
    if {"site-packages", "dist-packages"} & set(path.parts):
        return False
    return not any(path.is_relative_to(folder) for folder in (_PACKAGE, *_standard()))


@cache
def _standard() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib")
    return tuple({Path(sysconfig.get_path(name)).resolve() for name in names})


def code_sha256(module: ModuleType) -> str | None:
    """Return the SHA-256, in hex, of the source of a module and of the local modules it imports.

    For a single file it is the SHA-256 of its bytes. None for a module without a file. Files that
    the code reads other than by importing do not count.
    """
    origin = getattr(module, "__file__", None)
    if origin is None:
        return None
    path = Path(origin)
    files = {module.__name__: path} | dict(_imported(path, module.__package__ or "", {path}))
    if len(files) == 1:
        return _sha256(path)
    own = files.pop(module.__name__)
    lines = [f" {_sha256(own)}", *(f"{name} {_sha256(files[name])}" for name in sorted(files))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _imported(path: Path, package: str, seen: set[Path]) -> Iterator[tuple[str, Path]]:
    """Yield names and files of the local modules that a file imports, directly or indirectly."""
    nodes = [*ast.walk(parsed(path))]
    files = [(name, _file_of(name, path.parent)) for name in _names(nodes, package)]
    if any(_is_computed(node) for node in nodes):
        files += _below(path.parent, package)
    for name, found in files:
        if found is not None and found not in seen and is_local(str(found)):
            seen.add(found)
            yield name, found
            inner = name if found.name == "__init__.py" else name.rpartition(".")[0]
            yield from _imported(found, inner, seen)


def parsed(path: Path) -> ast.AST:
    """Return the syntax tree of a file; an empty one if it cannot be read or parsed."""
    with suppress(SyntaxError, ValueError, OSError):
        return ast.parse(path.read_bytes())
    return ast.Module([], [])


def _names(nodes: Iterable[ast.AST], package: str) -> Iterator[str]:
    """Yield absolute names of modules that a file may import; some may not be modules."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                outer = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*filter(None, outer), *filter(None, [base])])
            if base:
                yield from _with_parents(base)
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
        elif _calls(node, _BY_NAME) and (name := _constant(node)):
            yield from _with_parents(f"{package}{name}".lstrip(".") if name[0] == "." else name)


def _is_computed(node: ast.AST) -> bool:
    """Return whether a node imports a module that its text does not name."""
    return _calls(node, _BY_PATH) or (_calls(node, _BY_NAME) and _constant(node) is None)


def _calls(node: ast.AST, names: Collection[str]) -> bool:
    """Return whether a node is a call of a function of one of some names."""
    if not isinstance(node, ast.Call):
        return False
    return getattr(node.func, "attr", getattr(node.func, "id", "")) in names


def _constant(node: ast.AST) -> str | None:
    """Return the first argument of a call if it is a string literal."""
    argument = node.args[0] if isinstance(node, ast.Call) and node.args else None
    value = argument.value if isinstance(argument, ast.Constant) else None
    return value if isinstance(value, str) else None


def _below(folder: Path, package: str) -> Iterator[tuple[str, Path]]:
    """Yield names and files of all modules in a folder, and in the packages within it."""
    for path in sorted(folder.iterdir()):
        name = ".".join([*filter(None, [package]), path.stem])
        if path.suffix == ".py" and path.is_file():
            yield name, path
        elif path.joinpath("__init__.py").is_file() and not path.is_symlink():
            yield from _below(path, name)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[: n + 1]) for n in range(len(parts)))


def _file_of(name: str, folder: Path) -> Path | None:
    """Return the file of a module: of the loaded one, else in `folder` or on the path."""
    loaded = sys.modules.get(name)
    origin = getattr(loaded, "__file__", None)
    if origin:
        return Path(origin)
    relative = Path(*name.split("."))
    for root in (folder, *map(Path, sys.path)):
        for candidate in (root / relative.with_suffix(".py"), root / relative / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None
