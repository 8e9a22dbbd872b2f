"""Hints for networks whose output is not a tensor of logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from convcompare.core.errors import quote
from convcompare.core.spec import options_of

_ORDER = ("first", "second", "third", "fourth", "fifth")


def logits_hint(output: object, expected: tuple[int, int]) -> str:
    """Return a hint for an output that contains more than logits.

    Args:
        output: the output of the network.
        expected: shape of the logits, (images, classes).
    """
    if isinstance(output, Mapping):
        parts = [(quote(str(name)), value) for name, value in output.items()]
    elif isinstance(output, tuple | list):
        parts = [(f"its {order} part", value) for order, value in zip(_ORDER, output, strict=False)]
    else:
        parts = []
    fits = [name for name, value in parts if getattr(value, "shape", None) == expected]
    which = f": {fits[0]}" if len(fits) == 1 else ""
    return f"return the logits alone{which}, or an object or a mapping with `logits`"


def shape_hint(
    shape: tuple[int, ...],
    expected: tuple[int, int],
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
) -> str:
    """Return a hint on how to change an output of another shape into logits.

    Args:
        shape: shape of the output.
        expected: shape of the logits, (images, classes).
        function: builds the network.
        arguments: arguments with which it was built.
    """
    if shape[:2] == expected:
        ones = set(shape[2:]) == {1}
        places = tuple(range(2, len(shape)))
        return f"{'`.flatten(1)`' if ones else f'`.mean({places})`'} at the end of `forward`"
    if shape == expected[:1]:
        return "one number per class and image: the logits, not their `argmax`"
    if len(shape) == 2 and shape[1] == expected[1]:
        return "one row per image: `.flatten(1)` in place of `.view(-1, …)`"
    values = {name: one.default for name, one in options_of(function).items()} | {**arguments}
    if shape == (expected[0], 1):
        return "`num_classes` numbers per image at its end, without a sigmoid, for two classes too"
    if len(shape) == 2 and shape[0] == expected[0]:
        if "num_classes" in arguments:
            return f"`nn.Linear({shape[1]}, num_classes)` at its end gives one number per class"
        for name, value in values.items():
            if type(value) is int and value == shape[1]:
                return f"`:{name}={expected[1]}` after its name, or name the parameter num_classes"
    return "one number per class; a parameter named num_classes receives their number"
