"""Adapters that let the trainer treat foreign networks like those of the zoo.

They are hooks on the network, which leave the names of its parameters and its state unchanged.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from types import CellType, FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from .equality import close
from .randomness import seeded


@dataclass(frozen=True)
class InputGuard:
    """A hook that passes images to a network in the form that it needs.

    Args:
        contiguous: whether images are (n, c, h, w) in memory, for networks whose views need that.
        own: whether images are copied, for networks that write into them.
    """

    contiguous: bool
    own: bool

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the inputs of a call in the form that the network needs."""
        return tuple(self._guarded(x) if isinstance(x, Tensor) else x for x in inputs)

    def _guarded(self, images: Tensor) -> Tensor:
        if self.own:
            images = images.clone()
        return in_order(images) if self.contiguous else images


def in_order(images: Tensor) -> Tensor:
    """Return images (n, c, h, w) with contiguous strides, also for a single channel.

    With one channel, all memory layouts are the same, and only the strides determine the layout of
    a convolution's output.
    """
    if images.stride() == torch.empty(images.shape, device="meta").stride():
        return images
    return images.reshape(-1).view(images.shape)


def guard(model: nn.Module, contiguous: bool, own: bool) -> None:
    """Register an `InputGuard` on a network, if it needs one."""
    if contiguous or own:
        model.register_forward_pre_hook(InputGuard(contiguous, own))


def is_contiguous(model: nn.Module) -> bool:
    """Return whether a network needs contiguous images, and thus no channels-last layout."""
    hooks = model._forward_pre_hooks.values()
    return any(isinstance(hook, InputGuard) and hook.contiguous for hook in hooks)


def take_logits(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
    """Forward hook: return an output's ``logits``, or None to keep outputs without that name."""
    if isinstance(output, Mapping) and isinstance(output.get("logits"), Tensor):
        return output["logits"]
    named = getattr(output, "logits", None)
    return named if isinstance(named, Tensor) else None


def materialise(model: nn.Module, images: Tensor) -> None:
    """Initialise lazy layers by one pass of `images` (n, c, h, w) in evaluation mode.

    Their initial weights come from the current state of the generators.
    """
    if not any(map(is_lazy, [*model.parameters(), *model.buffers()])):
        return
    modes = {module: module.training for module in model.modules()}
    with torch.no_grad():
        model.eval()
        model(images)
    for module, mode in modes.items():
        module.training = mode


def copied(model: nn.Module) -> nn.Module:
    """Return a copy that shares nothing with the network, including the hooks of its gradients.

    Tensors of the autograd graph are copied by value: activations that a network stores, and
    weights that `torch.nn.utils.weight_norm` derives, which its hook computes again. References to
    the network in functions of its modules, such as hooks, become references to the copy.
    """
    memo: dict[int, Any] = {}
    with _ByValue():
        replica = copy.deepcopy(model, memo)
    for module in replica.modules():
        for held in (vars(module), *vars(module).values()):
            if isinstance(held, dict):
                held.update({key: _rebound(value, memo) for key, value in held.items()})
    for old, new in zip(model.parameters(), replica.parameters(), strict=True):
        for hook in (old._backward_hooks or {}).values():
            new.register_hook(_rebound(hook, memo))  # type: ignore[no-untyped-call]
        for hook in (getattr(old, "_post_accumulate_grad_hooks", None) or {}).values():
            hook = _rebound(hook, memo)
            new.register_post_accumulate_grad_hook(hook)  # type: ignore[no-untyped-call]
    return replica


def _rebound(value: Any, memo: dict[int, Any]) -> Any:
    """Return a function or method that refers to copies of what it captured; other values as is.

    `memo` is that of deepcopy, which copies no functions: the copies by the ids of the originals.
    """
    if isinstance(value, MethodType):
        own = memo.get(id(value.__self__), value.__self__)
        return value if own is value.__self__ else MethodType(value.__func__, own)
    if not isinstance(value, FunctionType) or id(value) in memo:
        return memo.get(id(value), value)
    memo[id(value)] = value  # it may capture itself
    cells = value.__closure__ or ()
    new = tuple(_rebound(cell.cell_contents, memo) for cell in cells)
    if all(one is cell.cell_contents for one, cell in zip(new, cells, strict=True)):
        return value
    function = FunctionType(
        value.__code__,
        value.__globals__,
        value.__name__,
        value.__defaults__,
        tuple(
            cell if one is cell.cell_contents else CellType(one)
            for one, cell in zip(new, cells, strict=True)
        ),
    )
    function.__kwdefaults__ = value.__kwdefaults__
    memo[id(value)] = function
    return function


class _ByValue(TorchFunctionMode):
    """Copies tensors that torch refuses to copy: those that are no leaves, or sparse by rows."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function is Tensor.__deepcopy__ and not (
            args[0].is_leaf and args[0].layout == torch.strided
        ):
            found = args[0].detach().clone()
            args[1][id(args[0])] = found
            return found
        return function(*args, **(kwargs or {}))


def lay_out(model: nn.Module) -> None:
    """Convert the weights and buffers of four dimensions to channels-last layout.

    Strides change even if a single channel makes no difference in memory, since they are compared
    with those of the gradients when training on several devices.
    """
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.ndim == 4:
                tensor.data = tensor.data.to(memory_format=torch.channels_last)


def in_mode(model: nn.Module, training: bool) -> nn.Module:
    """Set training or evaluation mode and return the network, whose `train` may return None."""
    if training:
        model.train()
    else:
        model.eval()
    return model


def output_of(model: nn.Module, images: Tensor, seed: int) -> Tensor:
    """Return the output for a copy of the images, with the global generators seeded.

    Gradients are recorded only if a pass in training mode fails without them, as that of a deep
    equilibrium network, which registers a hook on its activations.
    """
    try:
        with torch.no_grad(), seeded(seed):
            output: Tensor = model(images.clone())
    except RuntimeError:
        if not model.training:
            raise
        with torch.enable_grad(), seeded(seed):
            output = model(images.clone())
    return output.detach()


def input_needs(model: nn.Module, images: Tensor) -> tuple[bool, bool]:
    """Return the arguments of `InputGuard` for a network.

    Channels-last images have the strides of that layout, as in the trainer, even if a single
    channel makes no difference in memory.

    Args:
        model: the network, which is changed.
        images: contiguous images (n, c, h, w) on the device of the network.

    Returns:
        Whether the network fails on channels-last images only or gives other outputs for them, and
        whether it writes into images.
    """
    mine, replica, plain = images.clone(), copied(model), copied(model)
    if not images.is_meta:
        mine.copy_(torch.rand(images.shape, generator=torch.Generator().manual_seed(0)))
    before, version = mine.clone(), mine._version
    with torch.no_grad():
        in_mode(replica, True)(mine)
        in_mode(replica, False)(mine)
    # Writing through `data` and NumPy leaves the version unchanged.
    writes = mine._version > version or not (mine.is_meta or mine.equal(before))
    lay_out(model)
    other = copied(model)
    try:
        with torch.enable_grad():
            logits = in_mode(model, True)(_laid_out(images))
            logits.sum().backward()
    except RuntimeError:
        return True, writes
    return not images.is_meta and _reads_memory(plain, other, before), writes


def _laid_out(images: Tensor) -> Tensor:
    """Return images (n, c, h, w) with the strides of the channels-last layout."""
    rows = images.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
    return rows.permute(0, 3, 1, 2)


@torch.no_grad()
def _reads_memory(plain: nn.Module, laid_out: nn.Module, images: Tensor) -> bool:
    """Return whether the layout of images changes outputs, as `as_strided` with fixed strides does.

    False if outputs are random or not finite.

    Args:
        plain: the network.
        laid_out: its copy with channels-last weights.
        images: contiguous images (n, c, h, w).
    """

    def output(model: nn.Module, images: Tensor) -> Any:
        with seeded(0):  # it may draw in its first pass
            return in_mode(model, False)(images)

    expected, again = (output(plain, images.clone()) for _ in range(2))
    if not (isinstance(expected, Tensor) and expected.isfinite().all() and expected.equal(again)):
        return False
    return not close(expected, output(laid_out, _laid_out(images)))
