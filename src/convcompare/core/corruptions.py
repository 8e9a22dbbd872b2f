"""Registered kinds of damage to images and their severities."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .errors import UsageError, one_of, quote
from .registry import Entry, register

IMAGES = 2_000
"""Maximum number of test images on which robustness is measured."""

FIGURES = ("robustness", "consistency", "shift-consistency")
"""Columns and figures of verdicts that need predictions on damaged images; the first two also exist
for one kind of damage: ``robustness=blur``."""


@dataclass(frozen=True)
class Corruption:
    """A kind of damage to images.

    Attributes:
        name: Name in the registry.
        summary: First line of its docstring.
        levels: Strength at each severity, from 1 on, in `unit`.
        unit: Unit of `levels`.
        definition: Changes whenever the damage does, so that measurements of different versions are
            not mixed.
        function: Damages images.
    """

    name: str
    summary: str
    levels: tuple[float, ...]
    unit: str
    definition: str
    function: Callable[..., Any]

    @property
    def severities(self) -> range:
        """Severities, from 1 on."""
        return range(1, len(self.levels) + 1)


def on_damaged_images(names: Iterable[str]) -> bool:
    """Return whether one of these columns or figures is measured on damaged images."""
    return any(name.partition("=")[0] in FIGURES for name in names)


def corruptions() -> list[Corruption]:
    """Return all registered corruptions, by name."""
    return [_of_entry(entry) for entry in register.corruption]


def corruption(name: str) -> Corruption:
    """Return the corruption of a name.

    Raises:
        UsageError: if there is none.
    """
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
