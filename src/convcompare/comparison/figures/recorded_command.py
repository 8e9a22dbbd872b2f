"""Shell commands that repeat a comparison, or train or measure what its runs lack."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from convcompare.core.registry import register

from ..comparison import Comparison
from .catalogue import MEASURED
from .measure import AGAIN, EVERY_EPOCH, Measure

NO_WEIGHTS = "--no-weights"
"""Option of runs without weights, which cannot be measured on damaged images later."""
SKIP = "--skip"
"""Option of a study that leaves out a network."""
REPLACED = ("--seeds", "-s", "--epochs", "-e", SKIP, "--columns", "--out", "-o", "--format")
"""Options with a value that `training_command` replaces or omits."""
DROPPED = (AGAIN, "--dry-run", "--plan")


def repeating_commands(comparison: Comparison) -> list[str]:
    """Return the shell commands that made a comparison; several if a study joins their networks."""
    commands = dict.fromkeys((*comparison.joined, comparison.command))
    return [shlex.join(("convcompare", *command)) for command in commands]


def retraining_command(comparison: Comparison) -> str:
    """Return the shell command that trains all networks of a comparison again."""
    return shlex.join(("convcompare", *_of_all_networks(comparison), AGAIN))


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
        command, options = _of_every_epoch(command), ""
    added = [word for word in options.split() if word not in command]
    if measure.recorded_by == MEASURED:
        command = [word for word in command if word != NO_WEIGHTS]
        added += [] if all(run.keeps_weights for run in comparison.finished) else [AGAIN]
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


def _longer(command: Sequence[str], epochs: int) -> tuple[str, ...]:
    """Return the command with `epochs` epochs; that of a study with those of its report."""
    kept = _without(command or ("compare", "…"), "--epochs", "-e")
    return kept if kept[0] == "study" else (*kept, "--epochs", str(epochs))


def training_command(
    recorded: Sequence[str], study: str, seeds: int, options: Sequence[str]
) -> str:
    """Return the shell command that trains a study with `seeds` seeds, otherwise as recorded.

    ``options`` are added to the recorded ones. If a figure is measured on the weights, the option
    that discards them is removed.
    """
    kept = list(_kept(recorded))
    every_epoch = EVERY_EPOCH.split()
    if {*every_epoch} <= {*options}:
        kept = list(_of_every_epoch(kept))
        options = [word for word in options if word not in every_epoch]
    if MEASURED.split()[-1] in options:
        kept = [word for word in kept if word != NO_WEIGHTS]
    return shlex.join(["convcompare", "study", study, "--seeds", str(seeds), *kept, *options])


def _kept(recorded: Sequence[str]) -> Iterator[str]:
    """Yield the options that `training_command` keeps, without the names of studies."""
    for word in _without(recorded[1:], *REPLACED):
        if word not in DROPPED and word != "all" and word not in register.study:
            yield word


def _of_every_epoch(command: Sequence[str]) -> tuple[str, ...]:
    """Return a command without the options that change the default, to evaluate every epoch."""
    kept = _without(command, EVERY_EPOCH.split()[0])
    settings = [i for i, word in enumerate(kept[1:], start=1) if word.startswith("evaluate=")]
    named = {place for i in settings if kept[i - 1] == "--set" for place in (i - 1, i)}
    return tuple(
        word
        for i, word in enumerate(kept)
        if i not in named and not word.startswith("--set=evaluate=")
    )


def _without(command: Sequence[str], *names: str) -> tuple[str, ...]:
    """Return a command without an option and its value; `names` are all names of the option."""
    kept, words = list[str](), iter(command)
    for word in words:
        if word in names:
            next(words, None)
        elif not word.startswith(tuple(f"{name}=" for name in names)):
            kept.append(word)
    return tuple(kept)
