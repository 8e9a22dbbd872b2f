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
    """The fields of a dataclass by name, in order of definition, ready for ``json.dumps``."""
    defaults = _omitted(record.__class__)
    found = {}
    for name in _fields(record.__class__):
        value = getattr(record, name)
        if name not in defaults or value != defaults[name]:
            found[name] = value if type(value) in _PLAIN else _to_json(value)
    return found


def from_record(cls: type[T], record: Mapping[str, Any]) -> T:
    """The dataclass that `to_record` turned into `record`.

    Unknown fields are ignored, since newer writers may add some. An ``int`` in a ``float`` field
    stays an ``int``, so that the record keeps its bytes and its id when it is written again.

    Raises TypeError if a value has the wrong type, or a field without a default is missing.
    """
    if type(record) is not dict and not isinstance(record, Mapping):
        raise TypeError(f"{cls.__name__} is not an object")
    kinds = tuple(map(type, record.values()))
    named: Any = cls  # mypy takes type[T] for unhashable
    made: T = _maker(named, tuple(record), kinds)(record)
    return made


@functools.lru_cache(maxsize=4096)
def _maker(cls: Any, names: tuple[str, ...], kinds: tuple[type, ...]) -> Callable[[Any], Any]:
    """Makes the dataclass of records that have fields of these names and JSON types.

    The records of a kind are nearly all alike, so that what to check and to convert is found once.
    The generated ``__init__`` of a frozen dataclass, which takes most of the time, is passed by.
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
    """The values of the fields that are not given, in order of definition, with places for those
    that are; and those that are made anew for each. TypeError if one has no default."""
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
    """The JSON types that a field may have, and what makes its value of one; None if it is that."""

    kinds: frozenset[type]
    called: str
    convert: _Convert | None = None

    def read(self, value: Any) -> Any:
        """The value of a field or of an item; TypeError if it has another type."""
        if type(value) not in self.kinds:
            raise TypeError(f"{value!r:.40} is not a {self.called}")
        return self.convert(value) if self.convert else value


@functools.cache
def _fields(cls: Any) -> Mapping[str, _Field]:
    """The fields of a dataclass that are in its record, by name."""
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls) if not field.metadata.get("apart")]
    return {name: _field(hints[name]) for name in names}


@functools.cache
def _omitted(cls: Any) -> Mapping[str, Any]:
    """The defaults of the fields that are left out while they have them."""
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
    """Reads one of several values; what is to be a dataclass is checked by `from_record` alone."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return functools.partial(from_record, hint)
    return _field(hint).read


def _unless_none(convert: Any) -> _Convert:
    return lambda value: None if value is None else convert(value)


def _kinds(hint: Any) -> set[type]:
    """The types that Python's ``json`` reads for a field without parts."""
    if typing.get_origin(hint) is Literal:
        return set(map(type, typing.get_args(hint)))
    if hint in _KINDS:
        return {*_KINDS[hint]}
    return set().union(*map(_kinds, typing.get_args(hint)))
