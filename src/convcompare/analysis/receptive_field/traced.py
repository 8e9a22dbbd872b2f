"""Receptive field of every layer of a network, from its definition alone.

An empty image passes through the network on torch's ``meta`` device, which computes shapes but no
values. Every operation propagates the fields of its inputs by its rule (`window_rules`,
`reshape_rules`, `reduction_rules`). So branches, reshapes and control flow that depends on shapes
are followed as they run. The recurrence along one path is that of Araujo, Norris and Sim 2019,
doi:10.23915/distill.00021.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from convcompare.models.inspection import calls_seen, evaluating

from .tensor_field import IMAGE_FIELD, NO_PLACES, Axes, Untraceable
from .tracer import LayerField, Tracer

Method = Literal["traced", "measured"]


@dataclass(frozen=True)
class ReceptiveField:
    """Receptive field of a network: each layer, the features, and the first layer that sees all.

    ``features`` are those that enter the first operation that leaves no position, without adaptive
    pooling in front of it; ``after_pooling`` includes that pooling if it is local. ``whole_from``
    is the first layer whose units depend on the whole image. ``modules`` are all modules with
    output (n, c, h, w), blocks included. ``reason`` is why a network was not traced, ``not_known``
    why the field of its features cannot be determined; both are empty otherwise.
    """

    image: tuple[int, int]
    layers: tuple[LayerField, ...]
    features: LayerField | None
    after_pooling: LayerField | None
    whole_from: str | None
    modules: Mapping[str, LayerField]
    method: Method = "traced"
    reason: str = ""
    not_known: str = ""


def trace(model: nn.Module, channels: int, image: tuple[int, int]) -> ReceptiveField:
    """Trace the fields of `model` on images of `channels` × height × width, in eval mode.

    Args:
        model: The network, possibly on ``meta``; its mode is unchanged afterwards.
        channels: Number of image channels.
        image: Height and width in pixels.

    Raises:
        Untraceable: If an operation has no rule.
        Exception: Whatever the network raises on such an image.
    """
    return _result(*run_traced(model, channels, image), image)


def run_traced(model: nn.Module, channels: int, image: tuple[int, int]) -> tuple[Tracer, Any]:
    """Return the tracer after one image, with the field of each module's output, and the output."""
    device = next((p.device for p in model.parameters()), torch.device("meta"))
    images = torch.zeros(1, channels, *image, device=device)
    tracer = Tracer()
    tracer.set(images, IMAGE_FIELD)
    with (
        evaluating(model),
        calls_seen(model.named_modules(), tracer.leave, tracer.enter),
        torch.no_grad(),
        torch.random.fork_rng([]),
        tracer,
    ):
        try:
            output = model(images)
        finally:
            if tracer.failure is not None:
                raise tracer.failure
    return tracer, output


def _result(tracer: Tracer, output: Any, image: tuple[int, int]) -> ReceptiveField:
    while isinstance(output, (tuple, list, dict)) and output:
        output = next(iter(output.values())) if isinstance(output, dict) else output[0]
    field = tracer.field(output)
    layers = tracer.layers
    first = next((layer.name for layer in layers if layer.is_whole), None)
    if field is None:
        raise Untraceable("", "its output is not followed to the image: NumPy, or `torch.func`")
    before, after = field.axes, field.unpooled and field.axes
    if field.features is not None:
        before, after = field.features.before, field.features.after
    elif field.unpooled is not None:
        before = field.unpooled
    features = _last(layers, before)
    if features is None and before not in (
        NO_PLACES,
        IMAGE_FIELD.axes,
    ):  # of branches whose fields differ
        features = LayerField("branches", "merge", before, (False, False), (1, 1))
        whole = (i for i, layer in enumerate(layers) if layer.name == first)
        layers.insert(next(whole, len(layers)), features)
    pooled = _last(layers, after) if after is not None and after != before else None
    modules = {
        name: LayerField(name, "", field.axes, field.whole, (shape[2], shape[3]))
        for name, (field, shape) in tracer.outputs.items()
        if len(shape) == 4 and field.dims == (2, 3)
    }
    return ReceptiveField(image, tuple(layers), features, pooled, first, modules)


def _last(layers: Sequence[LayerField], axes: Axes) -> LayerField | None:
    """Return the last layer with those fields, adaptive pooling only if there is no other."""
    found = [layer for layer in reversed(layers) if layer.axes == axes]
    return next((layer for layer in found if layer.kind != "adaptive pool"), (*found, None)[0])
