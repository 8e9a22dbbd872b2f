"""Command that trains what a claim lacks: the recorded command with other seeds."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from convcompare.core.registry import register

from ..figures.catalogue import MEASURED
from ..figures.figure_notes import NO_WEIGHTS, of_every_epoch, without
from ..figures.measure import EVERY_EPOCH

REPLACED = (
    *("--seeds", "-s", "--epochs", "-e", "--skip"),
    *("--columns", "--out", "-o", "--format"),
)
"""Options with a value that the new command replaces or omits."""
DROPPED = ("--fresh", "--dry-run", "--plan")


def command(recorded: Sequence[str], study: str, seeds: int, options: Sequence[str]) -> str:
    """Return the shell command that trains a study with `seeds` seeds, otherwise as recorded.

    ``options`` are added to the recorded ones. If a figure is measured on the weights, the option
    that discards them is removed.
    """
    kept = list(_kept(recorded))
    every_epoch = EVERY_EPOCH.split()
    if {*every_epoch} <= {*options}:
        kept = list(of_every_epoch(kept))
        options = [word for word in options if word not in every_epoch]
    if MEASURED.split()[-1] in options:
        kept = [word for word in kept if word != NO_WEIGHTS]
    return shlex.join(["convcompare", "study", study, "--seeds", str(seeds), *kept, *options])


def _kept(recorded: Sequence[str]) -> Iterator[str]:
    """Yield the options of a command that stay, without the names of studies."""
    for word in without(recorded[1:], *REPLACED):
        if word not in DROPPED and word != "all" and word not in register.study:
            yield word
