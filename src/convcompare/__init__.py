"""Compare convolutional networks fairly: each number from a run record, costs measured alike.

    import convcompare as cc

    c = cc.compare(["fcn", "simple"], dataset="mnist-mini", epochs=1)
    c.to_dataframe()
    c.plot("learning-curves")

`compare` runs what the command of that name runs, with the same options, into the same store;
`read` is what has run before. Every error that is raised on purpose is a `ConvcompareError`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .core.version import __version__

if TYPE_CHECKING:
    from .api import Result, compare, read
    from .core.errors import ConvcompareError
    from .core.registry import register

__all__ = ["ConvcompareError", "Result", "__version__", "compare", "read", "register"]

_HOMES = {
    "ConvcompareError": "core.errors",
    "Result": "api",
    "compare": "api",
    "read": "api",
    "register": "core.registry",
}
"""The modules of the public names, imported when a name is first asked for (PEP 562)."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
