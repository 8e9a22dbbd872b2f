"""From a spec to a network: the zoo by name, a library's, or somebody's own by ``file.py:Net``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from convcompare.core.errors import ModelError, UsageError, quote
from convcompare.core.failures import in_words, is_out_of_memory, reason
from convcompare.core.registry import register
from convcompare.core.seeding import TrialSeeds
from convcompare.core.spec import Option, Spec, bind, format_value, options_of

from . import examination, inspection, interface
from .findings import Found
from .given_network import is_given, received
from .image_setup import InitialisedFromImages, draws_random_numbers
from .input_hints import channels_hint, size_hint
from .interface import guard
from .library_network import is_library, load_library
from .mac_counter import Tally
from .process_state import ProcessState
from .randomness import drawing, seeded
from .shape import Shape
from .user_network import is_own, load_own

Origin = Literal["registry", "library", "file"]
"""Where a network comes from: registered under its name, by the zoo or by a plugin; a library,
``torchvision:NAME`` or ``timm:NAME``; or the user's own code, ``file.py:Net``,
``package.module:Net`` or an object of a Python program."""
CONTEXT = ("in_channels", "image_size", "num_classes")
"""What a builder is told of the data when it declares a parameter of that name."""


@dataclass(frozen=True)
class Description:
    """Counts of a network: trainable parameters, and MACs of a forward pass of one image.

    ``macs`` is None where not all could be counted, and ``uncounted`` names the operators that were
    not. ``unreached`` names the parameters of other people's networks that get no gradient;
    ``image_setup`` says whether the network sets itself up by training images; ``found`` is what
    else a reader of its figures must know; ``other_draws`` is whether numpy's or Python's generator
    has a part in its initial weights.
    """

    parameters: int
    macs: int | None
    unreached: tuple[str, ...] = ()
    image_setup: bool = False
    uncounted: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()
    other_draws: bool = False


class Network(Protocol):
    """What there is to know of a network that is to be trained, wherever it is built.

    The fields of `Builder`.
    """

    @property
    def spec(self) -> str:
        """The spec with every option resolved."""

    @property
    def shape(self) -> Shape:
        """What the network was made to fit."""

    @property
    def origin(self) -> Origin:
        """Where the network comes from."""

    @property
    def code(self) -> str | None:
        """The SHA-256 of its code, where that is not the zoo's."""

    @property
    def description(self) -> Description:
        """Its counts."""

    @property
    def random_setup(self) -> bool:
        """Whether it draws random numbers when it sets itself up by training images."""

    @property
    def takes_one_image(self) -> bool:
        """Whether it can be trained on a batch of one image."""


@dataclass(frozen=True)
class Builder:
    """A spec bound to a shape: builds the network, any number of times.

    ``spec`` is the text with every option resolved; ``origin`` is where the network comes from;
    ``code`` is the SHA-256 of the user's own or a plugin's file, or of the name and version of the
    library; ``state`` has the settings of the process as the user's file has left them; ``tried``
    is whether the user's own network is tried out when it is described.
    """

    spec: str
    function: Callable[..., Any]
    arguments: dict[str, Any]
    shape: Shape
    origin: Origin
    code: str | None = None
    state: ProcessState | None = None
    tried: bool = True

    def build(self, seed: int, device: str = "cpu") -> nn.Module:
        """A network with the initial weights that `seed` draws."""
        if self.origin == "registry":
            with torch.random.fork_rng([]), torch.device(device):
                torch.manual_seed(TrialSeeds(seed).initialisation)
                return self._made()
        model = self._foreign(seed, device)
        guard(model, *self._input_needs)
        return model

    def _foreign(self, seed: int, device: str) -> nn.Module:
        """Somebody's network with its layers in full; its outputs are logits."""
        threads, gradients = torch.get_num_threads(), torch.is_grad_enabled()
        if self.state:
            self.state.restore()
        with seeded(TrialSeeds(seed).initialisation), torch.device(device):
            model = self._made()
            try:
                interface.materialise(model, self._zeros(device))
            except Exception as error:
                raise ModelError(
                    f"the lazy layers of {quote(self.spec)} do not take {self.shape}: "
                    f"{reason(error)}"
                ) from error
        torch.set_num_threads(threads)
        torch.set_grad_enabled(gradients)
        if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
            raise ModelError(
                f"{quote(self.spec)} is scripted by `torch.jit`, so its layers cannot be watched",
                "leave the scripting out; `--compile on` compiles the steps of a training",
            )
        model.register_forward_hook(interface.take_logits)
        return model

    def _made(self) -> nn.Module:
        try:
            model = self.function(**self.arguments)
        except UsageError:
            raise
        except (Exception, SystemExit) as error:
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
            hint = None if error.hint else self._size_hint()
            if hint is None:
                raise
            raise ModelError(error.message, hint) from error
        except Exception as error:
            if is_out_of_memory(error):
                raise ModelError(f"{quote(self.spec)}: {in_words(error)}", FOR_A_NETWORK) from error
            hint = channels_hint(error, self.shape) or self._size_hint()
            raise ModelError(
                f"{quote(self.spec)} fails on 2 images of {self.shape}: {reason(error)}",
                hint or "parameters named in_channels, image_size and num_classes are filled in",
            ) from error
        self._check_output(output)
        parameters = inspection.parameters(model)
        if not parameters:
            raise ModelError(f"{quote(self.spec)} has no parameters to train")
        image_setup = isinstance(model, InitialisedFromImages)
        self._check_training(model)
        unreached = self._unreached(model)
        found: tuple[Found, ...] = ()
        with suppress(Exception):  # what fails of this fails in its training too, and says so
            found = self._found(macs.macs)
        return Description(
            parameters=parameters,
            macs=macs.macs,
            unreached=unreached,
            image_setup=image_setup,
            uncounted=macs.uncounted,
            found=found,
            other_draws=self._draws_elsewhere(),
        )

    @cached_property
    def random_setup(self) -> bool:
        """Whether the network draws random numbers when it sets itself up by training images."""
        if not self.description.image_setup:
            return False
        return draws_random_numbers(lambda: self.build(0), self.shape)

    @cached_property
    def takes_one_image(self) -> bool:
        """Whether it can be trained on a batch of one image, as BatchNorm of one place cannot."""
        device = "cpu" if self.origin == "file" else "meta"
        with suppress(Exception), torch.random.fork_rng([]):
            self.build(0, device).train()(self._zeros(device)[:1])
            return True
        return False

    @cached_property
    def _input_needs(self) -> tuple[bool, bool]:
        """Whether it needs its images contiguous, and in memory of its own; see `InputGuard`."""
        for device in ("cpu",) if self.origin == "file" else ("meta", "cpu"):
            with suppress(Exception):
                return interface.input_needs(self._foreign(0, device), self._zeros(device))
        return False, False

    def _zeros(self, device: str) -> Tensor:
        """Two images on a device."""
        side = self.shape.image_size
        return torch.zeros((2, self.shape.in_channels, side, side), device=device)

    def _found(self, macs: int | None) -> tuple[Found, ...]:
        """What is found of a user's own network by trying it; the others are known."""
        if self.origin != "file" or not self.tried:
            return ()
        return examination.examine(self.build, self.shape, macs)

    def _draws_elsewhere(self) -> bool:
        """Whether numpy's or Python's generator has moved while a user's own network was built."""
        if self.origin != "file":
            return False
        with seeded(0), drawing() as drew:
            self._made()
            return drew()

    @property
    def hidden_state(self) -> Found | None:
        """That the network has state which no checkpoint holds, where it has."""
        return next((one for one in self.description.found if one.name == "hidden state"), None)

    def _check_training(self, model: nn.Module) -> None:
        """ModelError where somebody's network gives no logits in training mode."""
        if self.origin == "registry":
            return
        device = next(model.parameters()).device
        try:
            replica = interface.copied(model).train()
        except Exception as error:
            raise ModelError(
                f"{quote(self.spec)} cannot be copied, as measuring it takes: {reason(error)}",
                "keep locks, files and generators out of its modules",
            ) from error
        try:
            with torch.no_grad(), seeded(0):
                output = replica(self._zeros(device.type))
        except Exception:
            return  # which the pass that follows says
        self._check_output(output, " in training mode")

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

    def _examine(self, device: str) -> tuple[nn.Module, Tally, object]:
        """As `_try`, but a library's network that needs numbers to be built gets them."""
        try:
            return self._try(device)
        except Exception:
            if self.origin != "library":
                raise
            return self._try("cpu")

    def _try(self, device: str) -> tuple[nn.Module, Tally, object]:
        """Builds the network and pushes two images through it: its MACs and its output."""
        model = self.build(0, device)
        with torch.random.fork_rng([]):
            zoo = self.code is None  # whose passes do nothing once, as the tests assert
            return model, *inspection.count_macs(model, self._zeros(device), all_alike=zoo)

    def _size_hint(self) -> str | None:
        """The side of the images that the network takes, in words."""
        return size_hint(Spec.parse(self.spec).name, self.shape, self._takes_size)

    def _takes_size(self, size: int) -> bool:
        """Whether the network takes images of this side, tried without memory or arithmetic."""
        shape = replace(self.shape, image_size=size)
        arguments = {**self.arguments}
        if "image_size" in arguments:
            arguments["image_size"] = size
        try:
            _, _, output = replace(self, shape=shape, arguments=arguments)._try("meta")
        except Exception:
            return False
        return isinstance(output, Tensor) and output.shape == (2, shape.num_classes)

    def _check_output(self, output: object, where: str = "") -> None:
        expected = (2, self.shape.num_classes)
        if not isinstance(output, Tensor):
            raise ModelError(
                f"{quote(self.spec)} gives {_kind(output)}{where}, not a tensor of logits",
                "it may also give an object or a mapping with `logits`",
            )
        if tuple(output.shape) != expected:
            raise ModelError(
                f"{quote(self.spec)} gives {tuple(output.shape)} for 2 images of {self.shape}"
                f"{where}, not {expected}",
                "its library gives it no classifier: a file of your own adds one"
                if self.origin == "library"
                else "one number a class; a parameter named num_classes is told how many there are",
            )


FOR_A_NETWORK = "a smaller network, or a machine with more memory"


def _kind(output: object) -> str:
    """What a network gives in place of a tensor, in words."""
    kind = type(output).__name__
    if isinstance(output, Mapping):
        return f"a {kind} of {', '.join(quote(key) for key in list(output)[:4]) or 'nothing'}"
    if isinstance(output, tuple | list):
        parts = [str(tuple(o.shape)) if isinstance(o, Tensor) else _kind(o) for o in output[:4]]
        return f"a {kind} of {', '.join(parts) or 'nothing'}"
    return f"a {kind}"


def resolve(text: str, shape: Shape) -> Builder:
    """The builder for a spec, its options cast and checked; nothing is built yet.

    Specs of registered networks are resolved with every default; all others as they were written,
    since their defaults are part of the file or the library that `Builder.code` names.
    """
    spec = Spec.parse(text)
    origin = origin_of(spec.name)
    function, options, code, state = _find(spec.name)
    values = bind(spec, options)
    if origin != "registry":
        values = {name: values[name] for name, _ in spec.options}
    declared = options_of(function)
    context = {name: getattr(shape, name) for name in CONTEXT if name in declared}
    written = tuple((name, format_value(value)) for name, value in values.items())
    arguments = {**context, **values}
    whole = str(Spec(spec.name, written))
    return Builder(whole, function, arguments, shape, origin, code, state)


def origin_of(name: str) -> Origin:
    """Where a network comes from, by how the name in its spec reads; nothing is imported."""
    if is_library(name):
        return "library"
    return "file" if is_given(name) or is_own(name) else "registry"


def options(text: str) -> dict[str, Option]:
    """The options that the network of a spec takes."""
    return _find(Spec.parse(text).name)[1]


_Found = tuple[Callable[..., Any], dict[str, Option], str | None, ProcessState | None]


def _find(name: str) -> _Found:
    """What builds the network of that name, the options it takes, the hash of foreign code, the
    settings of the process for it."""
    origin = origin_of(name)
    if origin == "library":
        return *load_library(name), None
    if is_given(name):
        function, code = received(name)
        return function, options_of(function, CONTEXT), code, None
    if origin == "file":
        own = load_own(name)
        return own.function, options_of(own.function, CONTEXT), own.code, own.state
    entry = register.model[name]
    return entry.function, options_of(entry.function, CONTEXT), entry.code, None
