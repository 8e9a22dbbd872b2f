"""Construction of networks: those of the zoo as they are, foreign ones adapted to the trainer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn

from convcompare.core.errors import ModelError, UsageError, quote
from convcompare.core.failures import is_out_of_memory, reason
from convcompare.core.fine_tuning import InitialWeights
from convcompare.core.seeding import TrialSeeds
from convcompare.core.spec import hands_on

from . import interface
from .compiler_import import calls_left_out, compiling_left_out, spare_shapes
from .devices import seed_torch
from .failure_hints import hint_of, hint_of_building
from .freezing import freeze
from .meta_device import building_on
from .process_state import ProcessState, kept_settings
from .randomness import drawing, seeded
from .shape import Shape
from .torchvision_import import mended
from .weights_file import WeightsFile

spare_shapes()

Origin = Literal["registry", "library", "file"]
"""Source of a network: registered by the zoo or a plugin; a library (``torchvision:NAME``,
``timm:NAME``); or user code (``file.py:Net``, ``package.module:Net``, an object of a program)."""


@dataclass(frozen=True)
class Construction:
    """A function that builds a network, with the arguments for a shape.

    Attributes:
        spec: the spec with resolved options.
        function: builds the network.
        arguments: arguments of the function.
        shape: channels and side of the images, and the number of classes.
        origin: source of the network.
        code: SHA-256 of the file of a user or plugin, or of the name and version of a library and
            of the initial weights; None for the zoo.
        state: process settings as the user's file left them.
        weights: file of the initial weights; None for random ones.
        freeze: regular expression of the parameters that are not trained.
    """

    spec: str
    function: Callable[..., Any]
    arguments: dict[str, Any]
    shape: Shape
    origin: Origin
    code: str | None = None
    state: ProcessState | None = None
    weights: WeightsFile | None = None
    freeze: str | None = None

    def build(self, seed: int, device: str = "cpu") -> nn.Module:
        """Build a network with initial weights drawn by `seed`, or those of its file.

        On ``meta`` there are no weights, and none are loaded.

        Raises:
            ModelError: if the network cannot be built, or its weights do not fit.
        """
        if self.origin == "registry":
            with torch.random.fork_rng([]), building_on(device):
                seed_torch(TrialSeeds(seed).initialisation)
                model = self._made()
            self._freeze(model)
            return model
        model = self._foreign(seed, device)
        interface.guard(model, *self._input_needs)
        return model

    def _foreign(self, seed: int, device: str) -> nn.Module:
        """Build a foreign network with initialised lazy layers, whose output is the logits."""
        if self.state:
            self.state.restore()
        with (
            kept_settings(),
            seeded(TrialSeeds(seed).initialisation),
            building_on(device),
            compiling_left_out(),
        ):
            model = self._made()
            try:
                interface.materialise(model, self.zeros(device))
            except Exception as error:
                raise ModelError(
                    f"the lazy layers of {quote(self.spec)} do not take {self.shape}: "
                    f"{reason(error)}",
                    hint_of(error),
                ) from error
        for name in ("parameters", "named_parameters", "modules", "named_modules"):
            if getattr(type(model), name) is not getattr(nn.Module, name):
                raise ModelError(
                    f"{quote(self.spec)} has a `{name}` of its own, which hides what it trains",
                    "give that method another name; `--freeze` keeps parameters from training",
                )
        model.register_forward_hook(interface.take_logits)
        self._freeze(model)
        return model

    def _freeze(self, model: nn.Module) -> None:
        if self.freeze is not None:
            freeze(model, self.freeze, self.spec)

    def _made(self) -> nn.Module:
        try:
            model = mended(lambda: self.function(**self._all_arguments))
        except UsageError:
            raise
        except (Exception, SystemExit) as error:
            if is_out_of_memory(error):
                raise
            raise ModelError(
                f"{quote(self.spec)} cannot be built: {reason(error)}",
                hint_of_building(error, self.function) if isinstance(error, Exception) else None,
            ) from error
        if not isinstance(model, nn.Module):
            raise ModelError(
                f"{quote(self.spec)} gives a {type(model).__name__}, not a network",
                "it must return a `torch.nn.Module`",
            )
        if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
            raise ModelError(
                f"{quote(self.spec)} has modules that `torch.jit` has made, whose layers cannot be "
                "watched",
                "leave `torch.jit` out; `--compile on` compiles the steps of a training",
            )
        if self.weights is not None and torch.empty(0).device.type != "meta":
            self.loaded(model)
        return model

    @cached_property
    def _all_arguments(self) -> dict[str, Any]:
        """The arguments, with the number of classes if a user's ``**kwargs`` pass it on."""
        unnamed = "num_classes" not in self.arguments
        if not (self.origin == "file" and unnamed and hands_on(self.function)):
            return self.arguments
        more = {**self.arguments, "num_classes": self.shape.num_classes}
        try:
            with seeded(0):
                mended(lambda: self.function(**more))
        except Exception as error:
            if "num_classes" in str(error):  # it is not passed on, or set already
                return self.arguments
        return more

    def loaded(self, model: nn.Module) -> InitialWeights | None:
        """Load the weights of the file into a network; None if there is no file."""
        if self.weights is None:
            return None
        return self.weights.load(model, self.shape.num_classes, self.shape.in_channels)

    @cached_property
    def takes_one_image(self) -> bool:
        """Whether it can be trained on one image, as BatchNorm of a single position cannot."""
        for device in self._tried_on:
            with suppress(Exception), torch.random.fork_rng([]):
                output = interface.in_mode(self.build(0, device), True)(self.zeros(device)[:1])
                return bool(output.ndim == 2)  # not squeezed
        return False

    @cached_property
    def _input_needs(self) -> tuple[bool, bool]:
        """Whether it needs contiguous images, and a copy of them: arguments of `InputGuard`."""
        for device in self._tried_on:
            with suppress(Exception):
                return interface.input_needs(self._foreign(0, device), self.zeros(device))
        return False, False

    @property
    def _tried_on(self) -> tuple[str, ...]:
        """Devices of trial passes, the one without arithmetic first."""
        return ("cpu",) if self.origin == "file" else ("meta", "cpu")

    def zeros(self, device: str) -> Tensor:
        """Return two images of zeros on a device."""
        return torch.zeros(self.shape.size(2), device=device)

    def compiles_itself(self) -> bool:
        """Return whether user code compiles the network or what it calls, which is left out."""
        if self.origin != "file":
            return False
        with seeded(0), compiling_left_out() as skipped, torch.no_grad():
            model = self._made()
            return bool(skipped) or calls_left_out(lambda: model(self.zeros("cpu")))

    def draws_elsewhere(self) -> bool:
        """Return whether building a user's network used numpy's or Python's generator."""
        if self.origin != "file":
            return False
        with seeded(0), drawing() as drew, compiling_left_out():
            self._made()
            return drew()
