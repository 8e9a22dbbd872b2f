"""Specs: a name with options, ``cnn:depth=6,kernel=5``, to and from text.

`bind` casts the values by the annotations of the function that takes them. A builder's signature is
therefore its whole declaration: name, type, limits, default. Standard library only.

Annotations: ``int``, ``float``, ``bool``, ``str``, ``Literal[...]``, ``tuple[int, ...]`` (written
``512x256x128``), ``X | None`` (written ``none``), and ``Annotated[X, limit]`` with a limit of this
module (`AtLeast`, `Above`, `Between`, `Odd`).
"""

from __future__ import annotations

import enum
import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, Literal

from .errors import UsageError, did_you_mean, quote

_OPTIONS = re.compile(r"[A-Za-z_]\w*=[^=]*")


@dataclass(frozen=True)
class Spec:
    """A name and its options as text, ``name:option=value,option=value``, in the written order.

    ``Spec.parse(text)`` reads one; ``str(spec)`` is the text again.
    """

    name: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Read ``NAME[:option=value[,option=value…]]``.

        The name may contain colons (``net.py:Net``, ``folder:/data/birds``): the options are the
        part after the last colon if that part has the form ``option=value``. Raises UsageError for
        an empty name, a part that is no option, options that a colon separates, or an option that
        is set twice.
        """
        name, colon, rest = text.rpartition(":")
        if not colon or not _OPTIONS.match(rest):
            name, rest = text, ""
        first, _, earlier = name.rpartition(":")
        if rest and first and _OPTIONS.fullmatch(earlier):
            raise UsageError(
                f"a colon separates options in {quote(text)}",
                f"options are separated by commas: {quote(f'{first}:{earlier},{rest}')}",
            )
        if not name.strip() or not name.isprintable():
            raise UsageError(
                f"{quote(text)} is not a name", "write NAME or NAME:option=value,option=value"
            )
        options: dict[str, str] = {}
        for part in rest.split(",") if rest else []:
            option, equals, value = part.partition("=")
            if not equals or not option.strip() or not value.strip():
                raise UsageError(
                    f"{quote(part)} in {quote(text)} is not an option",
                    "write option=value, several with commas; lists with x, as hidden=512x256",
                )
            if option.strip() in options:
                raise UsageError(f"{quote(text)} sets {quote(option.strip())} twice")
            options[option.strip()] = value.strip()
        return cls(name.strip(), tuple(options.items()))

    def __str__(self) -> str:
        options = ",".join(f"{name}={value}" for name, value in self.options)
        return f"{self.name}:{options}" if options else self.name


@dataclass(frozen=True)
class AtLeast:
    """A limit: `low` or more, as in ``Annotated[int, AtLeast(2)]``."""

    low: float

    def __call__(self, value: float) -> bool:
        return value >= self.low

    def __str__(self) -> str:
        return f"at least {self.low:g}"


@dataclass(frozen=True)
class Between:
    """A limit: from `low` to below `high`; if `closed`, `high` itself is allowed."""

    low: float
    high: float
    closed: bool = False

    def __call__(self, value: float) -> bool:
        return self.low <= value < self.high or (self.closed and value == self.high)

    def __str__(self) -> str:
        end = "to" if self.closed else "to below"
        return f"from {self.low:g} {end} {self.high:g}"


@dataclass(frozen=True)
class Above:
    """A limit: greater than `low`."""

    low: float

    def __call__(self, value: float) -> bool:
        return value > self.low

    def __str__(self) -> str:
        return f"above {self.low:g}"


@dataclass(frozen=True)
class Odd:
    """A limit: odd and positive. An odd kernel, padded by half, keeps the size of the image."""

    def __call__(self, value: int) -> bool:
        return value > 0 and value % 2 == 1

    def __str__(self) -> str:
        return "odd: 1, 3, 5, …"


Count = Annotated[int, AtLeast(1)]
"""An option that counts channels, units or layers: a whole number, 1 or more."""
Kernel = Annotated[int, Odd()]
"""An option for the side of a square kernel, in pixels: an odd number, 1 or more."""
Probability = Annotated[float, Between(0, 1)]
"""An option from 0 to below 1, such as a rate of dropout."""
Widths = tuple[Count, ...]
"""An option for a list of counts, one per layer, written ``512x256x128``."""
Factor = Annotated[float, Above(0)]
"""An option for a factor, such as that on the channels of every layer: greater than 0."""


@dataclass(frozen=True)
class Option:
    """One option of a builder: its name, its type, its default."""

    name: str
    annotation: Any
    default: Any

    def cast(self, text: str) -> Any:
        """Return the value for a text.

        Raises:
            ValueError: if it is not allowed.
        """
        return _cast(text, self.annotation)

    @property
    def allowed(self) -> str:
        """Description of the allowed values."""
        return _describe(self.annotation)


def options_of(function: Callable[..., Any], context: Iterable[str] = ()) -> dict[str, Option]:
    """Return the options that `function` declares: its parameters except those in `context`.

    A parameter without an annotation has the type of its default; without a default, its values are
    parsed as numbers or booleans if possible.
    """
    found = {}
    for name, parameter in _parameters(function).items():
        if name in context or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = None if parameter.default is parameter.empty else parameter.default
        annotation = parameter.annotation
        if annotation is parameter.empty or isinstance(annotation, str):
            annotation = _type_of(default)
        found[name] = Option(name, annotation, default)
    return found


def hands_on(function: Callable[..., Any]) -> bool:
    """Return whether `function` accepts undeclared arguments by ``**kwargs``."""
    return any(one.kind is one.VAR_KEYWORD for one in _parameters(function).values())


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function, eval_str=True).parameters
    except (NameError, TypeError):  # an annotation that does not resolve, or a builtin
        return inspect.signature(function).parameters


def _type_of(default: Any) -> Any:
    if default is None:
        return Any
    if isinstance(default, tuple) and len({*map(type, default)}) == 1:
        return tuple[type(default[0]), ...]  # type: ignore[misc]
    return type(default)


def bind(spec: Spec, options: dict[str, Option], unknown: str = "") -> dict[str, Any]:
    """Return the values of all `options` under `spec`: cast, checked, with defaults.

    `unknown` is the hint for an unknown option.

    Raises:
        UsageError: for an unknown option or a value that is not allowed.
    """
    for name, _ in spec.options:
        if name not in options:
            known = ", ".join(f"`{option}`" for option in options) or "none"
            raise UsageError(
                f"`{spec.name}` has no option {quote(name)}",
                did_you_mean(name, options) or unknown or f"its options: {known}",
            )
    values = {name: option.default for name, option in options.items()}
    for name, text in spec.options:
        try:
            values[name] = options[name].cast(text)
        except ValueError:
            raise UsageError(
                f"invalid value for option `{name}` of `{spec.name}`: {quote(text)}",
                f"allowed: {options[name].allowed}",
            ) from None
    return values


def format_value(value: Any) -> str:
    """Return the text of an option's value; casting it returns the value."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "x".join(format_value(item) for item in value)
    return str(value)


_WRITTEN = (int, float, str, enum.Enum, PurePath)
"""Types whose values can be written as text."""


def _cast(text: str, annotation: Any) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        value = _cast(text, arguments[0])
        if not all(limit(value) for limit in arguments[1:]):
            raise ValueError(text)
        return value
    if origin in (typing.Union, types.UnionType):
        return _cast_union(text, arguments)
    if origin is Literal:
        choices = {format_value(argument): argument for argument in arguments}
        return choices[text] if text in choices else _refuse(text)
    if origin is tuple:
        return tuple(_cast(part, arguments[0]) for part in text.split("x"))
    if annotation is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        return words[text.lower()] if text.lower() in words else _refuse(text)
    if annotation is float:
        value = float(text)
        return value if math.isfinite(value) else _refuse(text)
    return annotation(text) if annotation in (int, str) else _literal(text, annotation)


def _cast_union(text: str, arguments: tuple[Any, ...]) -> Any:
    if text.lower() == "none" and type(None) in arguments:
        return None
    for argument in arguments:
        if argument is not type(None):
            try:
                return _cast(text, argument)
            except ValueError:
                continue
    return _refuse(text)


def _literal(text: str, annotation: Any) -> Any:
    """Return a value for an annotation in foreign code: a number or boolean if it reads as one.

    Text never stands for a layer, a class or a list, since most networks would misinterpret it.
    """
    if annotation is Any or not isinstance(annotation, type):
        words = {"true": True, "false": False, "none": None}
        if text.lower() in words:
            return words[text.lower()]
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
        return text
    return annotation(text) if issubclass(annotation, (enum.Enum, PurePath)) else _refuse(text)


def _refuse(text: str) -> typing.NoReturn:
    raise ValueError(text)


def _describe(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return f"{_describe(arguments[0])}, {', '.join(str(limit) for limit in arguments[1:])}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if a is type(None) else _describe(a) for a in arguments)
    if origin is Literal:
        return ", ".join(format_value(a) for a in arguments)
    if origin is tuple:
        return f"a list such as 512x256 (each {_describe(arguments[0])})"
    if annotation is Any:
        return "a number, true, false, none or text"
    if isinstance(annotation, type) and not issubclass(annotation, _WRITTEN):
        return f"no text: a function that makes the {annotation.__name__} can"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))
