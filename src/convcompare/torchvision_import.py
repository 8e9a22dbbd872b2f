"""The only place that imports torchvision, beside whatever build of torch is here.

torchvision's compiled extension does not load beside a torch of another build (a CUDA torchvision
beside a CPU torch, as package indexes mix them). `import torchvision` then stops, not at the
extension, but where Python code registers a shape function for an operator that the extension would
have defined: ``operator torchvision::nms does not exist``. Data sets, transforms and networks use
none of these operators, so on exactly that error a schema is defined, and the import tried again.
"""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType

import torch

_MISSING = re.compile(r"operator (torchvision::\w+) does not exist")
_ATTEMPTS = 20


def load(name: str = "torchvision") -> ModuleType:
    """Import torchvision, or a module of it, defining the schemas of missing operators."""
    for _ in range(_ATTEMPTS):
        try:
            return importlib.import_module(name)
        except RuntimeError as error:
            missing = _MISSING.search(str(error))
            if missing is None:
                raise
            _define(missing[1])
            for module in [m for m in sys.modules if m.partition(".")[0] == "torchvision"]:
                del sys.modules[module]
    return importlib.import_module(name)


def _define(operator: str) -> None:
    torch.library.define(operator, "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
