"""Notes on verdicts about requested figures, and warnings about figures that are not recorded."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from ..comparison import Comparison
from ..verdict import Verdict
from . import figure_words
from .catalogue import MEASURED, named
from .measure import AGAIN, EVERY_EPOCH, Measure

NO_WEIGHTS = "--no-weights"
"""Option of runs without weights, which cannot be measured on damaged images later."""
SKIP = "--skip"
"""Option of a study that leaves out a network."""


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


def not_recorded(comparison: Comparison, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str]]:
    """Yield a warning for each figure that runs lack, with the command that records it."""
    lacking: dict[str, dict[str, None]] = {}
    for verdict in verdicts:
        if verdict.refusal is not None and verdict.refusal.reason == "not recorded":
            models = lacking.setdefault(verdict.quantity.name, {})
            models.update(dict.fromkeys(verdict.refusal.models))
    for name, models in lacking.items():
        measure = named(name)
        if measure.undefined:
            text = f"{measure.quantity.noun}: not known of {', '.join(models)}"
            yield f"{text}, since it has no value {measure.undefined}", "leave it out"
            continue
        text = f"{measure.quantity.noun}: not recorded of {', '.join(models)}"
        yield text, recording_command(comparison, measure)


def recording_command(comparison: Comparison, measure: Measure) -> str:
    """Return the hint with the command that records a figure, or that no option records it."""
    command: Sequence[str]
    command, options = _of_all_networks(comparison), measure.recorded_by
    if options is None:
        return "no option records it"
    if measure.epochs > comparison.conditions.epochs:
        command, options = _longer(command, measure.epochs), ""
    if not command:
        return f"`convcompare compare … {options}` records it"
    if options == EVERY_EPOCH:
        command, options = of_every_epoch(command), ""
    added = [word for word in options.split() if word not in command]
    if measure.recorded_by == MEASURED:
        command = [word for word in command if word != NO_WEIGHTS]
        added += [] if _with_weights(comparison) else [AGAIN]
    again = " ".join((shlex.join(["convcompare", *command]), *added))
    trains_again = AGAIN in added or measure.recorded_by == EVERY_EPOCH
    trains = " and trains them again" if trains_again else ""
    return f"`{again}` records it{trains}"


def _of_all_networks(comparison: Comparison) -> tuple[str, ...]:
    """Return the recorded command without options that skip its networks or train them again.

    A comparison of a study may join the networks of several commands.
    """
    labels = {group.label for group in comparison.groups}
    kept, words = list[str](), iter(comparison.command)
    for word in words:
        option, _, value = word.partition("=")
        if option == SKIP:
            name = value or next(words, "")
            kept += [] if name in labels else [SKIP, name]
        elif word != AGAIN:
            kept.append(word)
    return tuple(kept)


def _with_weights(comparison: Comparison) -> bool:
    """Return whether all networks can be measured on other images without training again."""
    return all(run.keeps_weights for run in comparison.finished)


def _longer(command: Sequence[str], epochs: int) -> tuple[str, ...]:
    """Return the command with `epochs` epochs; that of a study with those of its report."""
    kept = without(command or ("compare", "…"), "--epochs", "-e")
    return kept if kept[0] == "study" else (*kept, "--epochs", str(epochs))


def of_every_epoch(command: Sequence[str]) -> tuple[str, ...]:
    """Return a command without the options that change the default, to evaluate every epoch."""
    kept = without(command, EVERY_EPOCH.split()[0])
    settings = [i for i, word in enumerate(kept[1:], start=1) if word.startswith("evaluate=")]
    named = {place for i in settings if kept[i - 1] == "--set" for place in (i - 1, i)}
    return tuple(
        word
        for i, word in enumerate(kept)
        if i not in named and not word.startswith("--set=evaluate=")
    )


def without(command: Sequence[str], *names: str) -> tuple[str, ...]:
    """Return a command without an option and its value; `names` are all names of the option."""
    kept, words = list[str](), iter(command)
    for word in words:
        if word in names:
            next(words, None)
        elif not word.startswith(tuple(f"{name}=" for name in names)):
            kept.append(word)
    return tuple(kept)
