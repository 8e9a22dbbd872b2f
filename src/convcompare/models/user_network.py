"""Somebody's own network, ``file.py:Net`` or ``package.module:Net``: code, which is run."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from convcompare.core.errors import ModelError, did_you_mean, quote
from convcompare.core.failures import reason

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def is_own(name: str) -> bool:
    """Whether the name of a spec reads as ``file.py:Net`` or ``package.module:Net``."""
    where, _, what = name.rpartition(":")
    return name.endswith(".py") or where.endswith(".py") or bool(what and _MODULE.fullmatch(where))


def load_own(name: str) -> tuple[Callable[..., Any], str | None]:
    """The class or function that `name` points at, and the SHA-256 of its file."""
    where, _, what = name.rpartition(":")
    if not where:
        raise ModelError(
            f"{quote(name)} names a file but no network", f"write {quote(name + ':Net')}"
        )
    module = _from_file(Path(where)) if where.endswith(".py") else _from_module(where)
    found = getattr(module, what, None)
    if not callable(found):
        names = [n for n, value in vars(module).items() if callable(value) and n[0] != "_"]
        own = [n for n in names if getattr(vars(module)[n], "__module__", "") == module.__name__]
        listed = ", ".join(f"`{n}`" for n in own) or "nothing that builds one"
        raise ModelError(
            f"{quote(where)} has no network {quote(what)}",
            did_you_mean(what, own) or f"it defines {listed}",
        )
    source = getattr(module, "__file__", None)
    return found, hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else None


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ModelError(f"there is no file {quote(path)}", "the path is taken from this folder")
    name = f"{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ModelError(f"{quote(path)} does not import: {reason(error)}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _from_module(name: str) -> ModuleType:
    here = os.getcwd()  # noqa: PTH109
    sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise ModelError(f"module {quote(name)} does not import: {reason(error)}") from error
    finally:
        sys.path.remove(here)
