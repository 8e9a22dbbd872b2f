"""What is put around a network from outside, so that the trainer may treat it as one of its own.

Hooks on the whole network, which leave the names of its parameters and its state as they are.
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


@dataclass(frozen=True)
class InputGuard:
    """A hook that hands a network its images as it needs them.

    Args:
        contiguous: in (n, c, h, w) order in memory, for a network whose views need that.
        own: in memory of its own, for a network that writes into them.
    """

    contiguous: bool
    own: bool

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs of a call, guarded."""
        return tuple(self._guarded(x) if isinstance(x, Tensor) else x for x in inputs)

    def _guarded(self, images: Tensor) -> Tensor:
        if self.own:
            images = images.clone()
        return in_order(images) if self.contiguous else images


def in_order(images: Tensor) -> Tensor:
    """Images (n, c, h, w) whose strides say that they lie in this order, of one channel too.

    Of one channel every order is the same in memory, and the strides alone decide how a convolution
    lays out what it gives.
    """
    if images.stride() == torch.empty(images.shape, device="meta").stride():
        return images
    return images.reshape(-1).view(images.shape)


def guard(model: nn.Module, contiguous: bool, own: bool) -> None:
    """Let a network have its images so from now on; nothing is changed if neither is needed."""
    if contiguous or own:
        model.register_forward_pre_hook(InputGuard(contiguous, own))


def is_contiguous(model: nn.Module) -> bool:
    """Whether a network must not be laid out channels-last."""
    hooks = model._forward_pre_hooks.values()
    return any(isinstance(hook, InputGuard) and hook.contiguous for hook in hooks)


def take_logits(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
    """A hook: the logits of an output that has them under that name, everything else as it is."""
    if isinstance(output, Mapping) and isinstance(output.get("logits"), Tensor):
        return output["logits"]
    named = getattr(output, "logits", None)
    return named if isinstance(named, Tensor) else None


def materialise(model: nn.Module, images: Tensor) -> None:
    """Give lazy layers their sizes by one pass of `images` (n, c, h, w) in evaluation mode.

    Their initial weights come from the generators as these are.
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
    """A copy that shares nothing with the network, and has the hooks of its gradients too.

    Tensors that hang on the autograd graph are copied by value: activations that a network keeps,
    and weights as `torch.nn.utils.weight_norm` derives them, which its hook makes again. Functions
    that its modules hold, such as hooks, refer to the copy where they referred to the network.
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
    """A function or method that refers to the copies of what it captured; anything else as it is.

    `memo` of deepcopy, which copies no functions, has the copies by the ids of the originals.
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
    """Lets tensors be copied that torch does not copy: those that are no leaves."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function is Tensor.__deepcopy__ and not args[0].is_leaf:
            found = args[0].detach().clone()
            args[1][id(args[0])] = found
            return found
        return function(*args, **(kwargs or {}))


def lay_out(model: nn.Module) -> None:
    """Put the weights and buffers of four dimensions into channels-last order in memory.

    By their strides, even where one channel leaves no difference: several devices compare them
    with those of the gradients.
    """
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.ndim == 4:
                tensor.data = tensor.data.to(memory_format=torch.channels_last)


def in_mode(model: nn.Module, training: bool) -> nn.Module:
    """The network, put into training or evaluation mode: its own `train` may return nothing."""
    if training:
        model.train()
    else:
        model.eval()
    return model


def input_needs(model: nn.Module, images: Tensor) -> tuple[bool, bool]:
    """Whether a network fails on images laid out channels-last alone, and whether it writes into
    its images: the arguments of `InputGuard`.

    images: (n, c, h, w), contiguous, on the device of the network, which is used up. They are laid
    out as the trainer has them: by their strides, even where one channel leaves no difference.
    """
    mine, replica = images.clone(), copied(model)
    with torch.no_grad():
        in_mode(replica, True)(mine)
        in_mode(replica, False)(mine)
    lay_out(model)
    laid_out = images.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
    try:
        with torch.enable_grad():
            logits = in_mode(model, True)(laid_out.permute(0, 3, 1, 2))
            logits.sum().backward()
    except RuntimeError:
        return True, mine._version > 0
    return False, mine._version > 0
