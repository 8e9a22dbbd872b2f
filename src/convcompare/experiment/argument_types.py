"""Checks the arguments of a Python call against the annotations of the function."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from convcompare.core.errors import UsageError, did_you_mean, invalid

WORDS: Mapping[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
    type(None): "None",
    Mapping: "a mapping of names to values",
}


def check_arguments(
    function: Callable[..., Any], positional: Sequence[Any], named: Mapping[str, Any]
) -> None:
    """Raise UsageError if a call has an argument that `function` does not accept.

    Strings, numbers, booleans, paths, mappings and sequences of these are checked against the
    annotations; arguments with other annotations are not.
    """
    parameters = inspect.signature(function).parameters
    for name in named:
        if name not in parameters:
            hint = did_you_mean(name, parameters) or f"`help({function.__name__})` lists them"
            raise UsageError(f"there is no argument `{name}=`", hint)
    try:
        bound = inspect.signature(function).bind(*positional, **named)
    except TypeError as error:
        raise UsageError(
            f"{function.__name__}: {error}", f"`help({function.__name__})` explains it"
        ) from None
    hints = get_type_hints(function, localns={"Reporter": Any})
    for name, value in bound.arguments.items():
        if parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            value = list(value)
            hints[name] = Sequence[hints[name]]  # type: ignore[valid-type]
        if _words(hints[name]) and not _fits(value, hints[name]):
            shown = f"{value!r} ({type(value).__name__})"
            raise invalid(f"{name}=", shown, _words(hints[name]))


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if origin is Sequence:
        (inner,) = get_args(hint)
        listed = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
        listed = listed or hasattr(value, "__array__") or isinstance(value, range)
        return listed and all(_fits(one, inner) for one in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    if hint in (int, float):
        number = Integral if hint is int else Real
        return isinstance(value, number) and not isinstance(value, bool)
    if hint is Path:
        return isinstance(value, PathLike)
    return isinstance(value, hint)


def _words(hint: Any) -> str:
    """Return a description of the values that a hint allows; empty if it is not checked."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        parts = [_words(one) for one in get_args(hint)]
        return " or ".join(parts) if all(parts) else ""
    if origin is Sequence:
        inner = _words(get_args(hint)[0])
        return f"a list, each item {inner}" if inner else ""
    return WORDS.get(origin or hint, "")
