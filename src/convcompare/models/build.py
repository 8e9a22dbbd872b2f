"""Resolve specs into networks of the zoo, of a library, or of user code (``file.py:Net``)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from convcompare.core.errors import ModelError, UsageError, did_you_mean, quote
from convcompare.core.registry import register
from convcompare.core.spec import Option, Spec, bind, format_value, hands_on, options_of

from .construction import Construction, Origin
from .description import Description, describe
from .findings import Found
from .given_network import is_given, received
from .image_setup import draws_random_numbers
from .library_network import is_library, library_weights, load_library
from .process_state import ProcessState
from .shape import Shape
from .user_network import is_own, load_own
from .weights_file import WeightsFile

CONTEXT = {
    "in_channels": "leave it out: `--channels` changes that of the images",
    "image_size": "leave it out: `--image-size` changes that of the images",
    "num_classes": "leave it out",
}
"""Parameters of a network that the data set determines, with a hint for specs that set one."""
_HIDDEN = "`**kwargs` may stand for any: name the class that it builds, or declare the option in it"


@dataclass(frozen=True)
class Builder(Construction):
    """A spec bound to a shape, which builds the network any number of times and describes it.

    Attributes:
        examined: whether a user's network is examined when it is described.
    """

    examined: bool = True

    @cached_property
    def description(self) -> Description:
        """Counts and findings of the network, computed once."""
        return describe(self, self.examined)

    @cached_property
    def random_setup(self) -> bool:
        """Whether `initialise_from` of the network draws random numbers."""
        if not self.description.image_setup:
            return False
        return draws_random_numbers(lambda: self.build(0), self.shape)

    @property
    def hidden_state(self) -> Found | None:
        """The finding that checkpoints lack part of the network's state; None without it."""
        return next((one for one in self.description.found if one.name == "hidden state"), None)


def resolve(text: str, shape: Shape, freeze: str | None = None) -> Builder:
    """Return the builder for a spec with its options converted and checked; nothing is built yet.

    The builder's spec of a registered network contains every option. Other specs contain only the
    options as written, since the defaults are part of the code that `Builder.code` identifies.

    Args:
        text: a spec, such as ``cnn:depth=6``.
        shape: channels and side of the images, and the number of classes.
        freeze: a regular expression; parameters with a match in their names are not trained.

    Raises:
        UsageError: if the network does not exist, or an option is unknown, invalid or determined by
            the data set.
        ModelError: if a file, package or library cannot be loaded or has no such network.
    """
    spec = Spec.parse(text)
    origin = origin_of(spec.name)
    function, options, code, state = _find(spec.name)
    declared = options_of(function)
    hidden = origin == "file" and hands_on(function)
    _check_context(spec, declared.keys() | ({"num_classes"} if hidden else set()))
    values = bind(spec, options, _HIDDEN if hidden else "")
    if origin != "registry":
        values = {name: values[name] for name, _ in spec.options}
    context = {name: getattr(shape, name) for name in CONTEXT if name in declared}
    written = tuple((name, format_value(value)) for name, value in values.items())
    arguments = {**context, **values}
    resolved = str(Spec(spec.name, written))
    weights = library_weights(spec.name, values) if origin == "library" else None
    if weights is not None:
        code = _code_with(code, weights)
    return Builder(
        resolved, function, arguments, shape, origin, code, state, weights=weights, freeze=freeze
    )


def _check_context(spec: Spec, declared: Collection[str]) -> None:
    """Raise UsageError if a spec sets a parameter that the data set determines."""
    for name, _ in spec.options:
        if name in CONTEXT and name in declared:
            raise UsageError(
                f"{quote(name)} of {quote(spec.name)} comes from the data set", CONTEXT[name]
            )


def _code_with(code: str | None, weights: WeightsFile) -> str:
    """Return the SHA-256 of a library's hash together with that of the initial weights."""
    return hashlib.sha256(f"{code} {weights.sha256}".encode()).hexdigest()


def origin_of(name: str) -> Origin:
    """Return the origin of a network by the form of its name, without importing anything."""
    if is_library(name):
        return "library"
    return "file" if is_given(name) or is_own(name) else "registry"


def options(text: str) -> dict[str, Option]:
    """Return the options of the network that a spec names."""
    return _find(Spec.parse(text).name)[1]


_Lookup = tuple[Callable[..., Any], dict[str, Option], str | None, ProcessState | None]


def _find(name: str) -> _Lookup:
    """Return how to build the network `name`.

    Returns:
        The function that builds it, its options, the SHA-256 of foreign code (None for the zoo),
        and the process settings that a user's file leaves (None for other networks).
    """
    origin = origin_of(name)
    if origin == "library":
        return *load_library(name), None
    if is_given(name):
        function, code = received(name)
        return function, options_of(function, CONTEXT), code, None
    if origin == "file":
        own = load_own(name)
        return own.function, options_of(own.function, CONTEXT), own.code, own.state
    before, colon, option = name.partition(":")
    if colon and before in register.model:
        known = options_of(register.model[before].function, CONTEXT)
        value = format_value(known[option].default) if option in known else "VALUE"
        raise UsageError(
            f"the option {quote(option)} of {quote(before)} has no value",
            did_you_mean(option, known) if option not in known else f"`{name}={value}`",
        )
    if colon and Path(f"{before}.py").is_file():
        raise ModelError(
            f"there is no model {quote(name)}", f"write {quote(f'{before}.py:{option}')}"
        )
    if name not in register.model and name in register.dataset:
        raise UsageError(f"{quote(name)} is a data set, no network", f"`--dataset {name}` uses it")
    entry = register.model[name]
    return entry.function, options_of(entry.function, CONTEXT), entry.code, None
