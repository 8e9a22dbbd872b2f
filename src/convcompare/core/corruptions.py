"""Which kinds of damage to images there are, and what each is at each severity."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .errors import UsageError, one_of, quote
from .registry import Entry, register

IMAGES = 2_000
"""Test images on which networks are measured, if there are as many."""

FIGURES = ("robustness", "consistency", "shift-consistency")
"""Columns and figures of verdicts that are measured on damaged images; of the first two there is
one of each kind of damage too: ``robustness=blur``."""


@dataclass(frozen=True)
class Corruption:
    """A kind of damage.

    ``levels`` are what it is at each severity, from 1 on, in ``unit``. ``definition`` changes with
    what it does to an image, so that what was measured under another one is not mixed up with it.
    """

    name: str
    summary: str
    levels: tuple[float, ...]
    unit: str
    definition: str
    function: Callable[..., Any]

    @property
    def severities(self) -> range:
        """From 1 on."""
        return range(1, len(self.levels) + 1)


def on_damaged_images(names: Iterable[str]) -> bool:
    """Whether one of these columns or figures is measured on damaged images."""
    return any(name.partition("=")[0] in FIGURES for name in names)


def corruptions() -> list[Corruption]:
    """All that are registered, by name."""
    return [_of_entry(entry) for entry in register.corruption]


def corruption(name: str) -> Corruption:
    """That of a name; UsageError if there is none."""
    known = [entry.name for entry in register.corruption]
    hint = f"corruptions: {', '.join(known)}"
    found = one_of(known, name, f"there is no corruption {quote(name)}", hint)
    return _of_entry(register.corruption[found])


def _of_entry(entry: Entry) -> Corruption:
    levels = tuple(entry.info.get("levels", ()))
    if not levels or not all(isinstance(level, (int, float)) for level in levels):
        raise UsageError(
            f"the corruption {quote(entry.name)} has no levels",
            "`@register.corruption(NAME, levels=(1, 2, 3, 4, 5))`: a number for each severity",
        )
    version = entry.code or f"version {entry.info.get('version', 1)}"
    definition = f"{version}: {', '.join(f'{level:g}' for level in levels)}; {IMAGES} images"
    unit = str(entry.info.get("unit", ""))
    return Corruption(entry.name, entry.summary, levels, unit, definition, entry.function)
