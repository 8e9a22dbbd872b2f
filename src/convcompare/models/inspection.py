"""What can be seen of a network without training it: its size, its cost, its unused weights.

Every function leaves the network as it was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .devices import forked_random
from .interface import copied
from .mac_counter import Tally, count_pass, tallies_of

if TYPE_CHECKING:
    from .shape import Shape


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode within; afterwards each module is in the mode that it was in."""
    modules = [module for module in model.modules() if hasattr(module, "training")]  # not if frozen
    training = {module: module.training for module in modules}
    model.eval()
    try:
        yield
    finally:
        for module, mode in training.items():
            module.training = mode


def parameters(model: nn.Module) -> int:
    """Trainable elements, none that are frozen: BatchNorm's affine ones count, no statistics."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


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


def parameters_without_gradient(model: nn.Module, shape: Shape) -> list[str]:
    """Names of the trainable parameters that no gradient of the logits reaches.

    Two images are pushed forward and backward through a copy, on the device of the network; on
    ``meta`` nothing is computed. In training mode, then in evaluation mode, which uses the layers
    that training leaves out at random. A gradient that is zero has reached its parameter.
    """
    replica = copied(model)
    left = [(name, p) for name, p in replica.named_parameters() if p.requires_grad]
    for training in (True, False):
        if not left:
            break
        device = left[0][1].device
        size = (2, shape.in_channels, shape.image_size, shape.image_size)
        with forked_random(device), torch.enable_grad():
            logits = replica.train(training)(torch.rand(size, device=device))
            if not training and not logits.requires_grad:
                break
            found = torch.autograd.grad(logits.sum(), [p for _, p in left], allow_unused=True)
        left = [one for one, gradient in zip(left, found, strict=True) if gradient is None]
    return [name for name, _ in left]
