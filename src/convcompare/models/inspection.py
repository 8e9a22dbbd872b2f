"""What can be seen of a network without training it: its size and its cost.

Every function leaves the network as it was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .mac_counter import Tally, count_pass, tallies_of


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode within; afterwards each module is in the mode that it was in, with the parameters
    and buffers that it had: what a network notes of the images that it is evaluated on must not
    reach its training, nor may weights stay in a form for evaluation, as those of LoRA do.
    """
    modules = [module for module in model.modules() if hasattr(module, "training")]  # not if frozen
    training = {module: module.training for module in modules}
    tensors = [
        (module, name, tensor, tensor.detach().clone())
        for module in modules
        for name, tensor in (
            *module.named_parameters(recurse=False),
            *module.named_buffers(recurse=False),
        )
    ]
    model.eval()
    try:
        yield
    finally:
        if training.get(model):
            model.train()
        for module, mode in training.items():
            module.training = mode
        for module, name, tensor, before in tensors:
            if getattr(module, name, None) is not tensor and not _is_script(module):
                setattr(module, name, tensor)
            if not tensor.is_meta and not torch.equal(tensor, before):
                with torch.no_grad():
                    if tensor.shape != before.shape:  # of an observer of a quantisation
                        tensor.resize_(before.shape)
                    tensor.copy_(before)


def _is_script(module: nn.Module) -> bool:
    """Whether it gives each of its parameters and buffers as a new object."""
    return isinstance(module, torch.jit.ScriptModule)


def parameters(model: nn.Module) -> int:
    """Trainable elements, none that are frozen: BatchNorm's affine ones count, no statistics."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def frozen_parameters(model: nn.Module) -> int:
    """Elements of the parameters that are frozen."""
    return sum(p.numel() for p in model.parameters() if not p.requires_grad)


def count_macs(model: nn.Module, images: Tensor, all_alike: bool = False) -> tuple[Tally, Any]:
    """Multiply-accumulates of a pass of one image, and the output for all images (n, c, h, w).

    Counted are convolutions and matrix products, without bias, in eval mode; FLOPs are twice as
    many. What a pass does once, whatever the number of images, counts in full: one pass tells where
    it is known that there is nothing of the kind (`all_alike`). The network is left as it was
    found.
    """
    with evaluating(model), torch.no_grad():
        if all_alike:
            tallies, output = count_pass(model, images, stays=True)
            total = sum(tallies.values(), Tally())
            return Tally(total.counted // len(images), total.names), output
        output = model(images.clone())
        return sum(tallies_of(model, images).values(), Tally()), output
