"""Dataclasses to JSON objects and back, by the type hints of their fields.

Numbers, booleans and strings stay as they are. A dataclass becomes an object, a tuple a list, a
path a string. A field may be an ``int``, ``float``, ``bool``, ``str``, ``Path`` or
``Literal[...]``, a union of these and ``None``, a dataclass, a union of one and ``None``, a
``tuple[X, ...]`` or a ``Mapping[str, X]``. Types are checked; limits and the values of a
``Literal`` are not, since newer versions may allow more.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

APART: Mapping[str, Any] = types.MappingProxyType({"apart": True})
"""Metadata of a dataclass field that is not in its record."""
OMITTED: Mapping[str, Any] = types.MappingProxyType({"omitted": True})
"""Metadata of a field that its record leaves out while it has its default, so that records and ids
from before the field was added stay as they are."""
T = TypeVar("T")
_Reader = Callable[[Any], Any]
_KINDS: Mapping[Any, tuple[type, ...]] = {
    int: (int,),
    float: (float, int),
    bool: (bool,),
    str: (str,),
    Path: (str,),
    type(None): (type(None),),
}
"""The types that Python's ``json`` reads for each type of field."""


def to_record(record: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, in order of definition, ready for ``json.dumps``."""
    defaults = _omitted(record.__class__)
    fields = {name: getattr(record, name) for name in _readers(record.__class__)}
    return {
        name: _to_json(value)
        for name, value in fields.items()
        if name not in defaults or value != defaults[name]
    }


def from_record(cls: type[T], record: Mapping[str, Any]) -> T:
    """The dataclass that `to_record` turned into `record`.

    Unknown fields are ignored, since newer writers may add some. An ``int`` in a ``float`` field
    stays an ``int``, so that the record keeps its bytes and its id when it is written again.

    Raises TypeError if a value has the wrong type, or a field without a default is missing.
    """
    if not isinstance(record, Mapping):
        raise TypeError(f"{cls.__name__} is not an object")
    readers = _readers(typing.cast(Any, cls))  # mypy takes type[T] for unhashable
    return cls(**{name: readers[name](value) for name, value in record.items() if name in readers})


def _to_json(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _to_json(item) for key, item in value.items()}
    return str(value) if isinstance(value, Path) else to_record(value)


@functools.cache
def _readers(cls: Any) -> Mapping[str, _Reader]:
    """For each field of a dataclass, the function that checks and converts its JSON value."""
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls) if not field.metadata.get("apart")]
    return {name: _reader(name, hints[name]) for name in names}


@functools.cache
def _omitted(cls: Any) -> Mapping[str, Any]:
    """The defaults of the fields that are left out while they have them."""
    return {f.name: f.default for f in dataclasses.fields(cls) if f.metadata.get("omitted")}


def _reader(name: str, hint: Any) -> _Reader:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return functools.partial(from_record, hint)
    inner = next((one for one in args if dataclasses.is_dataclass(one)), None)
    if inner is not None and type(None) in args:
        parsed = _reader(name, inner)
        return lambda value: None if value is None else parsed(value)
    if origin is tuple:
        listed, item = _checked(name, list, {list}), _reader(name, args[0])
        return lambda value: tuple(map(item, listed(value)))
    if origin is Mapping:
        keyed, item = _checked(name, dict, {dict}), _reader(name, args[1])
        return lambda value: {key: item(one) for key, one in keyed(value).items()}
    checked = _checked(name, hint, _kinds(hint))
    if Path in (hint, *args):
        return lambda value: None if checked(value) is None else Path(value)
    return checked


def _checked(name: str, hint: Any, kinds: set[type]) -> _Reader:
    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError(f"{name} is not a {getattr(hint, '__name__', hint)}")
        return value

    return read


def _kinds(hint: Any) -> set[type]:
    """The types that Python's ``json`` reads for a field without parts."""
    if typing.get_origin(hint) is Literal:
        return set(map(type, typing.get_args(hint)))
    if hint in _KINDS:
        return {*_KINDS[hint]}
    return set().union(*map(_kinds, typing.get_args(hint)))
