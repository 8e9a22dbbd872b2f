"""Spares processes that compile nothing the import of torch's compiler (1.3 s of a processor).

torch imports ``torch._dynamo`` to keep its compiler away from methods of its optimizers and from
the shapes of operators on the ``meta`` device. Until something else imports the compiler, they are
called as they are.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import torch
import torch._refs
from torch._decomp import global_decomposition_table
from torch.optim import Optimizer

Kind = TypeVar("Kind", bound=Optimizer)
_MARK = "__dynamo_disable"
"""Where torch keeps the marked form of such a function (`torch._compile`, as of torch 2.13)."""


def spare_shapes() -> None:
    """Let operators on the ``meta`` device run without the compiler."""
    _spare(vars(torch._refs).values())
    for table in global_decomposition_table.values():
        _spare(table.values())


def spare_methods(*classes: type[Any]) -> None:
    """Let the methods of classes run without the compiler."""
    _spare(method for one in classes for method in vars(one).values())


def without_compiler(kind: type[Kind]) -> type[Kind]:
    """A kind of optimizer, one of torch's, whose steps run without the compiler, bit for bit."""
    step = kind.step
    inner = inspect.unwrap(step)

    def alone(self: Optimizer, closure: Any = None) -> Any:
        if _compiler() is not None:
            return step(self, closure)
        before = torch.is_grad_enabled()
        torch.set_grad_enabled(self.defaults["differentiable"])
        try:
            return inner(self, closure)
        finally:
            torch.set_grad_enabled(before)

    made = type(kind.__name__, (kind,), {"step": alone, "__doc__": kind.__doc__})
    return cast("type[Kind]", made)


def _compiler() -> Any:
    """torch's compiler, where it has been imported; None elsewhere."""
    found = sys.modules.get("torch._dynamo")
    return found if hasattr(found, "disable") else None


def _spare(functions: Iterable[Any]) -> None:
    """Spare functions, and what they wrap, where torch would have its compiler mark them."""
    for function in functions:
        while (code := getattr(function, "__code__", None)) is not None:
            held = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
            inner = held["fn"].cell_contents if "fn" in held else None
            if inner is not None and code.co_filename.endswith("_compile.py"):
                vars(inner).setdefault(_MARK, _unmarked(inner))
            function = inner


def _unmarked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Calls a function as it is; once the compiler is there, leaves the marking to it."""

    def call(*arguments: Any, **options: Any) -> Any:
        compiler = _compiler()
        if compiler is None:
            return function(*arguments, **options)
        marked = compiler.disable(function, wrapping=False)
        setattr(function, _MARK, marked)
        return marked(*arguments, **options)

    return call
