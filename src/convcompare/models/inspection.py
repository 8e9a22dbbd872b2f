"""Size and cost of a network without training it.

Every function leaves the network unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .equality import same_value
from .mac_counter import Tally, count_pass, tallies_of

AfterCall = Callable[[str, nn.Module, tuple[Any, ...], dict[str, Any], Any], None]
"""Receives a module's name, the module, and the positional arguments, keyword arguments and output
of a call."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Set evaluation mode within the context; then restore all modes, parameters and buffers.

    State that a network derives from evaluation images must not affect its training, nor may
    weights stay in a form for evaluation, as those of LoRA do.
    """
    training = {module: module.training for module in model.modules()}
    tensors = [
        (module, name, tensor, tensor.detach().clone())
        for module in training
        for name, tensor in (
            *module.named_parameters(recurse=False),
            *module.named_buffers(recurse=False),
        )
    ]
    model.eval()
    try:
        yield
    finally:
        if training[model]:
            model.train()
        for module, mode in training.items():
            module.training = mode
        with torch.no_grad():
            for module, name, tensor, before in tensors:
                if getattr(module, name, None) is not tensor:
                    setattr(module, name, tensor)
                _restore(tensor, before)


def _restore(tensor: Tensor, before: Tensor) -> None:
    """Give a tensor the shape and the values that it had."""
    if tensor.is_meta or same_value(tensor, before):
        return
    if tensor.shape != before.shape:  # observers of quantisation resize buffers
        tensor.resize_(before.shape)
    tensor.copy_(before)


@contextmanager
def calls_seen(
    modules: Iterable[tuple[str, nn.Module]],
    after: AfterCall = lambda *_: None,
    before: Callable[[str, nn.Module], None] = lambda *_: None,
) -> Iterator[None]:
    """Return a context in which `before` and `after` are called around each call of `modules`.

    Args:
        modules: modules with their names.
        after: receives name, module, positional and keyword arguments, and output.
        before: receives name and module.
    """
    with ExitStack() as stack:
        for name, module in modules:

            def enter(module: nn.Module, _: Any, name: str = name) -> None:
                before(name, module)

            def leave(
                module: nn.Module, given: Any, named: Any, output: Any, name: str = name
            ) -> None:
                after(name, module, given, named, output)

            stack.callback(module.register_forward_pre_hook(enter).remove)
            stack.callback(module.register_forward_hook(leave, with_kwargs=True).remove)
        yield


def parameters(model: nn.Module) -> int:
    """Return the number of trainable elements, including BatchNorm's affine parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def frozen_parameters(model: nn.Module) -> int:
    """Return the number of elements of frozen parameters."""
    return sum(p.numel() for p in model.parameters() if not p.requires_grad)


def count_macs(model: nn.Module, images: Tensor, all_alike: bool = False) -> tuple[Tally, Any]:
    """Count the multiply-accumulates of a pass of one image in evaluation mode.

    Convolutions and matrix products count, without bias; FLOPs are twice as many. Work that a pass
    does once for any number of images counts in full.

    Args:
        model: the network, which is not changed.
        images: images (n, c, h, w).
        all_alike: whether the network is known to do no such work, so that one pass is enough.

    Returns:
        The counts for one image, and the output for all images.
    """
    with evaluating(model), torch.no_grad():
        if all_alike:
            tallies, output = count_pass(model, images, torch_only=True)
            total = sum(tallies.values(), Tally())
            return Tally(total.counted // len(images), total.names), output
        output = model(images.clone())
        return sum(tallies_of(model, images).values(), Tally()), output
