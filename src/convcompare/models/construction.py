"""A network that can be built: the zoo's as it is, somebody's own with what the trainer needs."""

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
from .failure_hints import hint_of_building
from .freezing import freeze
from .meta_device import building_on
from .process_state import ProcessState, kept_threads
from .randomness import drawing, seeded
from .shape import Shape
from .torchvision_import import mended
from .weights_file import WeightsFile

spare_shapes()

Origin = Literal["registry", "library", "file"]
"""Where a network comes from: registered under its name, by the zoo or by a plugin; a library,
``torchvision:NAME`` or ``timm:NAME``; or the user's own code, ``file.py:Net``,
``package.module:Net`` or an object of a Python program."""


@dataclass(frozen=True)
class Construction:
    """A function that builds a network, with the arguments that make it fit a shape.

    ``spec`` is the text with every option resolved; ``origin`` is where the network comes from;
    ``code`` is the SHA-256 of the user's own or a plugin's file, or of the name and version of the
    library and of the weights it begins with; ``state`` has the settings of the process as the
    user's file has left them. ``weights`` is the file of these weights, ``freeze`` the regular
    expression of the parameters that do not train.
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
        """A network with the initial weights that `seed` draws, or those of its file.

        On ``meta`` there are no weights, and none are loaded.
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
        """Somebody's network with its layers in full; its outputs are logits."""
        if self.state:
            self.state.restore()
        with (
            kept_threads(),
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
                    f"{reason(error)}"
                ) from error
        if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
            raise ModelError(
                f"{quote(self.spec)} has modules that `torch.jit` has made, whose layers cannot be "
                "watched",
                "leave `torch.jit` out; `--compile on` compiles the steps of a training",
            )
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
        if self.weights is not None and torch.empty(0).device.type != "meta":
            self.loaded(model)
        return model

    @cached_property
    def _all_arguments(self) -> dict[str, Any]:
        """The arguments, and the number of classes where a user's ``**kwargs`` hand it on."""
        unnamed = "num_classes" not in self.arguments
        if not (self.origin == "file" and unnamed and hands_on(self.function)):
            return self.arguments
        more = {**self.arguments, "num_classes": self.shape.num_classes}
        try:
            with seeded(0):
                mended(lambda: self.function(**more))
        except Exception as error:
            if "num_classes" in str(error):  # it is not handed on, or given already
                return self.arguments
        return more

    def loaded(self, model: nn.Module) -> InitialWeights | None:
        """Put the weights of its file into a network; what they are, None for a fresh network."""
        if self.weights is None:
            return None
        return self.weights.load(model, self.shape.num_classes, self.shape.in_channels)

    @cached_property
    def takes_one_image(self) -> bool:
        """Whether it can be trained on a batch of one image, as BatchNorm of one place cannot."""
        for device in self._tried_on:
            with suppress(Exception), torch.random.fork_rng([]):
                output = interface.in_mode(self.build(0, device), True)(self.zeros(device)[:1])
                return bool(output.ndim == 2)  # not squeezed
        return False

    @cached_property
    def _input_needs(self) -> tuple[bool, bool]:
        """Whether it needs its images contiguous, and in memory of its own; see `InputGuard`."""
        for device in self._tried_on:
            with suppress(Exception):
                return interface.input_needs(self._foreign(0, device), self.zeros(device))
        return False, False

    @property
    def _tried_on(self) -> tuple[str, ...]:
        """The devices that a trial pass may succeed on, the one without arithmetic first."""
        return ("cpu",) if self.origin == "file" else ("meta", "cpu")

    def zeros(self, device: str) -> Tensor:
        """Two images on a device."""
        return torch.zeros(self.shape.size(2), device=device)

    def compiles_itself(self) -> bool:
        """Whether a user's own code compiles the network or what it calls, which is left out."""
        if self.origin != "file":
            return False
        with seeded(0), compiling_left_out() as asked, torch.no_grad():
            model = self._made()
            return bool(asked) or calls_left_out(lambda: model(self.zeros("cpu")))

    def draws_elsewhere(self) -> bool:
        """Whether numpy's or Python's generator has moved while a user's own network was built."""
        if self.origin != "file":
            return False
        with seeded(0), drawing() as drew, compiling_left_out():
            self._made()
            return drew()
