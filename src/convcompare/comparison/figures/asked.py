"""What verdicts on the figures that were asked for come to: lines, notes, what is not recorded."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from ..comparison import Comparison
from ..verdict import Verdict
from . import figure_words
from .catalogue import named
from .measure import AGAIN


def lines(verdicts: Sequence[Verdict], aligned: bool = True) -> list[str]:
    """One line per network and figure. ``aligned`` lines have their verdicts below each
    other.
    """
    width = max((len(verdict.model) for verdict in verdicts), default=0) if aligned else 0
    gap = "  " if aligned else " "
    return [f"{verdict.model:{width}}{gap}{figure_words.sentence(verdict)}" for verdict in verdicts]


def notes(comparison: Comparison, verdicts: Sequence[Verdict]) -> list[str]:
    """What a reader of the verdicts must know: each once, with the networks that it is of."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        if text := figure_words.note(verdict):
            found.setdefault(text, []).append(f"{verdict.model} and {verdict.baseline}")
    families = {verdict.family for verdict in verdicts if verdict.p is not None}
    said = [
        text if len(pairs) == len(verdicts) else f"{', '.join(dict.fromkeys(pairs))}: {text}"
        for text, pairs in found.items()
    ]
    if families and max(families) > 1:
        said.append(f"the {max(families)} tests of these verdicts are adjusted together (Holm)")
    if comparison.plan is not None:
        said.append(
            "seeds were added until the accuracy was clear: the levels of these verdicts hold for "
            "a number of seeds that was fixed before"
        )
    return said


def not_recorded(comparison: Comparison, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str]]:
    """A warning for each figure that runs do not have, with the command that records it."""
    lacking: dict[str, dict[str, None]] = {}
    for verdict in verdicts:
        if verdict.refusal is not None and verdict.refusal.reason == "not recorded":
            models = lacking.setdefault(verdict.quantity.name, {})
            models.update(dict.fromkeys(verdict.refusal.models))
    for name, models in lacking.items():
        measure = named(name)
        text = f"{measure.quantity.noun}: not recorded of {', '.join(models)}"
        yield text, _command(comparison, measure.recorded_by)


def _command(comparison: Comparison, options: str) -> str:
    """The command under which a figure is recorded."""
    if not options:
        return "no option records it"
    if not comparison.command:
        return f"`convcompare compare … {options}` records it"
    added = [word for word in options.split() if word not in comparison.command]
    again = " ".join((shlex.join(["convcompare", *comparison.command]), *added))
    trains = " and trains them again" if AGAIN in added else ""
    return f"`{again}` records it{trains}"
