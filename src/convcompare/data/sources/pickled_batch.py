"""Read a batch of the python version of CIFAR-10 or CIFAR-100 without unpickling.

A pickle is a program, but is read as data here: `pickletools` splits it into opcodes, the few that
occur in the published files build a plain structure, and all others are refused. A global becomes a
name and a call becomes a record of it: nothing is imported or run.
"""

from __future__ import annotations

import io
import math
import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dataset import Images, Labels


@dataclass(frozen=True)
class _Name:
    """Name of a global in the pickle."""

    text: str


@dataclass
class _Call:
    """A call in the pickle, and the state that would be set on its result."""

    function: _Name
    arguments: tuple[Any, ...]
    state: Any = None


_KNOWN = {
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy ndarray",
    "numpy dtype",
    "_codecs encode",
}
_PUSH = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINSTRING", "SHORT_BINSTRING"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MARK = object()


def parse_batch(content: bytes, key: str = "labels", classes: int = 10) -> tuple[Images, Labels]:
    """Return images (n, 3, 32, 32) and labels (n,) of a batch file.

    Args:
        content: the file.
        key: key of the labels in the batch.
        classes: number of classes.

    Raises:
        ValueError: if the file is not such a batch.
    """
    batch = _Machine().run(content)
    if not isinstance(batch, dict):
        raise ValueError("a pickle that is not a dictionary")
    values = {_text(key): value for key, value in batch.items()}
    pixels = _array(values.get("data"))
    labels = values.get(key)
    if pixels.ndim != 2 or pixels.shape[1] != 3072:
        raise ValueError(f"a batch of shape {pixels.shape}")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise ValueError("a batch without labels")
    if len(labels) != len(pixels) or not all(0 <= label < classes for label in labels):
        raise ValueError("a batch whose labels do not fit")
    return pixels.reshape(-1, 3, 32, 32), np.array(labels, np.int64)


class _Machine:
    """Stack and memo of a pickle, with the opcodes that are allowed here."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        try:
            for opcode, argument, _ in pickletools.genops(io.BytesIO(content)):
                if opcode.name == "STOP":
                    return self.stack.pop()
                self._step(opcode.name, argument)
        except (IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"a corrupt pickle ({error})") from error
        raise ValueError("a pickle without an end")

    def _step(self, name: str, argument: Any) -> None:
        if name in _PUSH:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "MARK":
            self.stack.append(_MARK)
        elif name == "EMPTY_DICT":
            self.stack.append({})
        elif name == "EMPTY_LIST":
            self.stack.append([])
        elif name == "GLOBAL":
            if argument not in _KNOWN:
                raise ValueError(f"a pickle that names {argument!r}, which no CIFAR file does")
            self.stack.append(_Name(argument))
        elif name != "PROTO":
            self._combine(name)

    def _combine(self, name: str) -> None:
        """Run an opcode that pops items from the stack and pushes one made of them."""
        if name in ("TUPLE", "APPENDS", "SETITEMS"):
            items = self._to_mark()
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            items = [self.stack.pop() for _ in range(int(name[-1]))][::-1]
        elif name in ("REDUCE", "BUILD", "APPEND"):
            items = [self.stack.pop()]
        elif name == "SETITEM":
            items = [self.stack.pop(), self.stack.pop()][::-1]
        elif name == "EMPTY_TUPLE":
            items = []
        else:
            raise ValueError(f"a pickle with {name}, which no CIFAR file has")
        if "TUPLE" in name:
            self.stack.append(tuple(items))
        elif name == "REDUCE":
            self.stack.append(_call(self.stack.pop(), items[0]))
        elif name == "BUILD":
            self.stack[-1].state = items[0]
        elif name.startswith("APPEND"):
            self.stack[-1].extend(items)
        else:
            self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def _to_mark(self) -> list[Any]:
        items: list[Any] = []
        while self.stack[-1] is not _MARK:
            items.append(self.stack.pop())
        self.stack.pop()
        return items[::-1]


def _call(function: Any, arguments: Any) -> Any:
    if not isinstance(function, _Name) or not isinstance(arguments, tuple):
        raise ValueError("a pickle that calls what it does not name")
    if function.text == "_codecs encode":  # Python 3 writes bytes so in the old protocol
        return str(arguments[0]).encode("latin-1")
    return _Call(function, arguments)


def _array(value: Any) -> Images:
    """Return the array of bytes, in C order, that a recorded call would build."""
    try:
        _, shape, dtype, fortran, content = value.state
        kind = _text(dtype.arguments[0])
        whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise ValueError("a batch without an array of images") from error
    if not whole or kind != "u1" or fortran:
        raise ValueError(f"an array of {kind} that is not plain bytes")
    raw = content.encode("latin-1") if isinstance(content, str) else content
    if not isinstance(raw, bytes) or len(raw) != math.prod(shape):
        raise ValueError("an array that breaks off")
    return np.frombuffer(raw, np.uint8).reshape(shape)


def _text(value: Any) -> str:
    """Return a key or a type code as text; Python 2 wrote them as bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
