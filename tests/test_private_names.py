"""Private names of other packages in the source: all are listed and still exist.

A removed name fails here, by name, before it fails in a training.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch._compile
from torch import nn

from benchmarks.structure import modules, tree

OPERATOR = torch.ops.aten.mm.default
LISTED: dict[str, tuple[object, str]] = {
    "_refs": (torch, "shapes on `meta` without the compiler (models/compiler_import.py)"),
    "_decomp": (torch, "the same"),
    "_python_dispatch": (torch.utils, "to see a pass's operators: MACs, weights, fields"),
    "_device": (torch.utils, "to make tensors on `meta` and draw nothing (models/meta_device.py)"),
    "_device_constructors": (torch.utils._device, "the same"),
    "_disable_current_modes": (torch.utils._python_dispatch, "to compute within such a mode"),
    "_C": (torch, "`DisableTorchFunction`, for the same"),
    "_functorch": (torch._C, "whether a tensor is one of `torch.vmap` (receptive fields)"),
    "_forward_hooks": (nn.ReLU(), "to keep the compiler off a hook (training/compilation.py)"),
    "_forward_pre_hooks": (nn.ReLU(), "to find a hook of ours (models/interface.py)"),
    "_backward_hooks": (torch.ones(1), "to copy hooks on gradients (models/interface.py)"),
    "_version": (torch.ones(1), "whether a network writes into its images (models/interface.py)"),
    "_is_view": (torch.ones(1), "whether a change reaches its base (receptive fields)"),
    "_cdata": (torch.ones(1).untyped_storage(), "which tensors share memory, on `meta` too"),
    "_schema": (OPERATOR, "which arguments an operator changes (receptive fields)"),
    "_overloadname": (OPERATOR, "the same"),
    "_can_decompose": (OPERATOR, "whether an operator has parts (models/mac_counter.py)"),
    "_adaptive_avg_pool2d": (torch.ops.aten, "its shape on `meta` (models/meta_device.py)"),
    "_is_amx_tile_supported": (torch.cpu, "until torch 2.11 is the floor: `get_capabilities`"),
    "_is_avx512_bf16_supported": (torch.cpu, "the same"),
}
"""By name: owner and purpose. No names of typer, click, rich, matplotlib or torchvision."""
MARK = "__dynamo_disable"
"""An attribute that torch's compiler reads (models/compiler_import.py)."""


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def own_names(trees: list[ast.Module]) -> set[str]:
    """Return the names of members of the source's own classes and objects."""
    nodes = [node for one in trees for node in ast.walk(one)]
    members = [member for node in nodes if isinstance(node, ast.ClassDef) for member in node.body]
    found = {one.name for one in members if isinstance(one, ast.FunctionDef)}
    assigned = [one for one in members if isinstance(one, ast.Assign | ast.AnnAssign)]
    found |= {one.id for m in assigned for one in ast.walk(m) if isinstance(one, ast.Name)}
    return found | {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }


def used(module: ast.Module) -> Iterator[str]:
    """Iterate over private names of others, in imports and as attributes."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield from filter(private, node.module.split("."))
            if node.module.partition(".")[0] not in (*sys.stdlib_module_names, "convcompare"):
                yield from (one.name for one in node.names if private(one.name))
        elif isinstance(node, ast.Import):
            names = [one.name for one in node.names]
            yield from (p for n in names if n not in sys.stdlib_module_names for p in n.split("."))
        elif isinstance(node, ast.Attribute) and private(node.attr):
            root = ast.unparse(node.value).partition(".")[0]
            if root not in ("self", "cls", *sys.stdlib_module_names):
                yield node.attr


def test_every_private_name_is_listed() -> None:
    trees = [tree(path) for path in modules().values()]
    own = own_names(trees)
    found = {name for one in trees for name in used(one) if private(name)} - own
    assert found == LISTED.keys()


@pytest.mark.parametrize("name", LISTED)
def test_every_listed_name_exists(name: str) -> None:
    assert hasattr(LISTED[name][0], name)


def test_torch_still_uses_the_mark_for_uncompiled_functions() -> None:
    """The attribute is private to `torch._compile` and no member of a module."""
    assert MARK in Path(torch._compile.__file__).read_text(encoding="utf-8")


BROKEN = """
import torch
def missing(path): raise OSError("another build")
torch.ops.load_library = missing
try:
    import torchvision
except RuntimeError as error:
    print(error)
from convcompare.models.torchvision_import import import_torchvision
print(import_torchvision("torchvision.models").resnet18.__name__)
"""


@pytest.mark.torture
def test_torchvision_still_needs_the_import_workaround() -> None:
    """If this fails, `models/torchvision_import.py` is needed only for older versions.

    torchvision is imported without its compiled operators.
    """
    output = subprocess.run(
        [sys.executable, "-c", BROKEN], capture_output=True, check=True, text=True
    )
    assert output.stdout.splitlines() == ["operator torchvision::nms does not exist", "resnet18"]
