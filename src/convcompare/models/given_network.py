"""Networks that a Python program passes as objects: classes, functions, lambdas, partials.

They are sent to the process that runs them by cloudpickle, by value if they are defined in a
notebook or ``__main__``. They are identified by their code and all that it refers to, so that runs
are reused until one of these changes.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy as np
import torch
from torch import nn

from convcompare.core.errors import ModelError, quote
from convcompare.core.failures import reason

from .compiler_import import compiling_left_out
from .source_files import code_sha256, is_local

PREFIX = "python:"
"""Prefix of the specs of such networks."""


@dataclass(frozen=True)
class GivenNetwork:
    """An object that builds a network.

    Attributes:
        label: name in tables.
        spec: its spec.
        code: SHA-256 of its code, in hex.
        data: the object as cloudpickle.
    """

    label: str
    spec: str
    code: str
    data: bytes


def is_given(name: str) -> bool:
    """Return whether the name in a spec is that of an object of a program."""
    return name.startswith(PREFIX)


def give(builder: Callable[..., Any]) -> GivenNetwork:
    """Return an object as a network that specs can name.

    Raises:
        ModelError: if it is a built network, or cannot be sent to another process.
    """
    label = _label(builder)
    if isinstance(builder, nn.Module):
        raise ModelError(
            f"{quote(label)} is a network that is already built",
            "give its class, or a function that builds it: each seed needs weights of its own",
        )
    try:
        data = cloudpickle.dumps(builder)
        code = fingerprint(builder)
    except Exception as error:
        raise ModelError(
            f"{quote(label)} cannot be sent to its own process: {reason(error)}",
            "what it refers to must be picklable; or put it into a file: `file.py:Net`",
        ) from error
    name = re.sub(r"\W", "", label.partition("(")[0]) or "network"
    return GivenNetwork(label, f"{PREFIX}{name}@{code[:8]}", code, data)


def receive(given: GivenNetwork) -> None:
    """Register a network in the process that runs it."""
    with compiling_left_out():  # unpickling may import modules
        _received[given.spec] = given, cloudpickle.loads(given.data)


def received(name: str) -> tuple[Callable[..., Any], str]:
    """Return the object of a spec and the SHA-256 of its code.

    Raises:
        ModelError: if this process has not received it.
    """
    if name not in _received:
        raise ModelError(
            f"{quote(name)} was given by a Python program, which alone can build it",
            "`convcompare.compare` with the same object",
        )
    given, builder = _received[name]
    return builder, given.code


_received: dict[str, tuple[GivenNetwork, Callable[..., Any]]] = {}


def _label(builder: Any) -> str:
    """Return the name of an object in tables, with the arguments of a partial."""
    if isinstance(builder, functools.partial):
        values = [*map(repr, builder.args), *(f"{k}={v!r}" for k, v in builder.keywords.items())]
        return f"{_label(builder.func)}({', '.join(values)})"
    name = getattr(builder, "__name__", None) or type(builder).__name__
    return "lambda" if name == "<lambda>" else str(name)


def fingerprint(value: Any) -> str:
    """Return the SHA-256, in hex, of the code of an object and of all that it refers to.

    It covers bytecode, constants, defaults, captured values and the globals that are used. Objects
    of installed packages count by name, local modules by their files.
    """
    digest = hashlib.sha256()
    for part in _parts(value, {}):
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()


def _parts(value: Any, seen: dict[int, int]) -> Iterator[str | bytes]:
    """Yield all that identifies a value, in parts; repeated objects as their number in `seen`."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        yield f"{type(value).__name__} {value!r}"
        return
    if id(value) in seen:
        yield f"again {seen[id(value)]}"
        return
    seen[id(value)] = len(seen)
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous()
        yield f"tensor {value.dtype} {tuple(value.shape)}"
        yield value.flatten().view(torch.uint8).numpy().tobytes()
    elif isinstance(value, np.ndarray):
        yield f"array {value.dtype} {value.shape}"
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, ModuleType):
        yield from _module(value)
    elif isinstance(value, type | FunctionType) and _module_of(value) is not None:
        yield f"named {value.__module__} {value.__qualname__}"
        yield from _module(sys.modules[value.__module__])
    elif isinstance(value, type):
        yield from _class(value, seen)
    elif isinstance(value, FunctionType):
        yield from _function(value, seen)
    elif isinstance(value, CodeType):
        yield from _code(value, seen)
    else:
        yield from _other(value, seen)


def _module(module: ModuleType) -> Iterator[str]:
    yield f"module {module.__name__}"
    if is_local(getattr(module, "__file__", None)):
        yield code_sha256(module) or ""


def _module_of(value: Any) -> str | None:
    """Return the module from which a class or function can be imported; None without one."""
    module = sys.modules.get(value.__module__)
    named = hasattr(module, "__file__") or value.__module__ in sys.builtin_module_names
    if module is None or value.__module__ == "__main__" or not named:
        return None
    found: Any = module
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return value.__module__ if found is value else None


def _class(value: type, seen: dict[int, int]) -> Iterator[str | bytes]:
    yield f"class {value.__name__}"
    for base in value.__bases__:
        yield from _parts(base, seen)
    hidden = (
        "__dict__",
        "__weakref__",
        "__module__",
        "__doc__",
        "__firstlineno__",
        "__static_attributes__",
    )
    for name in sorted(vars(value)):
        if name not in hidden:
            yield name
            yield from _parts(vars(value)[name], seen)


def _function(function: FunctionType, seen: dict[int, int]) -> Iterator[str | bytes]:
    yield f"function {function.__name__}"
    yield from _parts(function.__code__, seen)
    for part in (function.__defaults__, function.__kwdefaults__):
        yield from _parts(part, seen)
    for cell in function.__closure__ or ():
        yield from _parts(cell.cell_contents, seen)
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            yield name
            yield from _parts(function.__globals__[name], seen)


def _names(code: CodeType) -> set[str]:
    """Return the names that code may read from its globals, including inner functions."""
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _code(code: CodeType, seen: dict[int, int]) -> Iterator[str | bytes]:
    yield f"code {code.co_varnames} {code.co_names} {code.co_freevars}"
    yield code.co_code
    for const in code.co_consts:
        yield from _parts(const, seen)


def _other(value: Any, seen: dict[int, int]) -> Iterator[str | bytes]:
    yield f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, functools.partial):
        yield from _parts([value.func, value.args, value.keywords], seen)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _parts(key, seen)
            yield from _parts(item, seen)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item, seen)
    elif isinstance(value, set | frozenset):
        yield from sorted(fingerprint(item) for item in value)
    elif isinstance(value, staticmethod | classmethod):
        yield from _parts(value.__func__, seen)
    elif isinstance(value, property):
        yield from _parts([value.fget, value.fset, value.fdel], seen)
    elif inspect.ismethod(value):
        yield from _parts([value.__func__, value.__self__], seen)
    elif type(value).__module__ == "torch" or inspect.isbuiltin(value):
        yield repr(value) if not inspect.isbuiltin(value) else value.__name__
    elif hasattr(value, "__dict__"):
        yield from _parts(dict(vars(value)), seen)
    else:
        yield cloudpickle.dumps(value)
