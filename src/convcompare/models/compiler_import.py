"""Avoid importing torch's compiler (1.3 s of CPU time) in processes that compile nothing.

torch imports ``torch._dynamo`` to exclude methods of its optimizers, and the shapes of operators on
the ``meta`` device, from compilation. Here they run unchanged until something else imports the
compiler.

Calls of `torch.compile` and `torch.jit.script` in user code are left out. Otherwise functions would
be compiled again for each mode and batch size of the examination, and the layers of a script would
be hidden. The option `--compile` determines whether training steps are compiled.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, TypeVar, cast

import torch
import torch._refs
from torch._decomp import global_decomposition_table
from torch.optim import Optimizer

Kind = TypeVar("Kind", bound=Optimizer)
_MARK = "__dynamo_disable"
"""Attribute in which torch stores the function excluded from compilation (`torch._compile`, as of
torch 2.13)."""


def spare_shapes() -> None:
    """Let operators on the ``meta`` device run without the compiler."""
    _spare(vars(torch._refs).values())
    for table in global_decomposition_table.values():
        _spare(table.values())


def spare_methods(*classes: type[Any]) -> None:
    """Let the methods of classes run without the compiler."""
    _spare(method for one in classes for method in vars(one).values())


def without_compiler(kind: type[Kind]) -> type[Kind]:
    """Return a subclass of a torch optimizer whose steps do not import the compiler.

    The results are bit-identical.
    """
    step = kind.step
    inner = inspect.unwrap(step)

    def plain_step(self: Optimizer, closure: Any = None) -> Any:
        if _compiler() is not None:
            return step(self, closure)
        before = torch.is_grad_enabled()
        torch.set_grad_enabled(self.defaults["differentiable"])
        try:
            return inner(self, closure)
        finally:
            torch.set_grad_enabled(before)

    made = type(kind.__name__, (kind,), {"step": plain_step, "__doc__": kind.__doc__})
    return cast("type[Kind]", made)


@contextmanager
def compiling_left_out() -> Iterator[list[Any]]:
    """Make `torch.compile` and `torch.jit.script` return their argument within the context.

    Yields a list that receives these functions and modules. Calls of `torch.jit.script` by torch
    itself are not affected.
    """
    skipped: list[Any] = []
    compiling, scripting = torch.compile, torch.jit.script

    def leave(model: Any = None, *_: Any, **options: Any) -> Any:
        if model is None:
            return leave
        skipped.append(model)
        if inspect.isfunction(model):  # other modules may have the same class
            _left_out.add(inspect.unwrap(model).__code__)
        return model

    def leave_script(model: Any, *more: Any, **options: Any) -> Any:
        by_torch = sys._getframe(1).f_globals.get("__name__", "").startswith("torch.")
        return scripting(model, *more, **options) if by_torch else leave(model)

    torch.compile = leave
    torch.jit.script = leave_script  # type: ignore[assignment]
    try:
        yield skipped
    finally:
        torch.compile, torch.jit.script = compiling, scripting


def calls_left_out(call: Callable[[], object]) -> bool:
    """Return whether `call` calls a function whose compilation was left out."""
    called: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called.add(frame.f_code)

    if _left_out:
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            call()
        finally:
            sys.setprofile(before)
    return not _left_out.isdisjoint(called)


_left_out: set[CodeType] = set()
"""Code of user functions whose compilation was left out."""


def _compiler() -> Any:
    """Return torch's compiler if it has been imported, else None."""
    found = sys.modules.get("torch._dynamo")
    return found if hasattr(found, "disable") else None


def _spare(functions: Iterable[Any]) -> None:
    """Exclude functions, and those they wrap, from compilation without the compiler's import."""
    for function in functions:
        while (code := getattr(function, "__code__", None)) is not None:
            held = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
            inner = held["fn"].cell_contents if "fn" in held else None
            if inner is not None and code.co_filename.endswith("_compile.py"):
                vars(inner).setdefault(_MARK, _unmarked(inner))
            function = inner


def _unmarked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls `function`, and lets the compiler exclude it once imported."""

    def call(*arguments: Any, **options: Any) -> Any:
        compiler = _compiler()
        if compiler is None:
            return function(*arguments, **options)
        marked = compiler.disable(function, wrapping=False)
        setattr(function, _MARK, marked)
        return marked(*arguments, **options)

    return call
