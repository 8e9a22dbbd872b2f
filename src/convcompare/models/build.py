"""From a spec to a network: the zoo by name, a library's, or somebody's own by ``file.py:Net``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn

from convcompare.core.errors import ModelError, UsageError, quote
from convcompare.core.failures import in_words, is_out_of_memory, reason
from convcompare.core.registry import register
from convcompare.core.seeding import TrialSeeds
from convcompare.core.spec import Option, Spec, bind, format_value, options_of

from . import inspection
from .image_setup import InitialisedFromImages, draws_random_numbers
from .library_network import is_library, load_library
from .shape import Shape
from .user_network import is_own, load_own

Origin = Literal["registry", "library", "file"]
"""Where a network comes from: registered under its name, by the zoo or by a plugin; a library,
``torchvision:NAME`` or ``timm:NAME``; or the user's own code, ``file.py:Net`` or
``package.module:Net``."""
CONTEXT = ("in_channels", "image_size", "num_classes")
"""What a builder is told of the data when it declares a parameter of that name."""
SIZES = (28, 32, 64, 96, 128, 224, 299)
"""The sides of images that are tried where a network does not take those of the data set."""


@dataclass(frozen=True)
class Description:
    """Counts of a network: trainable parameters, and MACs for one image.

    ``unreached`` names the parameters of other people's networks that get no gradient;
    ``image_setup`` says whether the network sets itself up by training images.
    """

    parameters: int
    macs: int
    unreached: tuple[str, ...] = ()
    image_setup: bool = False


@dataclass(frozen=True)
class Builder:
    """A spec bound to a shape: builds the network, any number of times.

    ``spec`` is the text with every option resolved; ``origin`` is where the network comes from;
    ``code`` is the SHA-256 of the user's own or a plugin's file, or of the name and version of the
    library.
    """

    spec: str
    function: Callable[..., Any]
    arguments: dict[str, Any]
    shape: Shape
    origin: Origin
    code: str | None = None

    def build(self, seed: int, device: str = "cpu") -> nn.Module:
        """A network with the initial weights that `seed` draws."""
        with torch.random.fork_rng([]), torch.device(device):
            torch.manual_seed(TrialSeeds(seed).initialisation)
            try:
                model = self.function(**self.arguments)
            except UsageError:
                raise
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                raise ModelError(f"{quote(self.spec)} cannot be built: {reason(error)}") from error
        if not isinstance(model, nn.Module):
            raise ModelError(
                f"{quote(self.spec)} gives a {type(model).__name__}, not a network",
                "it must return a `torch.nn.Module`",
            )
        return model

    @cached_property
    def description(self) -> Description:
        """Builds the network once, pushes two images through it, and counts.

        Raises ModelError where it fails, or does not give one row of num_classes numbers an image.
        """
        # Registered networks are built without memory or arithmetic; a user's file may need both.
        device = "cpu" if self.origin == "file" else "meta"
        try:
            model, macs, output = self._examine(device)
        except UsageError as error:
            size = None if error.hint else self._smallest_size()
            if size is None:
                raise
            raise ModelError(error.message, _takes(size)) from error
        except Exception as error:
            if is_out_of_memory(error):
                raise ModelError(f"{quote(self.spec)}: {in_words(error)}", FOR_A_NETWORK) from error
            size = self._smallest_size()
            hint = "parameters named in_channels, image_size and num_classes are filled in"
            raise ModelError(
                f"{quote(self.spec)} fails on 2 images of {self.shape}: {reason(error)}",
                hint if size is None else _takes(size),
            ) from error
        self._check_output(output)
        parameters = inspection.parameters(model)
        if not parameters:
            raise ModelError(f"{quote(self.spec)} has no parameters to train")
        image_setup = isinstance(model, InitialisedFromImages)
        return Description(parameters, macs, self._unreached(model), image_setup)

    @cached_property
    def random_setup(self) -> bool:
        """Whether the network draws random numbers when it sets itself up by training images."""
        if not self.description.image_setup:
            return False
        return draws_random_numbers(lambda: self.build(0), self.shape)

    def _unreached(self, model: nn.Module) -> tuple[str, ...]:
        """Parameters that get no gradient; those of a registered network all do."""
        if self.origin == "registry":
            return ()
        try:
            return tuple(inspection.parameters_without_gradient(model, self.shape))
        except Exception as error:
            raise ModelError(
                f"{quote(self.spec)} fails in training on 2 images of {self.shape}: {reason(error)}"
            ) from error

    def _examine(self, device: str) -> tuple[nn.Module, int, object]:
        """As `_try`, but a library's network that needs numbers to be built gets them."""
        try:
            return self._try(device)
        except Exception:
            if self.origin != "library":
                raise
            return self._try("cpu")

    def _try(self, device: str) -> tuple[nn.Module, int, object]:
        """Builds the network and pushes two images through it: its MACs and its output."""
        model = self.build(0, device)
        shape = (2, self.shape.in_channels, self.shape.image_size, self.shape.image_size)
        images = torch.zeros(shape, device=device)
        with torch.random.fork_rng([]):
            return model, *inspection.count_macs(model, images)

    def _smallest_size(self) -> int | None:
        """The first of SIZES that the network takes, tried without memory or arithmetic."""
        for size in (size for size in SIZES if size != self.shape.image_size):
            shape = replace(self.shape, image_size=size)
            arguments = {**self.arguments}
            if "image_size" in arguments:
                arguments["image_size"] = size
            try:
                _, _, output = replace(self, shape=shape, arguments=arguments)._try("meta")
            except Exception:
                continue
            if isinstance(output, Tensor) and output.shape == (2, shape.num_classes):
                return size
        return None

    def _check_output(self, output: object) -> None:
        expected = (2, self.shape.num_classes)
        if not isinstance(output, Tensor):
            raise ModelError(
                f"{quote(self.spec)} gives a {type(output).__name__}, not a tensor of logits"
            )
        if tuple(output.shape) != expected:
            raise ModelError(
                f"{quote(self.spec)} gives {tuple(output.shape)} for 2 images of {self.shape}, "
                f"not {expected}",
                "one number a class; a parameter named num_classes is told how many there are",
            )


FOR_A_NETWORK = "a smaller network, or a machine with more memory"


def _takes(size: int) -> str:
    return f"it takes images of {size}×{size} pixels: `--image-size {size}`"


def resolve(text: str, shape: Shape) -> Builder:
    """The builder for a spec, its options cast and checked; nothing is built yet.

    Specs of registered networks are resolved with every default; all others as they were written,
    since their defaults are part of the file or the library that `Builder.code` names.
    """
    spec = Spec.parse(text)
    origin = origin_of(spec.name)
    function, options, code = _find(spec.name)
    values = bind(spec, options)
    if origin != "registry":
        values = {name: values[name] for name, _ in spec.options}
    declared = options_of(function)
    context = {name: getattr(shape, name) for name in CONTEXT if name in declared}
    written = tuple((name, format_value(value)) for name, value in values.items())
    arguments = {**context, **values}
    return Builder(str(Spec(spec.name, written)), function, arguments, shape, origin, code)


def origin_of(name: str) -> Origin:
    """Where a network comes from, by how the name in its spec reads; nothing is imported."""
    if is_library(name):
        return "library"
    return "file" if is_own(name) else "registry"


def options(text: str) -> dict[str, Option]:
    """The options that the network of a spec takes."""
    return _find(Spec.parse(text).name)[1]


def _find(name: str) -> tuple[Callable[..., Any], dict[str, Option], str | None]:
    """What builds the network of that name, the options it takes, the hash of foreign code."""
    origin = origin_of(name)
    if origin == "library":
        return load_library(name)
    if origin == "file":
        function, code = load_own(name)
    else:
        entry = register.model[name]
        function, code = entry.function, entry.code
    return function, options_of(function, CONTEXT), code
