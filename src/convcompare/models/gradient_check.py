"""Gradient check: compare the gradients of a network with central differences of its outputs.

A hand-written backward pass, a hook or a `detach` may make gradients differ from the derivatives.
The check compares the derivatives along a random direction of the weights, by autograd and by
central differences with two step sizes. If the two disagree, as near a discontinuity or if a pass
rounds, the differences are not reliable, and nothing is reported.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from convcompare.core.errors import listed

from .findings import Found
from .interface import copied, in_mode
from .operator_mode import OperatorMode
from .randomness import seeded

MAX_PARAMETERS = 24
"""Maximum number of parameters that are checked one by one after a check of all has failed."""
ELEMENTS = 10_000
"""Approximate number of elements that are moved per parameter: those of its first rows."""
AGREEMENT = 0.02
"""Largest difference between the results of the two steps, relative to the derivative."""
DOUBTS = 10
"""Factor by which an error must exceed the difference between the two steps, and the rounding."""
STEPS = frozenset((
    "sign", "sgn", "round", "floor", "ceil", "trunc", "heaviside", "argmax", "argmin", "gt", "ge",
    "lt", "le", "eq",
    "scatter.value", "bernoulli.default", "multinomial.default",
))  # fmt: skip
"""Operations with a derivative of 0 or none: networks that train through them use the gradient of
another function, a straight-through estimator or a surrogate. Those with an overload write one-hot
vectors, or draw by probabilities, as of a Gumbel softmax."""


@dataclass(frozen=True)
class Precision:
    """Numerical settings of a check.

    Attributes:
        dtype: dtype of the weights and images.
        steps: the two step sizes, relative to the standard deviation of a parameter.
        tolerance: largest error of a correct derivative, relative to its size.
    """

    dtype: torch.dtype
    steps: tuple[float, float]
    tolerance: float


PRECISIONS = (
    Precision(torch.float64, (1e-8, 1e-7), 1e-5),
    Precision(torch.float32, (3e-4, 3e-3), 2e-2),  # for networks that accept no other dtype
)


def inexact_gradients(model: nn.Module, images: Tensor) -> list[Found]:
    """Return a finding if the gradients of some parameters are not the derivatives of the outputs.

    Checks a pass in training mode, or in evaluation mode if training passes change the outputs of
    the next pass, as the iterations of a spectral norm do.

    Args:
        model: the network, which is not changed.
        images: images (n, c, h, w).

    Returns:
        One finding with the names of the parameters, or an empty list.
    """
    for precision, training in product(PRECISIONS, (True, False)):
        with suppress(Exception):  # it may not accept this dtype or batch size
            check = _Check(in_mode(copied(model), training), images, precision)
            overall = check.along(check.names)
            if not (check.repeats and overall.known):
                continue
            if overall.right:
                return []
            each = ((name, check.along([name])) for name in check.names[:MAX_PARAMETERS])
            names = [name for name, one in each if one.known and not one.right]
            kind = "surrogate gradients" if check.steps else "inexact gradients"
            return [Found(kind, listed(names))]
    return []


@dataclass(frozen=True)
class _Slopes:
    """Derivatives along a direction.

    Attributes:
        backward: the derivative by autograd.
        differences: the derivatives by central differences with the two steps.
        scale: root mean square of ``backward`` over random signs of the direction.
        tolerance: as in `Precision`.
        rounding: error of a difference due to the rounding of outputs.
    """

    backward: float
    differences: tuple[float, float]
    scale: float
    tolerance: float
    rounding: float

    @property
    def _doubt(self) -> float:
        return abs(self.differences[0] - self.differences[1])

    @property
    def _size(self) -> float:
        return max(self.scale, abs(self.differences[1]))

    @property
    def known(self) -> bool:
        """Whether the two steps agree, so that the differences are reliable."""
        values = (self.backward, self.scale, *self.differences)
        return all(map(math.isfinite, values)) and self._doubt <= AGREEMENT * self._size

    @property
    def right(self) -> bool:
        """Whether the derivative by autograd is correct."""
        off = abs(self.backward - self.differences[1])
        return off <= max(self.tolerance * self._size, DOUBTS * self._doubt, DOUBTS * self.rounding)


class _Operations(OperatorMode):
    """Records the names of all operations, including those in custom autograd functions."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__.rstrip("_")
        self.names |= {name, f"{name}.{func._overloadname}"}
        return func(*args, **(kwargs or {}))


class _Check:
    """A network with a random direction for each parameter that has a gradient.

    The check changes the network's dtype and gradients.
    """

    def __init__(self, model: nn.Module, images: Tensor, precision: Precision) -> None:
        self.precision = precision
        self.model, self.images = _converted(model, precision.dtype), images.to(precision.dtype)
        with torch.enable_grad():
            outputs = self._outputs()
            with seeded(0):
                self.weights = torch.randn(outputs.shape, dtype=torch.float64)
            size = (outputs.detach().double() * self.weights).abs().sum().item()
            self.rounding = torch.finfo(precision.dtype).eps * size / precision.steps[0]
            torch.autograd.backward((outputs.double() * self.weights).sum())
        with torch.no_grad(), _Operations() as operations:
            again = self._outputs()
        self.repeats = outputs.dtype == precision.dtype and torch.equal(outputs, again)
        self.steps = not STEPS.isdisjoint(operations.names)
        gradients = {
            name: (parameter.detach(), parameter.grad)
            for name, parameter in model.named_parameters()
            if parameter.grad is not None and parameter.is_floating_point()
        }
        self.names = [*gradients]
        self.parts = {name: _rows(parameter) for name, (parameter, _) in gradients.items()}
        with seeded(0):
            self.directions = {
                name: _spread(one) * torch.randn(one.shape, dtype=one.dtype)
                for name, one in self.parts.items()
            }
        self.products = {
            name: (_rows(gradient) * self.directions[name]).double()
            for name, (_, gradient) in gradients.items()
        }

    @torch.no_grad()
    def along(self, names: Collection[str]) -> _Slopes:
        """Return the derivatives of a weighted sum of the outputs along the given parameters."""
        before = {name: self.parts[name].clone() for name in names}
        differences = []
        for step in self.precision.steps:
            sums = []
            for signed in (step, -step):
                for name in names:
                    self.parts[name].copy_(before[name] + signed * self.directions[name])
                sums.append((self._outputs().double() * self.weights).sum().item())
            differences.append((sums[0] - sums[1]) / (2 * step))
        for name in names:
            self.parts[name].copy_(before[name])
        products = [self.products[name] for name in names]
        return _Slopes(
            backward=sum(one.sum().item() for one in products),
            differences=(differences[0], differences[1]),
            scale=math.sqrt(sum(one.square().sum().item() for one in products)),
            tolerance=self.precision.tolerance,
            rounding=self.rounding,
        )

    def _outputs(self) -> Tensor:
        recorded = torch.is_grad_enabled() or self.model.training  # a forward pass may need them
        with seeded(0), torch.set_grad_enabled(recorded):
            outputs: Tensor = self.model(self.images.clone())
        return outputs


def _converted(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return the network with numbers of a type; `Module.to` would make complex ones real."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_complex():
            tensor.data = tensor.data.to(dtype.to_complex())
        elif tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)
    return model


def _rows(parameter: Tensor) -> Tensor:
    """Return a view of the first rows of a parameter or its gradient."""
    if parameter.ndim == 0:
        return parameter
    return parameter[: max(1, ELEMENTS * len(parameter) // max(1, parameter.numel()))]


def _spread(values: Tensor) -> float:
    """Return the standard deviation of values, or 1 if they are all equal."""
    spread = values.std(correction=0).item()
    return spread if spread > 0 else 1.0
