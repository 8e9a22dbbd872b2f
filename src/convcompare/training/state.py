"""Training state as named tensors, and their safe serialization."""

from __future__ import annotations

from collections.abc import Mapping

import safetensors.torch
import torch
from torch import Tensor, nn

MODEL, OPTIMIZER = "model.", "optimizer."


def state_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return weights, buffers and optimizer state by name: everything that the next epoch needs."""
    named = {f"{MODEL}{name}": tensor for name, tensor in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        for name, tensor in state.items():
            named[f"{OPTIMIZER}{index}.{name}"] = tensor
    return named


def weights_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights and buffers of a state, by their names in the network."""
    return {n.removeprefix(MODEL): t for n, t in state.items() if n.startswith(MODEL)}


def restore(
    model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Restore what `state_of` returned, in the memory layout of the present weights."""
    model.load_state_dict(weights_of(tensors))
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(OPTIMIZER):
            _, index, key = name.split(".", 2)
            like = parameters[int(index)]
            if tensor.shape == like.shape:
                tensor = torch.empty_like(like).copy_(tensor)
            state.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def fit(weights: Mapping[str, Tensor], model: nn.Module) -> bool:
    """Return whether weights and buffers have the names and shapes of those of a network."""
    own = {name: tensor.shape for name, tensor in model.state_dict().items()}
    return {name: tensor.shape for name, tensor in weights.items()} == own


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Serialize tensors by name as safetensors; shared tensors are written separately."""
    separate = {n: t.detach().to("cpu", copy=True).contiguous() for n, t in tensors.items()}
    data: bytes = safetensors.torch.save(separate)
    return data


def from_bytes(data: bytes) -> dict[str, Tensor]:
    """Read the result of `to_bytes`; nothing in it is executed."""
    tensors: dict[str, Tensor] = safetensors.torch.load(data)
    return tensors
