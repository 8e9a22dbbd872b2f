"""Notes on verdicts about requested figures, and warnings about figures that are not recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..comparison import Comparison
from ..verdict import Verdict
from . import figure_words
from .catalogue import named
from .recorded_command import recording_command


def notes(comparison: Comparison, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the notes on verdicts, each once, with its networks if it is not about all."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        if text := figure_words.note(verdict):
            found.setdefault(text, []).append(f"{verdict.model} and {verdict.baseline}")
    messages = [
        text if len(pairs) == len(verdicts) else f"{', '.join(dict.fromkeys(pairs))}: {text}"
        for text, pairs in found.items()
    ]
    messages += adjusted(verdicts, "these verdicts")
    if comparison.plan is not None:
        messages.append(
            "seeds were added until the accuracy was clear: the levels of these verdicts hold for "
            "a number of seeds that was fixed before"
        )
    return messages


def adjusted(verdicts: Sequence[Verdict], which: str) -> list[str]:
    """Return the note that several tests are adjusted together; none for a single test."""
    tests = max((verdict.family for verdict in verdicts if verdict.p is not None), default=1)
    return [f"the {tests} tests of {which} are adjusted together (Holm)"] if tests > 1 else []


def lacking(verdicts: Iterable[Verdict]) -> dict[str, list[str]]:
    """Return the networks whose figures are not recorded, by the name of the figure."""
    found: dict[str, dict[str, None]] = {}
    for verdict in verdicts:
        if verdict.refusal is not None and verdict.refusal.reason == "not recorded":
            models = found.setdefault(verdict.quantity.name, {})
            models.update(dict.fromkeys(verdict.refusal.models))
    return {name: list(models) for name, models in found.items()}


def not_recorded(comparison: Comparison, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str]]:
    """Yield a warning for each figure that runs lack, with the command that records it."""
    for name, models in lacking(verdicts).items():
        measure = named(name)
        if measure.undefined:
            text = f"{measure.quantity.noun}: not known of {', '.join(models)}"
            yield f"{text}, since it has no value {measure.undefined}", "leave it out"
            continue
        text = f"{measure.quantity.noun}: not recorded of {', '.join(models)}"
        yield text, recording_command(comparison, measure)
