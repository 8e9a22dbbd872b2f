"""Width matching: find the width at which a network costs as much as another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from convcompare.core.errors import ModelError, one_of, quote
from convcompare.core.registry import register
from convcompare.core.spec import Spec, bind, format_value

from .build import options, resolve
from .notation import times
from .shape import Shape

Cost = Literal["parameters", "macs"]
COSTS: tuple[Cost, ...] = ("parameters", "macs")
WORDS: Mapping[Cost, str] = {"parameters": "parameters", "macs": "MACs"}
TOLERANCE = 0.02
"""Largest relative difference between matched costs, since channels are whole numbers."""
NARROWEST, WIDEST = 1 / 64, 64.0
_HALVINGS = 16


@dataclass(frozen=True)
class Matched:
    """A network at the width that was found.

    Attributes:
        spec: the spec with that width.
        factor: factor on its channels.
        cost: its parameters or MACs.
    """

    spec: str
    factor: float
    cost: int


def check_cost(name: str) -> Cost:
    """Return the cost that ``--match`` names; raise UsageError if it names none."""
    return one_of(
        COSTS,
        name,
        f"invalid value for `--match`: {quote(name)}",
        "parameters, macs, training-macs or time",
    )


def cost_of(text: str, shape: Shape, cost: Cost) -> int:
    """Return the parameters or MACs of a network.

    Raises:
        ModelError: if some of its MACs could not be counted.
    """
    description = resolve(text, shape).description
    found: int | None = getattr(description, cost)
    if found is None:
        raise ModelError(
            f"the MACs of {quote(text)} are not known: not counted are "
            f"{', '.join(map(quote, description.uncounted))}",
            "`--match parameters`",
        )
    return found


def match(text: str, shape: Shape, cost: Cost, target: int) -> Matched:
    """Return the network of a spec at the width at which it costs `target`.

    All widths are multiplied by one factor, which is found by bisection.

    Args:
        text: a spec.
        shape: channels and side of the images, and the number of classes.
        cost: "parameters" or "macs".
        target: parameters, or MACs of one image.

    Raises:
        ModelError: if the network has no width, or no width costs `target` within TOLERANCE.
    """
    spec = Spec.parse(text)
    values = bind(spec, options(text))

    tried: list[Matched] = []
    low, high = NARROWEST, WIDEST
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        wider = _respelt(spec, values, _widened(spec.name, values, middle))
        tried.append(Matched(wider, middle, cost_of(wider, shape, cost)))
        low, high = (middle, high) if tried[-1].cost < target else (low, middle)
    found = min(tried, key=lambda one: abs(one.cost - target))
    if abs(found.cost / target - 1) > TOLERANCE:
        raise ModelError(
            f"no width of {quote(text)} has {target:,} {WORDS[cost]}: the nearest has "
            f"{found.cost:,}",
            "another network, or widths set by hand",
        )
    return found


def _respelt(spec: Spec, values: Mapping[str, Any], wider: Mapping[str, Any]) -> str:
    """Return the spec as written with the changed options, without those whose value is none."""
    changed = {name: format_value(v) for name, v in wider.items() if v != values[name]}
    options = {**dict(spec.options), **changed}
    return str(Spec(spec.name, tuple((n, v) for n, v in options.items() if v != "none")))


def _widened(name: str, values: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Return the options of a network with all its widths multiplied by `factor`."""
    known = register.model[name].info if name in register.model else {}
    if "widened" in known:
        wider: dict[str, Any] = known["widened"](values, factor)
        return wider
    width = values.get("width")
    if isinstance(width, float):
        return {**values, "width": round(width * factor, 4)}
    if isinstance(width, int) and not isinstance(width, bool):
        return {**values, "width": times(width, factor)}
    raise ModelError(
        f"{quote(name)} has no width that could be matched",
        "give your network an option `width`, a number",
    )
