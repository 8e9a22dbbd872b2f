"""A user's network, ``file.py:Net`` or ``package.module:Net``, whose code is run.

It changes the process that runs it: the folder of the file stays on ``sys.path`` for later imports.
`experiment.foreign_code` therefore uses a separate process for each source.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import linecache
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import torch
from torch import nn

from convcompare.core.errors import ModelError, did_you_mean, quote
from convcompare.core.failures import reason

from .compiler_import import compiling_left_out
from .failure_hints import hint_of
from .name_hints import hint_of_name
from .process_state import ProcessState, kept_settings
from .source_files import code_sha256, is_local, parsed
from .torchvision_import import mended

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_NOTEBOOK = re.compile(r"\s*[%!]|name 'get_ipython'")
_HINT = 'a script\'s own work belongs below `if __name__ == "__main__":`'
MOST_NAMED = 4
"""Maximum number of a file's classes that a hint names."""
LEVELS = 4
"""Number of folders above a file that are searched for a missing module."""
SLOW_SECONDS = 10.0
"""Import time of a file after which a warning is printed, unless it waits for another import."""


@dataclass(frozen=True)
class OwnNetwork:
    """A user's network.

    Attributes:
        function: the class or function that builds it.
        code: SHA-256 of its code, in hex.
        state: process settings as its file left them.
    """

    function: Callable[..., Any]
    code: str | None
    state: ProcessState


def is_own(name: str) -> bool:
    """Return whether the name in a spec has the form ``file.py:Net`` or ``package.module:Net``."""
    where, _, what = name.rpartition(":")
    return name.endswith(".py") or where.endswith(".py") or bool(what and _MODULE.fullmatch(where))


def _classes_of(path: Path) -> list[str]:
    """Return the classes that a file defines, without running it; empty if it cannot be read."""
    tree = parsed(path)
    nodes = tree.body if isinstance(tree, ast.Module) else []
    return [node.name for node in nodes if isinstance(node, ast.ClassDef)]


def load_own(name: str) -> OwnNetwork:
    """Import the class or function that a spec names.

    Raises:
        ModelError: if it cannot be imported, does not exist, or does not build a network.
    """
    where, _, what = name.rpartition(":")
    if not where:
        classes = _classes_of(Path(name)) or ["Net"]
        written = " or ".join(quote(f"{name}:{one}") for one in classes[:MOST_NAMED])
        raise ModelError(f"{quote(name)} names a file but no network", f"write {written}")
    module, state = _module(where)
    found: Any = module
    for part in what.split("."):
        found = getattr(found, part, None)
    if isinstance(found, nn.Module):
        raise ModelError(
            f"{quote(what)} in {quote(where)} is a network that is already built",
            "name its class, or a function that builds it: each seed needs weights of its own",
        )
    if not callable(found):
        names = [n for n, value in vars(module).items() if callable(value) and n[0] != "_"]
        own = [n for n in names if getattr(vars(module)[n], "__module__", "") == module.__name__]
        listed = ", ".join(f"`{n}`" for n in own) or "nothing that builds one"
        raise ModelError(
            f"{quote(where)} has no network {quote(what)}",
            did_you_mean(what, own) or f"it defines {listed}",
        )
    return OwnNetwork(found, code_sha256(module), state)


_loaded: dict[str, tuple[ModuleType, ProcessState]] = {}
"""Modules by `_key`, so that each file is run once."""


def _module(where: str) -> tuple[ModuleType, ProcessState]:
    is_file = where.endswith(".py")
    key = _key(where)
    if key not in _loaded:
        load = _from_file if is_file else _from_module
        with _importing(where):
            module = mended(lambda: load(where))
        _loaded[key] = module, ProcessState()
    return _loaded[key]


def _key(where: str) -> str:
    """Return a file's path and modification time, or a module's name and the current folder."""
    path = Path(where)
    if where.endswith(".py"):
        if not path.is_file():
            raise ModelError(
                f"there is no file {quote(path)}", "the path starts in the current folder"
            )
        return f"{path.resolve()} {path.stat().st_mtime_ns}"
    return f"{Path.cwd()} {where}"


def _from_file(where: str) -> ModuleType:
    path = Path(where).resolve()
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_of_{len(_loaded)}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _find_in(path.parent)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _from_module(name: str) -> ModuleType:
    _find_in(Path.cwd())
    return importlib.import_module(name)


def _find_in(folder: Path) -> None:
    """Search modules in a folder first, as Python does for the folder of a script."""
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()


@contextmanager
def _importing(where: str) -> Iterator[None]:
    """Return a context for an import, as of a script; it raises ModelError with the failed line."""
    arguments, folder = sys.argv, os.getcwd()  # noqa: PTH109
    sys.argv = [where]
    try:
        with kept_settings(), compiling_left_out(), _import_warnings():
            yield
    except ModelError:
        raise
    except (Exception, SystemExit) as error:
        what = f"module {quote(where)}" if not where.endswith(".py") else quote(where)
        hint: str | None
        if _NOTEBOOK.match(str(getattr(error, "text", error))):
            hint = "lines with `%`, `!` or `get_ipython` are the notebook's: remove them"
        elif isinstance(error, SyntaxError | ImportError):
            hint = _from_its_root(where, error)
        else:
            hint = (hint_of(error) if isinstance(error, Exception) else None) or _HINT
        raise ModelError(f"{what} cannot be imported: {_with_line(error)}", hint) from error
    finally:
        sys.argv = arguments
        os.chdir(folder)


def _from_its_root(where: str, error: Exception) -> str | None:
    """Return a hint on how to name a network whose imports start at a folder further up."""
    path, root = Path(where).resolve(), None
    beside = path.with_name(f"{getattr(error, 'name', '')}.py")
    if isinstance(error, ImportError) and beside.is_file() and error.path != str(beside):
        return f"rename {quote(beside.name)} beside it: another module of that name was found first"
    if where.endswith(".py") and "attempted relative import" in str(error):
        root = next(p for p in path.parents[1:] if not (p / "__init__.py").is_file())
    elif where.endswith(".py") and isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        above = [*path.parents][1:LEVELS]
        root = next((p for p in above if (p / f"{top}.py").is_file() or (p / top).is_dir()), None)
    if root is None:
        return hint_of_name(error)
    module = ".".join(path.relative_to(root).with_suffix("").parts)
    return f"run it in {quote(root)} as `{module}:NAME`, since it imports from there"


def _with_line(error: BaseException) -> str:
    """Describe an error with the line of the user's file that caused it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_local(f.filename)]
    line = frames[-1].line if frames and not isinstance(error, SyntaxError) else None
    return f"{reason(error)}: {quote(line)}" if line else reason(error)


@contextmanager
def _import_warnings() -> Iterator[None]:
    """Print warnings to stderr about imports that train networks or take long."""
    main, done = threading.get_ident(), threading.Event()
    backward = torch.autograd.backward
    warned: list[_FileLine] = []

    def warning_backward(*arguments: Any, **named: Any) -> None:
        line = _line_of(inspect.currentframe())
        if line and not warned:
            warned.append(line)
            _warn(f"{line} trains while the file is imported: {_HINT}")
        backward(*arguments, **named)

    def wait() -> None:
        while not done.wait(SLOW_SECONDS):
            line = _line_of(sys._current_frames().get(main))
            if line and not line.imports:
                _warn(f"its import takes over {SLOW_SECONDS:.3g} s, now at {line}: {_HINT}")
                return

    threading.Thread(target=wait, daemon=True).start()
    torch.autograd.backward = warning_backward
    try:
        yield
    finally:
        torch.autograd.backward = backward
        done.set()


@dataclass(frozen=True)
class _FileLine:
    """A line at the top level of a user's file."""

    file: str
    number: int

    def __str__(self) -> str:
        return f"line {self.number} of {Path(self.file).name}"

    @property
    def imports(self) -> bool:
        """Whether it is an import, whose duration is not due to the file."""
        words = linecache.getline(self.file, self.number).split()
        return words[:1] in (["import"], ["from"])


def _line_of(frame: FrameType | None) -> _FileLine | None:
    """Return the top-level line of a local file that is running; the innermost of several."""
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_code.co_name == "<module>" and is_local(file):
            return _FileLine(file, frame.f_lineno)
        frame = frame.f_back
    return None


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)
