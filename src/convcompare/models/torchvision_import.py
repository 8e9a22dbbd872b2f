"""Import of torchvision, here only, since it fails with some builds of torch.

torchvision registers shapes for operators (nms, qnms) of its compiled extension. If the extension
does not load, with a torch of another build, those operators do not exist and the import fails,
although networks, transforms and data sets are plain Python and need none of them. Declaring the
missing operators is enough; calling one still raises an error. Versions 0.25 to 0.29 need this
(`tests/test_private_names.py` fails for one that does not); if the extension loads, this does
nothing.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from convcompare.core.errors import ModelError

T = TypeVar("T")

_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")
_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_declared: set[str] = set()


def import_torchvision(module: str = "torchvision") -> Any:
    """Import a module of torchvision, such as ``torchvision.transforms.v2``.

    Raises:
        ModelError: if torchvision is not installed. Other errors are passed on.
    """
    if "torchvision" not in sys.modules:
        _forget()  # modules that a failed import in user code has left
    while True:
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != "torchvision":
                raise
            raise ModelError("torchvision is not installed", "pip install torchvision") from None
        except RuntimeError as error:
            missing = _MISSING.search(str(error))
            if missing is None or missing[1] in _declared:
                raise
            _declare(missing[1])
            _forget()


def mended(call: Callable[[], T]) -> T:
    """Return what `call` returns; call it again if it failed at missing torchvision operators."""
    try:
        return call()
    except RuntimeError as error:
        if not _MISSING.search(str(error)):
            raise
        import_torchvision()
        return call()


def _declare(operator: str) -> None:
    import torch

    schema = _SCHEMAS.get(operator, "(...) -> ...")
    torch.library.define(f"torchvision::{operator}", schema)
    _declared.add(operator)


def _forget() -> None:
    """Remove partly imported modules, so that the next import starts over."""
    partial: list[tuple[str, ModuleType]] = [
        (name, module) for name, module in sys.modules.items()
        if name.partition(".")[0] == "torchvision"
    ]  # fmt: skip
    for name, _ in partial:
        del sys.modules[name]
