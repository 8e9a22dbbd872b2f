"""Muon: orthogonalised momentum for convolutions; other parameters are trained by AdamW.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; AdamW: Loshchilov and
Hutter 2019, arXiv:1711.05101.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration: steepest at zero, then held near one (Jordan et al.
2024)."""
ITERATIONS = 5
BETAS = (0.85, 0.95)
EPS = 1e-10
TINY = 1e-7


class Muon(torch.optim.Optimizer):
    """Optimizer with Muon for groups with ``orthogonal`` (convolutions) and AdamW for the others.

    A convolution is treated as a matrix, filters by inputs. The step is the orthogonalised Nesterov
    momentum, and `lr` its length relative to the matrix's Frobenius norm. That norm is kept at its
    initial value: only the direction of a weight is learned, since BatchNorm removes its scale
    (fixed norms: Liu et al. 2021, arXiv:2102.07227). Such weights have no weight decay.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, momentum: float) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "orthogonal": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient; `closure` must be None."""
        assert closure is None
        for group in self.param_groups:
            change = self._turn if group["orthogonal"] else self._adapt
            for parameter in group["params"]:
                if parameter.grad is not None:
                    change(parameter, parameter.grad, group)

    def _turn(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["average"] = torch.zeros_like(weight)
        average = state["average"].mul_(group["momentum"]).add_(gradient)
        matrix = gradient.add(average, alpha=group["momentum"]).flatten(1)
        step = orthogonal(matrix).view(weight.shape)
        longest = min(matrix.shape) ** 0.5
        norm = torch.linalg.vector_norm(weight)
        norm = torch.where(norm > 0, norm, longest)
        weight.sub_(step * (norm * (group["lr"] / longest)))
        weight.mul_(norm / torch.linalg.vector_norm(weight).clamp_min(TINY))

    def _adapt(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())
            state["average"], state["square"] = (torch.zeros_like(weight) for _ in range(2))
        state["step"] += 1
        done = state["step"].item()
        state["average"].lerp_(gradient, 1 - BETAS[0])
        state["square"].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        mean = state["average"] / (1 - BETAS[0] ** done)
        spread = (state["square"] / (1 - BETAS[1] ** done)).sqrt_().add_(EPS)
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.addcdiv_(mean, spread, value=-group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """Return approximately U·Vᵀ of a matrix U·S·Vᵀ, by a Newton–Schulz iteration in bfloat16.

    Args:
        matrix: float32 (rows, columns).

    Returns:
        float32 (rows, columns). Singular values are between 0.7 and 1.2, except those below about a
            hundredth of the matrix's norm, which stay smaller.
    """
    a, b, c = COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = (wide / wide.norm().clamp_min(TINY)).bfloat16()
    for _ in range(ITERATIONS):
        square = x @ x.T
        factor = b * square + c * (square @ square)
        factor.diagonal().add_(a)
        x = factor @ x
    found: Tensor = (x if wide is matrix else x.T).float()
    return found
