"""Conversion of dataclasses to JSON objects and back, by the type hints of their fields.

Numbers, booleans and strings stay as they are. A dataclass becomes an object, a tuple a list, a
path a string. The type of a field may be ``int``, ``float``, ``bool``, ``str``, ``Path`` or
``Literal[...]``, a union of these and ``None``, a dataclass, a union of a dataclass and ``None``,
``tuple[X, ...]`` or ``Mapping[str, X]``. Types are checked; limits and the values of a ``Literal``
are not, since newer versions may allow more.
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
"""Metadata of a dataclass field that is not part of the record."""
OMITTED: Mapping[str, Any] = types.MappingProxyType({"omitted": True})
"""Metadata of a field that the record omits if it has its default, so that records and ids from
before the field was added do not change."""
T = TypeVar("T")
_PLAIN = frozenset({int, float, bool, str, type(None)})
_Convert = Callable[[Any], Any]
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
    """Return the fields of a dataclass by name, in order of definition, for ``json.dumps``."""
    defaults = _omitted(record.__class__)
    found = {}
    for name in _fields(record.__class__):
        value = getattr(record, name)
        if name not in defaults or value != defaults[name]:
            found[name] = value if type(value) in _PLAIN else _to_json(value)
    return found


def from_record(cls: type[T], record: Mapping[str, Any]) -> T:
    """Return the dataclass that `to_record` converted.

    Unknown fields are ignored, since newer versions may add some. An ``int`` in a ``float`` field
    stays an ``int``, so that the record keeps its bytes and its id when it is written again.

    Raises:
        TypeError: if a value has the wrong type, or a field without a default is missing.
    """
    if type(record) is not dict and not isinstance(record, Mapping):
        raise TypeError(f"{cls.__name__} is not an object")
    kinds = tuple(map(type, record.values()))
    named: Any = cls  # mypy considers type[T] unhashable
    made: T = _maker(named, tuple(record), kinds)(record)
    return made


@functools.lru_cache(maxsize=4096)
def _maker(cls: Any, names: tuple[str, ...], kinds: tuple[type, ...]) -> Callable[[Any], Any]:
    """Return a function that builds `cls` from records with these field names and JSON types.

    Nearly all records of a kind have the same fields, so checks and conversions are determined
    once. The generated ``__init__`` of a frozen dataclass, which takes most of the time, is
    bypassed.
    """
    fields = _fields(cls)
    for name, kind in zip(names, kinds, strict=True):
        if name in fields and kind not in fields[name].kinds:
            raise TypeError(f"{name} is not a {fields[name].called}")
    known = [name for name in names if name in fields]
    parts = [(name, convert) for name in known if (convert := fields[name].convert)]
    blank, factories = _blank(cls, known)
    check = getattr(cls, "__post_init__", None)

    def make(record: Mapping[str, Any]) -> Any:
        if len(known) < len(names):
            record = {name: record[name] for name in known}
        values = {**blank, **record}
        for name, convert in parts:
            values[name] = convert(values[name])
        for name, factory in factories:
            values[name] = factory()
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", values)
        if check:
            check(made)
        return made

    return make


def _blank(cls: Any, given: list[str]) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Return the default of each field, None for those given, and the factories of the others.

    The fields are in order of definition.

    Raises:
        TypeError: if a field is neither given nor has a default.
    """
    blank, factories = {}, []
    for field in dataclasses.fields(cls):
        blank[field.name] = None if field.name in given else field.default
        if blank[field.name] is dataclasses.MISSING:
            if field.default_factory is dataclasses.MISSING:
                raise TypeError(f"{cls.__name__} lacks {field.name}")
            factories.append((field.name, field.default_factory))
    return blank, factories


def _to_json(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _to_json(item) for key, item in value.items()}
    return str(value) if isinstance(value, Path) else to_record(value)


@dataclasses.dataclass(frozen=True)
class _Field:
    """JSON types that a field accepts, and the conversion of its value; None if it needs none."""

    kinds: frozenset[type]
    called: str
    convert: _Convert | None = None

    def read(self, value: Any) -> Any:
        """Convert a JSON value. Raises TypeError if its type is not accepted."""
        if type(value) not in self.kinds:
            raise TypeError(f"{value!r:.40} is not a {self.called}")
        return self.convert(value) if self.convert else value


@functools.cache
def _fields(cls: Any) -> Mapping[str, _Field]:
    """Return the fields of a dataclass that are part of its record, by name."""
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls) if not field.metadata.get("apart")]
    return {name: _field(hints[name]) for name in names}


@functools.cache
def _omitted(cls: Any) -> Mapping[str, Any]:
    """Return the defaults of the fields with `OMITTED`, by name."""
    return {f.name: f.default for f in dataclasses.fields(cls) if f.metadata.get("omitted")}


def _field(hint: Any) -> _Field:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    called = getattr(hint, "__name__", str(hint))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _Field(frozenset({dict}), called, functools.partial(from_record, hint))
    inner = next((_field(one) for one in args if dataclasses.is_dataclass(one)), None)
    if inner is not None and type(None) in args:
        return _Field(inner.kinds | {type(None)}, called, _unless_none(inner.convert))
    if origin is tuple:
        item = _item(args[0])
        return _Field(frozenset({list}), "list", lambda value: tuple(map(item, value)))
    if origin is Mapping:
        item = _item(args[1])
        return _Field(
            frozenset({dict}), "dict", lambda value: {key: item(one) for key, one in value.items()}
        )
    of_path = Path in (hint, *args)
    return _Field(frozenset(_kinds(hint)), called, _unless_none(Path) if of_path else None)


def _item(hint: Any) -> _Convert:
    """Return the conversion of the items of a tuple or mapping.

    For dataclasses it is `from_record`, which checks the type itself.
    """
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return functools.partial(from_record, hint)
    return _field(hint).read


def _unless_none(convert: Any) -> _Convert:
    return lambda value: None if value is None else convert(value)


def _kinds(hint: Any) -> set[type]:
    """Return the types that Python's ``json`` reads for a field that is not a container."""
    if typing.get_origin(hint) is Literal:
        return set(map(type, typing.get_args(hint)))
    if hint in _KINDS:
        return {*_KINDS[hint]}
    return set().union(*map(_kinds, typing.get_args(hint)))
