"""A gradient check: whether the gradients of a network are the derivatives of its outputs.

A hand-written backward pass, a hook or a `detach` may give others. Compared are the derivatives
along a random direction of the weights, by autograd and by central differences. Two steps of
different sizes say how far the differences can be trusted: beside a jump, or if a pass rounds,
they do not agree, and nothing is found.
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

MOST = 24
"""Parameters that are looked at one by one, if those of all together differ."""
ELEMENTS = 10_000
"""Of each parameter's rows, those that have about so many elements are moved."""
AGREEMENT = 0.02
"""Part of a derivative by which its differences with two steps may be apart."""
DOUBTS = 10
"""How many times what two steps differ by, and the rounding, a gradient must be off by."""
STEPS = frozenset((
    "sign", "sgn", "round", "floor", "ceil", "trunc", "heaviside", "argmax", "gt", "ge", "lt", "le",
))  # fmt: skip
"""Operations whose derivative is 0 or none: who computes with their outputs gives them a gradient
of another function, a straight-through estimator or a surrogate."""


@dataclass(frozen=True)
class Precision:
    """The type of the numbers of a check, its two steps as parts of the spread of a parameter, and
    the part of a derivative by which one that is right may be off."""

    dtype: torch.dtype
    steps: tuple[float, float]
    tolerance: float


PRECISIONS = (
    Precision(torch.float64, (1e-8, 1e-7), 1e-5),
    Precision(torch.float32, (3e-4, 3e-3), 2e-2),  # for networks whose code takes no other type
)


def inexact_gradients(model: nn.Module, images: Tensor) -> list[Found]:
    """That the gradients of some parameters are not the derivatives of the outputs; or nothing.

    Looked at is the pass of a training, or that of an evaluation if a training changes what the
    next pass gives, as the iterations of a spectral norm do. The network is left as it is; images
    are (n, c, h, w).
    """
    for precision, training in product(PRECISIONS, (True, False)):
        with suppress(Exception):  # it takes no numbers of this type, or no batch of this size
            check = _Check(in_mode(copied(model), training), images, precision)
            whole = check.along(check.names)
            if not (check.repeats and whole.known):
                continue
            if whole.right:
                return []
            each = ((name, check.along([name])) for name in check.names[:MOST])
            names = [name for name, one in each if one.known and not one.right]
            kind = "surrogate gradients" if check.steps else "inexact gradients"
            return [Found(kind, listed(names))]
    return []


@dataclass(frozen=True)
class _Slopes:
    """Derivatives along a direction: by autograd, and by central differences of two steps.

    ``scale`` is what they are in other directions, up to their sign, and ``rounding`` what a
    difference is off by where outputs are rounded.
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
        """Whether the two steps agree."""
        values = (self.backward, self.scale, *self.differences)
        return all(map(math.isfinite, values)) and self._doubt <= AGREEMENT * self._size

    @property
    def right(self) -> bool:
        """Whether autograd's is the derivative."""
        off = abs(self.backward - self.differences[1])
        return off <= max(self.tolerance * self._size, DOUBTS * self._doubt, DOUBTS * self.rounding)


class _Operations(OperatorMode):
    """The names of all operations, those within functions with a backward pass of their own too."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__.rstrip("_"))
        return func(*args, **(kwargs or {}))


class _Check:
    """A network that is used up, and one direction for each of its parameters with a gradient."""

    def __init__(self, model: nn.Module, images: Tensor, precision: Precision) -> None:
        self.precision = precision
        self.model, self.images = model.to(precision.dtype), images.to(precision.dtype)
        with torch.enable_grad():
            outputs = self._outputs()
            with seeded(0):
                self.weights = torch.randn(outputs.shape, dtype=torch.float64)
            size = (outputs.detach().double() * self.weights).abs().sum().item()
            self.rounding = torch.finfo(precision.dtype).eps * size / precision.steps[0]
            torch.autograd.backward((outputs.double() * self.weights).sum())
        with torch.no_grad(), _Operations() as operations:
            again = self._outputs()
        self.repeats = torch.equal(outputs, again)
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
        """The derivatives of a weighted sum of the outputs with respect to these parameters."""
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
        with seeded(0):
            outputs: Tensor = self.model(self.images.clone())
        return outputs


def _rows(parameter: Tensor) -> Tensor:
    """A view of the first rows of a parameter or its gradient."""
    if parameter.ndim == 0:
        return parameter
    return parameter[: max(1, ELEMENTS * len(parameter) // max(1, parameter.numel()))]


def _spread(values: Tensor) -> float:
    """The standard deviation of values, or 1 if they are all alike."""
    spread = values.std(correction=0).item()
    return spread if spread > 0 else 1.0
