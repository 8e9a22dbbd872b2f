"""The field of a network by its spec: traced, or measured where it cannot be traced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from torch import Tensor, nn

from convcompare.core.errors import ModelError, UsageError, quote
from convcompare.core.failures import reason
from convcompare.models.build import resolve
from convcompare.models.shape import Shape

from .axis import Axis
from .gradient_support import Span, run_linear, seen_pixels
from .meta_execution import WithoutInitialWeights
from .tensor_field import Untraceable
from .traced import ReceptiveField, trace
from .tracer import LayerField

if TYPE_CHECKING:
    from convcompare.models.build import Builder

_PASSING = ("activation", "batchnorm", "dropout", "instancenorm", "normalization")
"""Modules of torch whose layers leave each place where it is."""


def field_of_network(builder: Builder) -> ReceptiveField:
    """The fields of the network on images of the builder's shape.

    A user's own file is built with its numbers, everything else without memory. A network
    that cannot be traced is measured on one image of this size, which cannot show more than itself.
    Raises ModelError where neither way goes, or where the network does not take such an image.
    """
    shape = builder.shape
    image = (shape.image_size, shape.image_size)
    try:
        return trace(_definition(builder), shape.in_channels, image)
    except Untraceable as error:
        why = str(error)
    except UsageError:
        _ = builder.description  # says which size it takes
        raise
    except Exception as error:
        _ = builder.description
        why = reason(error)
    try:
        return measure(builder.build(0), shape.in_channels, image, why)
    except Exception as error:
        failed = str(error) if isinstance(error, Untraceable) else reason(error)
        raise ModelError(
            f"the field of {quote(builder.spec)} can neither be traced ({why}) nor measured "
            f"({failed})",
            "a network of operations of torch on one batch of images, without numpy, can be",
        ) from error


def field_of_spec(text: str, shape: Shape) -> ReceptiveField:
    """As `field_of_network`, of the network of a spec."""
    return field_of_network(resolve(text, shape))


def _definition(builder: Builder) -> nn.Module:
    """The network without memory, but for a user's own file."""
    if builder.origin == "file":
        return builder.build(0)
    with suppress(ModelError), WithoutInitialWeights():
        return builder.build(0, "meta")
    with WithoutInitialWeights(weights_only=True):
        return builder.build(0)


def measure(
    model: nn.Module, channels: int, image: tuple[int, int], reason: str = ""
) -> ReceptiveField:
    """The fields of the layers by the gradients of single units; `model` is changed.

    Which dimensions of an output count the rows and the columns shows where the gradient moves to
    when the unit does. The stride is the image's side over the places of the
    output. Layers behind the first that sees the whole image are left out.
    """
    layers: list[LayerField] = []
    images, outputs = run_linear(model, channels, image, gates=True)
    maps = {n: o for n, o in outputs.items() if o.ndim == 4 and len(o) == 1}
    modules = dict(model.named_modules())
    for name, output in maps.items():
        kind = type(modules[name])
        inner = any(other.startswith(f"{name}.") for other in maps) or not name
        if inner or kind.__module__.rpartition(".")[2] in _PASSING:
            continue
        layer = _layer(name, kind.__name__, output, images)
        if not layers or (layer.axes, layer.whole) != (layers[-1].axes, layers[-1].whole):
            layers.append(layer)
        if layer.is_whole:
            break
    if not layers:
        raise Untraceable("", "no layer gives feature maps that depend on the image")
    first = next((layer.name for layer in layers if layer.is_whole), None)
    features = layers[-1]
    return ReceptiveField(image, tuple(layers), features, None, first, {}, "measured", reason)


def _layer(name: str, kind: str, output: Tensor, images: Tensor) -> LayerField:
    centre = [0, *(size // 2 for size in output.shape[1:])]
    spans = seen_pixels(output, tuple(centre), images)
    image = (int(images.shape[2]), int(images.shape[3]))
    whole = (spans[0] == (0, image[0] - 1), spans[1] == (0, image[1] - 1))
    axes: list[Axis | None] = [
        None if all_of_it else Axis((span[0],), (span[1],), 0)
        for span, all_of_it in zip(spans, whole, strict=True)
    ]
    units = [1, 1]
    for dim, moved in _moves(output, centre, images) if not all(whole) else ():
        for side in (0, 1):
            if moved[side] == spans[side] or whole[side]:
                continue
            first, last = spans[side]
            advance = round(image[side] / int(output.shape[dim]))
            start = first - centre[dim] * advance
            axes[side] = Axis((start,), (start + last - first,), advance)
            units[side] = int(output.shape[dim])
    return LayerField(name, kind, (axes[0], axes[1]), whole, (units[0], units[1]))


def _moves(
    output: Tensor, centre: list[int], images: Tensor
) -> Iterator[tuple[int, tuple[Span, Span]]]:
    """For each dimension: what a unit a quarter along it sees."""
    for dim in (1, 2, 3):
        unit = list(centre)
        unit[dim] = int(output.shape[dim]) // 4
        if unit[dim] != centre[dim]:
            yield dim, seen_pixels(output, tuple(unit), images)
