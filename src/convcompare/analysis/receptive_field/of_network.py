"""The receptive field of a spec's network: traced, or measured if it cannot be traced."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import torch
from torch import nn

from convcompare.core.errors import ModelError, UsageError
from convcompare.core.failures import reason
from convcompare.models.build import resolve
from convcompare.models.interface import in_mode
from convcompare.models.randomness import noise, seeded
from convcompare.models.shape import Shape

from .measured import measure
from .meta_execution import WithoutInitialWeights
from .reach import NotKnown
from .tensor_field import Untraceable
from .traced import ReceptiveField, trace

if TYPE_CHECKING:
    from convcompare.models.build import Builder


def field_of_network(builder: Builder) -> ReceptiveField:
    """Return the fields of a network on images of the builder's shape.

    A network from a user's file is built with real weights, all others on ``meta`` if possible. A
    network that cannot be traced is measured. If that fails too, the result contains the reasons
    and no field.

    Raises:
        ModelError: If the network cannot be built or does not accept such an image.
    """
    shape = builder.shape
    image = (shape.image_size, shape.image_size)
    try:
        return trace(_definition(builder), shape.in_channels, image)
    except Untraceable as error:
        why = str(error)
    except UsageError:
        _ = builder.description  # raises an error with the accepted sizes
        raise
    except Exception as error:
        _ = builder.description
        why = reason(error)
    try:
        return measure(lambda: _set_up(builder), shape.in_channels, image, why)
    except NotKnown as error:
        unknown = str(error)
    except Exception as error:
        _ = builder.description
        unknown = reason(error)
    return ReceptiveField(image, (), None, None, None, {}, "measured", why, unknown)


def field_of_spec(text: str, shape: Shape) -> ReceptiveField:
    """Return the fields of a spec's network: see `field_of_network`."""
    return field_of_network(resolve(text, shape))


def _definition(builder: Builder) -> nn.Module:
    """Build the network with weights on ``meta``, unless it is defined in a user's file."""
    if builder.origin == "file":
        return _set_up(builder)
    with suppress(ModelError), WithoutInitialWeights():
        return builder.build(0, "meta")
    with WithoutInitialWeights(weights_only=True):
        return builder.build(0)


def _set_up(builder: Builder) -> nn.Module:
    """Build the network with real weights.

    A user's network runs one training pass, since it may create layers from its first image.
    """
    if builder.origin != "file":
        return builder.build(0)
    model = builder.build(0)
    try:
        with torch.no_grad(), seeded(0):
            in_mode(model, True)(noise(builder.shape, 1, 0))
    except Exception:  # it accepts no single image in training mode
        return builder.build(0)
    return model
