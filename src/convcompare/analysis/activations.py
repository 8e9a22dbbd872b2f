"""Activations of the first layer, feature maps per stage, and statistics of every layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from convcompare.models.devices import to_float64_device
from convcompare.models.inspection import calls_seen, evaluating
from convcompare.models.layers import activation
from convcompare.store.feature_record import FeatureRecord

SHOWN_CHANNELS = 16
_ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Softplus),
    *(nn.Tanh, nn.Sigmoid, nn.Mish, nn.PReLU, nn.SELU, nn.CELU, nn.Hardtanh, nn.Hardsigmoid),
    *(nn.RReLU, nn.Softsign, nn.Threshold, nn.LogSigmoid, nn.Hardshrink, nn.Softshrink),
)


def features(
    model: nn.Module, images: Tensor, rows: npt.NDArray[np.int64], shown: int
) -> FeatureRecord:
    """Record the activations of a network on a batch of images.

    The network runs in eval mode without gradients; its mode and the images are unchanged
    afterwards. Only the recorded parts are held in memory.

    Args:
        model: The network.
        images: Normalised images (n, c, h, w).
        rows: Indices (n,) of the images in their split.
        shown: Number of images, from the first, of which maps are kept as pictures.

    Returns:
        The record. A layer that is called several times has an entry per call; the second call of
        ``relu`` is ``relu (call 2)``.
    """
    seen = _watch(model, images, shown)
    return FeatureRecord(
        rows=rows[:shown],
        first_layer=seen.first_layer,
        first=seen.first,
        channels=seen.channels,
        stages=dict(seen.stages.values()),
        filters=_first_filters(model),
        layers=tuple(seen.statistics),
        mean=np.array([mean for mean, _, _ in seen.statistics.values()]),
        std=np.array([std for _, std, _ in seen.statistics.values()]),
        dead=np.array([dead for _, _, dead in seen.statistics.values()]),
        channel_means=seen.channel_means,
    )


@dataclass
class _Seen:
    """Results that the hooks collect, in the order of the calls.

    Pictures are those of outputs with a row per image: ``images`` is the number of images.
    """

    images: int
    shown: int
    calls: Counter[str] = field(default_factory=Counter)
    first_layer: str = ""
    first: npt.NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, 0), np.float16))
    channels: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    channel_means: npt.NDArray[np.float64] | None = None
    statistics: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    stages: dict[tuple[int, ...], tuple[str, npt.NDArray[np.float16]]] = field(default_factory=dict)

    def call(self, name: str) -> str:
        """Return the name of a layer's next call."""
        self.calls[name] += 1
        number = self.calls[name]
        return name if number == 1 else f"{name} (call {number})"

    def activation(self, name: str, output: Tensor) -> None:
        """Record statistics of an activation, and maps of the first one.

        Of the first one, the channels with the largest standard deviation are kept.
        """
        by_channel = output.float().transpose(0, 1).flatten(1)
        dead = to_float64_device(by_channel.amax(1) <= 0).double().mean().item()
        self.statistics[name] = (by_channel.mean().item(), by_channel.std().item(), dead)
        if not self.first_layer and len(output) == self.images:
            spread = by_channel.std(1, unbiased=False)
            count = min(SHOWN_CHANNELS, len(spread))
            chosen = spread.topk(count).indices.sort().values
            self.first_layer, self.channels = name, chosen.cpu().numpy().astype(np.int64)
            means = to_float64_device(by_channel).mean(1, dtype=torch.float64)
            self.channel_means = means.cpu().numpy()
            self.first = _half(output[: self.shown, chosen])

    def maps(self, name: str, output: Tensor) -> None:
        """Keep the last output of each size, averaged over its channels."""
        per_image = output.ndim == 4 and len(output) == self.images
        if per_image and output.shape[-1] > 1 and not _is_attention(output):
            size = tuple(output.shape[2:])
            self.stages[size] = (name, _half(output[: self.shown].float().mean(1)))


def _watch(model: nn.Module, images: Tensor, shown: int) -> _Seen:
    seen = _Seen(len(images), shown)

    def note(name: str, module: nn.Module, given: Any, named: Any, output: object) -> None:
        if not _is_given_data((*given, *named.values())):
            return  # such as a parametrisation, whose output is a weight
        if isinstance(output, Tensor) and _is_recorded(output) and name:
            call = seen.call(name)
            output = _channels_first(output.detach())  # a network may enable gradients itself
            seen.maps(call, output)
            if _is_activation(module):
                seen.activation(call, output)

    with evaluating(model), calls_seen(model.named_modules(), note), torch.no_grad():
        model(images.clone())
    return seen


def _is_given_data(given: Sequence[object]) -> bool:
    """Return whether a call has arguments other than parameters."""
    return any(not isinstance(one, nn.Parameter) for one in given)


def _is_recorded(output: Tensor) -> bool:
    """Return whether an output holds real features (n, c) or real maps (n, c, h, w)."""
    within = torch._C._functorch.is_functorch_wrapped_tensor(output)  # `torch.vmap`: of no image
    return output.ndim in (2, 4) and not output.is_complex() and not within


def _channels_first(output: Tensor) -> Tensor:
    """Return outputs (n, h, w, c), as in ConvNeXt and Swin, as (n, c, h, w), and others unchanged.

    Images are square, and so are almost all feature maps: two equal sides are height and width.
    """
    if output.ndim == 4 and output.shape[1] == output.shape[2] != output.shape[3]:
        return output.movedim(-1, 1)
    return output


def _is_attention(output: Tensor) -> bool:
    """Return whether outputs (n, heads, queries, keys) are attention weights: rows with sum 1."""
    sums = output[:1].float().sum(-1)
    return bool((output[:1] >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all())


def _is_activation(module: nn.Module) -> bool:
    return isinstance(module, _ACTIVATIONS) or type(module).__module__ == activation.__name__


def _first_filters(model: nn.Module) -> npt.NDArray[np.float32]:
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim == 4 and not weight.is_complex():
            kernels: npt.NDArray[np.float32] = weight.detach().cpu().float().contiguous().numpy()
            return kernels.copy()
    return np.zeros((0, 0, 0, 0), dtype=np.float32)


def _half(maps: Tensor) -> npt.NDArray[np.float16]:
    half: npt.NDArray[np.float16] = maps.float().clamp(-65504, 65504).half().cpu().numpy()
    return half
