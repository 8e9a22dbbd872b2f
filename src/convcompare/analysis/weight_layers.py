"""Which parameters are the weights of layers: the factors of convolutions and matrix products.

A network is run once and watched. A parameter is a weight if it meets the activations in an
operator that has a rule in `models.mac_rules`: itself, or as a view, a transposition, a mask or a
reparametrisation of it. It does not matter which module holds it. A scale, a token, a table of
positions or a norm is none: it is added, multiplied elementwise, or goes through layers itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from convcompare.core.failures import is_out_of_memory
from convcompare.models.einsum import hidden_products
from convcompare.models.mac_counter import about, name_of
from convcompare.models.mac_rules import RULES
from convcompare.models.operator_mode import OperatorMode
from convcompare.models.summed_products import SummedProducts

_INPUTS: dict[Any, int] = {
    F.linear: 1,
    F.bilinear: 2,
    F.multi_head_attention_forward: 3,
    F.scaled_dot_product_attention: 3,
    **dict.fromkeys((F.conv1d, F.conv2d, F.conv3d), 1),
    **dict.fromkeys((F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d), 1),
    **{getattr(torch, name): 2 for name in (
        "lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell",
        "rnn_relu_cell",
    )},
}  # fmt: skip
"""Functions whose first arguments, so many, are activations, even if they depend on no image."""
LAYERS = (
    *(nn.Linear, nn.Bilinear, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase),
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
"""Torch's own layers with weights."""
_TABLES = ("aten::embedding", "aten::index", "aten::index_select", "aten::gather",
           "aten::_embedding_bag", "aten::_embedding_bag_forward_only")  # fmt: skip
"""Operators that look something up: what they give is no weight."""
_TOGETHER = ("aten::cat", "aten::stack", "aten::copy", "aten::index_put")
"""Operators that put several parts into one weight, each smaller than the whole."""


_MADE_ALIKE = re.compile(r"aten\.(new_|\w+_like\b)")
"""Operators that take of a tensor its shape and type alone."""
Sources = frozenset[str]
"""Names of parameters that a tensor is made of."""
NONE: Sources = frozenset()


@dataclass(frozen=True)
class Weight:
    """The weight of a layer: the name of the parameter and that of the layer.

    A layer has the name of the module that holds its weight, or of the parameter where the module
    holds several.
    """

    parameter: str
    layer: str


def weight_layers(model: nn.Module, images: Tensor) -> tuple[Weight, ...]:
    """The trainable weights of the layers, each once, in the order of their first use.

    images: (n, c, h, w). The network runs in the mode that it is in, and its buffers may change. Of
    one that cannot be watched they are those of torch's own layers, in the order of their calls.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad and p.ndim > 1}
    watch = _Watch(named, images.clone())
    try:
        with torch.enable_grad(), _LayerInputs(watch), watch:
            model(watch.images)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        called = _parameters_of_calls(model, images)
        return _named([name for name, p in named.items() for one in called if p is one])
    return _named(list(watch.weights))


def _parameters_of_calls(model: nn.Module, images: Tensor) -> list[Tensor]:
    found: list[Tensor] = []
    with ExitStack() as stack:
        for module in model.modules():
            if isinstance(module, LAYERS):

                def note(module: nn.Module, *_: Any) -> None:
                    found.extend(module.parameters())

                stack.callback(module.register_forward_pre_hook(note).remove)
        model(images.clone())
    return found


def _named(parameters: Sequence[str]) -> tuple[Weight, ...]:
    owners = [_owner(name) for name in parameters]
    return tuple(
        Weight(name, owner if owner and owners.count(owner) == 1 else name)
        for name, owner in zip(parameters, owners, strict=True)
    )


def _owner(parameter: str) -> str:
    """The module that has the parameter; of a reparametrised one, the module that it is for."""
    module = parameter.rpartition(".")[0]
    outer, parametrised, inner = module.rpartition(".parametrizations.")
    if not parametrised and module.startswith("parametrizations."):
        outer, parametrised, inner = "", ".", module.removeprefix("parametrizations.")
    return outer if parametrised and "." not in inner else module


class _Watch(OperatorMode):
    """Follows parameters and activations from operator to operator, by the storages of tensors."""

    def __init__(self, parameters: Mapping[str, Tensor], images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.images = images
        self.names = {id(p): name for name, p in parameters.items()}
        self.tokens = {name for name, p in parameters.items() if p.ndim > 2 and len(p) == 1}
        self.activations = {_storage(images)}
        self.sources: dict[int, Sources] = {}
        self.alive: list[Tensor] = []
        self.inputs: Sources | None = None
        self.products = SummedProducts()
        self.weights: dict[str, None] = {}

    def of(self, tensor: Tensor) -> Sources:
        """The parameters that a tensor is made of; none where it depends on the images."""
        if id(tensor) in self.names:
            return frozenset((self.names[id(tensor)],))
        return self.sources.get(_storage(tensor), NONE)

    def is_activation(self, tensor: Tensor) -> bool:
        """Whether a tensor depends on the images, or is what a layer gives."""
        return id(tensor) not in self.names and _storage(tensor) in self.activations

    def becomes(self, tensor: Tensor, activation: bool, sources: Sources = NONE) -> None:
        """Note what a tensor that was just made is."""
        key = _storage(tensor)
        self.sources.pop(key, None)
        self.activations.discard(key)
        if activation:
            self.activations.add(key)
        elif sources:
            self.sources[key] = sources
            self.alive.append(tensor)  # or another could get its storage

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name, has_parts = about(function)
        if has_parts:
            with self:
                output = function.decompose(*args, **kwargs)
            if output is not NotImplemented:
                return output
        given = list(_tensors((args, list(kwargs.values()))))
        activation = any(map(self.is_activation, given)) and not _MADE_ALIKE.search(str(function))
        sources = NONE if activation else self._sources(name_of(function), given)
        if name:
            factors = [args[i] for i in RULES[name].factors] if name in RULES else given
            self.meet(list(_tensors(factors)))
            sources -= self.tokens
        output = function(*args, **kwargs)
        self.meet(self.products.completed(name_of(function), args, output))
        for tensor in _tensors(output):
            self.becomes(tensor, activation, sources)
        return output

    def _sources(self, name: str, given: Sequence[Tensor]) -> Sources:
        """Of the parameters that make one tensor the larger ones: those that scale it are none."""
        found = [(tensor.numel(), self.of(tensor)) for tensor in given]
        found = [(size, sources) for size, sources in found if sources]
        if not found or name in _TABLES:
            return NONE
        least = 0 if name in _TOGETHER else max(size for size, _ in found)
        return NONE.union(*(sources for size, sources in found if size >= least))

    def meet(self, factors: Sequence[Tensor]) -> None:
        """Note the weights among the factors of a product.

        A parameter that only meets constants is none yet; of two that meet, a token is none.
        """
        found = [self.of(tensor) for tensor in factors if not self.is_activation(tensor)]
        found = [sources for sources in found if sources]
        layer = self.inputs is not None or any(map(self.is_activation, factors))
        if layer or len(found) > 1:
            none = self.inputs or (NONE if layer else frozenset(self.tokens))
            for sources in found:
                self.weights |= dict.fromkeys(sorted(sources - none))


class _LayerInputs(TorchFunctionMode):
    """Tells the inputs of layers from their weights, where both are parameters, such as a token;
    notes the weights of products that no operator shows.
    """

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        inputs = _INPUTS.get(function)
        if inputs is None:
            output = function(*args, **kwargs)
            if hidden_products(function, args):
                self.watch.meet(list(_tensors(list(args))))
            return output
        given = _tensors((args[:inputs], kwargs.get("input")))
        met = list(self.watch.weights)
        self.watch.inputs = NONE.union(*map(self.watch.of, given))
        try:
            output = function(*args, **kwargs)
        finally:
            self.watch.inputs = None
        new = self.watch.weights.keys() - met  # of several in one call, as they were defined
        ordered = [name for name in self.watch.names.values() if name in new]
        self.watch.weights = dict.fromkeys([*met, *ordered])
        for tensor in _tensors(output):
            self.watch.becomes(tensor, activation=True)
        return output


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _tensors(value)


def _storage(tensor: Tensor) -> int:
    """What tells storages apart, as long as they live."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):  # sparse
        return id(tensor)
