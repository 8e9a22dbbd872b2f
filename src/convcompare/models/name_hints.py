"""Hints for errors about names that user code uses and that are not defined."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import linecache
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType, TracebackType

from torch import nn

from convcompare.core.errors import quote

from .source_files import is_local, parsed

_USUAL: Mapping[str, str] = {
    "nn": "from torch import nn",
    "F": "import torch.nn.functional as F",
    "np": "import numpy as np",
    "optim": "from torch import optim",
    "Variable": "from torch.autograd import Variable",
}
"""Usual imports of names that code of networks often uses."""
_WORD = re.compile(r"[^\W\d]\w*")


def hint_of_name(error: Exception) -> str | None:
    """Return a hint on how to define the name that an error reports as missing; None without."""
    if isinstance(error, ImportError):
        return _of_import(error)
    if isinstance(error, AttributeError):
        if isinstance(error.obj, ModuleType):
            return _of_version(error.obj)
        unset = _unset_of(error) if error.obj is None else None
        return _unset(unset, error) if unset else _misspelt_constructor(error.obj)
    if not isinstance(error, NameError) or not error.name or hasattr(builtins, error.name):
        return None
    return _unset(error.name, error) or _not_imported(error.name)


def _of_import(error: ImportError) -> str | None:
    """Return a hint for a module that is not found or lacks an imported name."""
    top, within, _ = (error.name or "").partition(".")
    if within or not isinstance(error, ModuleNotFoundError):
        return _of_version(sys.modules.get(top))
    if not top:
        return None
    return (
        f"install the package of {quote(top)} in convcompare's environment, or put its file beside"
    )


def _of_version(module: ModuleType | None) -> str | None:
    """Return a hint for a file that uses a name which an installed module does not have."""
    file = getattr(module, "__file__", None) or ""
    if module is None or is_local(file):
        return None
    return (
        f"the {quote(module.__name__)} installed here has no such part: the file is for another "
        "version"
    )


def _unset(name: str, error: Exception) -> str | None:
    """Return a hint if the file defines a name only in code that does not run on import."""
    last = _last_own(error.__traceback__)
    if last is None:
        return None
    tree = parsed(Path(last.tb_frame.f_code.co_filename))
    for block in _main_blocks(tree):
        line = next((line for node in ast.walk(block) if (line := _sets(node, name))), None)
        if line is not None:
            return (
                f'line {line} sets `{name}` below `if __name__ == "__main__":` alone: move it '
                "above the network"
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and _makes_global(node, name):
            return (
                f"`{node.name}()` sets `{name}`, and is not run where a file is imported: set it "
                "at the top level of the file"
            )
    return None


def _not_imported(name: str) -> str | None:
    """Return a hint with the usual import of a name."""
    with suppress(ImportError, ValueError):
        if name in _USUAL or importlib.util.find_spec(name) is not None:
            return f"`{_USUAL.get(name, f'import {name}')}` at the top of the file is missing"
    return None


def _misspelt_constructor(thing: object) -> str | None:
    """Return a hint for a module whose constructor has another name than ``__init__``."""
    for kind in type(thing).__mro__ if isinstance(thing, nn.Module) else ():
        if "__init__" in vars(kind):
            return None
        for name in vars(kind):
            if name.strip("_") == "init":
                return f"`{kind.__name__}` has a `{name}`, which nothing calls: name it `__init__`"
    return None


def _unset_of(error: Exception) -> str | None:
    """Return the first name in the failed line whose global value is still None."""
    last = _last_own(error.__traceback__)
    if last is None:
        return None
    frame = last.tb_frame
    line = linecache.getline(frame.f_code.co_filename, last.tb_lineno)
    return next((n for n in _WORD.findall(line) if frame.f_globals.get(n, 0) is None), None)


def _last_own(trace: TracebackType | None) -> TracebackType | None:
    """Return the innermost frame of a traceback in the user's own files."""
    last = None
    while trace is not None:
        last = trace if is_local(trace.tb_frame.f_code.co_filename) else last
        trace = trace.tb_next
    return last


def _main_blocks(tree: ast.AST) -> Iterator[ast.If]:
    """Yield the blocks of a file that run only if it is a script."""
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            yield node


def _sets(node: ast.AST, name: str) -> int | None:
    """Return the line of a statement or expression that itself sets a name; None for others."""
    match node:
        case ast.Import() | ast.ImportFrom():
            names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        case ast.Name(ctx=ast.Store()):
            names = [node.id]
        case ast.FunctionDef() | ast.ClassDef():
            names = [node.name]
        case _:
            return None
    return node.lineno if name in names else None


def _makes_global(function: ast.FunctionDef, name: str) -> bool:
    return any(isinstance(node, ast.Global) and name in node.names for node in ast.walk(function))
