"""Somebody's own network, ``file.py:Net`` or ``package.module:Net``: code, which is run.

It changes the process that runs it: the folder of the file stays on ``sys.path``, so that helpers
are found that it imports later. `experiment.foreign_code` gives each source a process of its own.
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
from .process_state import ProcessState, kept_threads
from .source_files import code_sha256, is_local, parsed
from .torchvision_import import mended

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_NOTEBOOK = re.compile(r"\s*[%!]|name 'get_ipython'")
_HINT = 'a script\'s own work belongs below `if __name__ == "__main__":`'
MOST_NAMED = 4
"""Classes of a file that a hint names."""
LEVELS = 4
"""Folders above a file in which a module is looked for that it does not find."""
SLOW_SECONDS = 10.0
"""A file that takes longer does more than define networks, unless it waits for another import."""


@dataclass(frozen=True)
class OwnNetwork:
    """What a spec points at: the class or function, the SHA-256 of its code, the settings of the
    process that its file has left."""

    function: Callable[..., Any]
    code: str | None
    state: ProcessState


def is_own(name: str) -> bool:
    """Whether the name of a spec reads as ``file.py:Net`` or ``package.module:Net``."""
    where, _, what = name.rpartition(":")
    return name.endswith(".py") or where.endswith(".py") or bool(what and _MODULE.fullmatch(where))


def _classes_of(path: Path) -> list[str]:
    """The classes that a file defines, by its text; none if it cannot be read."""
    tree = parsed(path)
    nodes = tree.body if isinstance(tree, ast.Module) else []
    return [node.name for node in nodes if isinstance(node, ast.ClassDef)]


def load_own(name: str) -> OwnNetwork:
    """What the name of a spec points at, imported; ModelError where it cannot be."""
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
"""By what the spec names, with its folder: a file is run once."""


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
    """The file, when it was last changed, or the module as this folder has it."""
    path = Path(where)
    if where.endswith(".py"):
        if not path.is_file():
            raise ModelError(
                f"there is no file {quote(path)}", "the path is taken from this folder"
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
    """Look for modules in a folder first, as Python does for a script's."""
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()


@contextmanager
def _importing(where: str) -> Iterator[None]:
    """Import within, as a script of its own; ModelError, with the line, where it does not."""
    arguments, folder = sys.argv, os.getcwd()  # noqa: PTH109
    sys.argv = [where]
    try:
        with kept_threads(), compiling_left_out(), _watched():
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
        raise ModelError(f"{what} cannot be imported: {_told(error)}", hint) from error
    finally:
        sys.argv = arguments
        os.chdir(folder)


def _from_its_root(where: str, error: Exception) -> str | None:
    """How to name the network of a file whose imports begin at a folder further up."""
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


def _told(error: BaseException) -> str:
    """The error, and the line of the user's file that led there."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_local(f.filename)]
    line = frames[-1].line if frames and not isinstance(error, SyntaxError) else None
    return f"{reason(error)}: {quote(line)}" if line else reason(error)


@contextmanager
def _watched() -> Iterator[None]:
    """Say on stderr what an import does beside defining things: trainings, and what takes long."""
    main, done = threading.get_ident(), threading.Event()
    backward = torch.autograd.backward
    said: list[_FileLine] = []

    def telling(*arguments: Any, **named: Any) -> None:
        line = _line_of(inspect.currentframe())
        if line and not said:
            said.append(line)
            _warn(f"{line} trains while the file is imported: {_HINT}")
        backward(*arguments, **named)

    def wait() -> None:
        while not done.wait(SLOW_SECONDS):
            line = _line_of(sys._current_frames().get(main))
            if line and not line.imports:
                _warn(f"its import takes over {SLOW_SECONDS:.3g} s, now at {line}: {_HINT}")
                return

    threading.Thread(target=wait, daemon=True).start()
    torch.autograd.backward = telling
    try:
        yield
    finally:
        torch.autograd.backward = backward
        done.set()


@dataclass(frozen=True)
class _FileLine:
    """A line at the top level of a file of the user's."""

    file: str
    number: int

    def __str__(self) -> str:
        return f"line {self.number} of {Path(self.file).name}"

    @property
    def imports(self) -> bool:
        """Whether it is an import: how long that takes is not up to the file."""
        words = linecache.getline(self.file, self.number).split()
        return words[:1] in (["import"], ["from"])


def _line_of(frame: FrameType | None) -> _FileLine | None:
    """The line at the top level of a local file that runs; the innermost where files import."""
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_code.co_name == "<module>" and is_local(file):
            return _FileLine(file, frame.f_lineno)
        frame = frame.f_back
    return None


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)
