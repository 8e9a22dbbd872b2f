"""Find the parameters that are weights: factors of convolutions and matrix products.

A network runs once under observation. A parameter is a weight if it meets the activations in an
operator that has a rule in `models.mac_rules`: directly, or as a view, a transposition, a mask or a
reparametrisation. The module that holds it does not matter. Scales, tokens, position tables and
norms are not weights: they are added, multiplied elementwise, or pass through layers themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from convcompare.core.failures import is_out_of_memory
from convcompare.models.einsum import hidden_products
from convcompare.models.inspection import calls_seen
from convcompare.models.mac_counter import name_of, operator_info
from convcompare.models.mac_rules import RULES
from convcompare.models.operator_mode import OperatorMode, tensors_in
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
"""Number of leading arguments that are activations, even if they depend on no image."""
LAYERS = (
    *(nn.Linear, nn.Bilinear, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase),
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
"""Torch's layers with weights."""
_TABLES = ("aten::embedding", "aten::index", "aten::index_select", "aten::gather",
           "aten::_embedding_bag", "aten::_embedding_bag_forward_only")  # fmt: skip
"""Lookup operators: their output is not a weight."""
_ASSEMBLING = ("aten::cat", "aten::stack", "aten::copy", "aten::index_put")
"""Operators that assemble a weight from several parts, each smaller than the result."""
_MODULATING = ("aten::mul", "aten::div", "aten::add", "aten::sub", "aten::clone", "aten::_to_copy")
"""Operators by which activations change a kernel, as the styles of a modulated convolution do."""


_SHAPE_ONLY = re.compile(r"aten\.(new_|\w+_like\b)")
"""Operators that use only the shape and the type of a tensor."""
Sources = frozenset[str]
"""Names of the parameters from which a tensor is computed."""
NONE: Sources = frozenset()


@dataclass(frozen=True)
class Weight:
    """The weight of a layer: name of the parameter and name of the layer.

    A layer has the name of the module that holds its weight, or of the parameter if the module
    holds several.
    """

    parameter: str
    layer: str


def weight_layers(model: nn.Module, images: Tensor) -> tuple[Weight, ...]:
    """Return the trainable weights of the layers, each once, in the order of their first use.

    If the operators cannot be observed, the weights are those of torch's layers, in the order of
    their calls.

    Args:
        model: The network; it runs in its present mode, and its buffers may change.
        images: Images (n, c, h, w).
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


def merged(passes: Iterable[Sequence[str]], defined: Sequence[str]) -> tuple[Weight, ...]:
    """Return the weights of several passes, each once.

    One that no earlier pass has is placed behind the one that it follows, and behind those between
    that are defined earlier.

    Args:
        passes: Parameters of each pass, in the order of their use.
        defined: All of them in the order of their definition.
    """
    order = {name: number for number, name in enumerate(defined)}
    found: list[str] = []
    for names in passes:
        place = 0
        for name in names:
            if name in found:
                place = found.index(name) + 1
                continue
            while (
                place < len(found)
                and found[place] not in names
                and (order[found[place]] < order[name])
            ):
                place += 1
            found.insert(place, name)
            place += 1
    return _named(found)


def _parameters_of_calls(model: nn.Module, images: Tensor) -> list[Tensor]:
    found: list[Tensor] = []
    layers = ((name, one) for name, one in model.named_modules() if isinstance(one, LAYERS))
    with calls_seen(layers, before=lambda _, layer: found.extend(layer.parameters())):
        model(images.clone())
    return found


def _named(parameters: Sequence[str]) -> tuple[Weight, ...]:
    owners = [_owner(name) for name in parameters]
    return tuple(
        Weight(name, owner if owner and owners.count(owner) == 1 else name)
        for name, owner in zip(parameters, owners, strict=True)
    )


def _owner(parameter: str) -> str:
    """Return the module that holds a parameter, or for which it is reparametrised."""
    module = parameter.rpartition(".")[0]
    outer, parametrised, inner = module.rpartition(".parametrizations.")
    if not parametrised and module.startswith("parametrizations."):
        outer, parametrised, inner = "", ".", module.removeprefix("parametrizations.")
    return outer if parametrised and "." not in inner else module


class _Watch(OperatorMode):
    """Follows parameters and activations from operator to operator, by tensor storage."""

    def __init__(self, parameters: Mapping[str, Tensor], images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.images = images
        self.names = {id(p): name for name, p in parameters.items()}
        self.tokens = {name for name, p in parameters.items() if p.ndim > 2 and len(p) == 1}
        self.activations = {_storage(images)}
        self.sources: dict[int, Sources] = {}
        self.modulated: dict[int, Sources] = {}
        self.alive: list[Tensor] = []
        self.inputs: Sources | None = None
        self.products = SummedProducts()
        self.weights: dict[str, None] = {}

    def of(self, tensor: Tensor) -> Sources:
        """Return the parameters that a tensor is computed from, or none if it depends on images."""
        if id(tensor) in self.names:
            return frozenset((self.names[id(tensor)],))
        return self.sources.get(_storage(tensor), NONE)

    def is_activation(self, tensor: Tensor) -> bool:
        """Return whether a tensor depends on the images or is the output of a layer."""
        return id(tensor) not in self.names and _storage(tensor) in self.activations

    def record_tensor(self, tensor: Tensor, activation: bool, sources: Sources = NONE) -> None:
        """Record the origin of a new tensor."""
        key = _storage(tensor)
        self.sources.pop(key, None)
        self.activations.discard(key)
        if activation:
            self.activations.add(key)
        elif sources:
            self.sources[key] = sources
            self.alive.append(tensor)  # so that no other tensor reuses its storage

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name, has_parts = operator_info(function)
        if has_parts:
            with self:
                output = function.decompose(*args, **kwargs)
            if output is not NotImplemented:
                return output
        given = list(tensors_in((args, list(kwargs.values()))))
        activation = any(map(self.is_activation, given)) and not _SHAPE_ONLY.search(str(function))
        sources = NONE if activation else self._sources(name_of(function), given)
        if name:
            factors = [args[i] for i in RULES[name].factors] if name in RULES else given
            self.record_weights(list(tensors_in(factors)))
            sources -= self.tokens
            if "conv" in name and name in RULES:
                kernels = self.modulated.get(_storage(factors[1]), NONE)
                self.weights |= dict.fromkeys(sorted(kernels))
        before = {_storage(tensor): self.modulated.get(_storage(tensor), NONE) for tensor in given}
        output = function(*args, **kwargs)
        self.record_weights(self.products.completed(name_of(function), args, output))
        for tensor in tensors_in(output):
            self.record_tensor(tensor, activation, sources)
            if _storage(tensor) not in before:  # no view
                kernels = NONE
                if activation and name_of(function) in _MODULATING:
                    kernels = NONE.union(*before.values(), self._of_kernels(given, tensor))
                self.modulated[_storage(tensor)] = kernels
        return output

    def _of_kernels(self, given: Sequence[Tensor], output: Tensor) -> Sources:
        """Return the sources of arguments that are as large as the output per image."""
        large = (one for one in given if one.numel() * len(self.images) >= output.numel())
        return NONE.union(*map(self.of, large))

    def _sources(self, name: str, given: Sequence[Tensor]) -> Sources:
        """Return the sources of the largest arguments: smaller ones scale them."""
        found = [(tensor.numel(), self.of(tensor)) for tensor in given]
        found = [(size, sources) for size, sources in found if sources]
        if not found or name in _TABLES:
            return NONE
        least = 0 if name in _ASSEMBLING else max(size for size, _ in found)
        return NONE.union(*(sources for size, sources in found if size >= least))

    def record_weights(self, factors: Sequence[Tensor]) -> None:
        """Record the weights among the factors of a product.

        A parameter that only meets constants is not a weight yet; if two parameters meet, a token
        is not a weight.
        """
        found = [self.of(tensor) for tensor in factors if not self.is_activation(tensor)]
        found = [sources for sources in found if sources]
        layer = self.inputs is not None or any(map(self.is_activation, factors))
        if layer or len(found) > 1:
            none = self.inputs or (NONE if layer else frozenset(self.tokens))
            for sources in found:
                self.weights |= dict.fromkeys(sorted(sources - none))


class _LayerInputs(TorchFunctionMode):
    """Distinguishes inputs of layers from weights if both are parameters, such as a token.

    It also records the weights of products that no operator shows.
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
                self.watch.record_weights(list(tensors_in(list(args))))
            return output
        given = tensors_in((args[:inputs], kwargs.get("input")))
        met = list(self.watch.weights)
        self.watch.inputs = NONE.union(*map(self.watch.of, given))
        try:
            output = function(*args, **kwargs)
        finally:
            self.watch.inputs = None
        new = self.watch.weights.keys() - met  # in one call, in the order of definition
        ordered = [name for name in self.watch.names.values() if name in new]
        self.watch.weights = dict.fromkeys([*met, *ordered])
        for tensor in tensors_in(output):
            self.watch.record_tensor(tensor, activation=True)
        return output


def _storage(tensor: Tensor) -> int:
    """Return an identifier of a tensor's storage, unique while the storage lives."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):  # sparse
        return id(tensor)
