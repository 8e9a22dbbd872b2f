"""Spares processes that compile nothing the import of torch's compiler (1.8 s of a processor).

torch imports ``torch._dynamo`` at the first call of methods that its compiler must not trace, only
to mark them so. Nothing that this tool compiles calls them: they are called as they are.
"""

from __future__ import annotations

from typing import Any

_MARK = "__dynamo_disable"
"""Where torch keeps the marked form of such a method (`torch._compile`, as of torch 2.13)."""


def spare_compiler(*classes: type[Any]) -> None:
    """Let the methods of classes run without the compiler; nothing where torch has no such mark."""
    for one in classes:
        for method in vars(one).values():
            function = getattr(method, "__wrapped__", None)
            code = getattr(method, "__code__", None)
            if function is not None and code and code.co_filename.endswith("_compile.py"):
                vars(function).setdefault(_MARK, function)
