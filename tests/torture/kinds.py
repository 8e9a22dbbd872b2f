"""The kinds of torture: their tests, numbers of cases in each form, and guarantees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from . import (
    commands,
    crashes,
    damage,
    determinism,
    downloads,
    hostile,
    kills,
    many,
    names,
    places,
    sequences,
    signals,
    specs,
)
from .harness import Outcome

Torture = Callable[[int, int], Outcome]


@dataclass(frozen=True)
class Kind:
    """A kind of test, with the number of cases in each form.

    `short` is for `make test`, `medium` for `make test-long`, `long` for `make torture`; 0 means
    all.
    """

    name: str
    title: str
    run: Torture
    short: int
    medium: int
    long: int
    promise: str


SAME = "bit-identical to the uninterrupted run; nothing lost or doubled; readers answer meanwhile"

KINDS = (
    Kind(
        "kills", "`kill -9` of the process group at a random moment", kills.kills, 1, 8, 300, SAME
    ),
    Kind(
        "several-kills",
        "several kills in one run, some with `--jobs 2`",
        kills.several_kills,
        1,
        4,
        50,
        SAME,
    ),
    Kind(
        "crashes",
        "death before, in and after every file operation",
        crashes.crashes,
        1,
        8,
        0,
        "the same; what was half-written is cleared away",
    ),
    Kind(
        "commit-crashes",
        "the same of the commits of a trial alone",
        crashes.commit_crashes,
        15,
        120,
        0,
        "every file is that of the undisturbed life; no epoch lost or doubled",
    ),
    Kind(
        "errors",
        "ENOSPC, EIO, EACCES at every file operation",
        crashes.errors,
        1,
        8,
        0,
        "one line with path and remedy, exit 4, continues after repair",
    ),
    Kind(
        "commit-errors",
        "the same of the commits of a trial alone",
        crashes.commit_errors,
        10,
        80,
        0,
        "one line with path and remedy, exit 4, continues after repair",
    ),
    Kind(
        "signals",
        "SIGINT and SIGTERM, once and twice, at random moments",
        signals.signals,
        1,
        8,
        200,
        "130 or 143, no process left, continues",
    ),
    Kind(
        "damage",
        "damaged files of runs, comparisons, data sets and images",
        damage.damage,
        1,
        40,
        2000,
        "noticed, named with a remedy, or never used; falls back; no other run affected",
    ),
    Kind(
        "hostile-files",
        "pickles, bombs, `../` wherever a file is read",
        hostile.hostile_files,
        3,
        24,
        0,
        "nothing executed, nothing outside, memory bounded",
    ),
    Kind(
        "hostile-names",
        "hostile names of everything that has one",
        names.hostile_names,
        2,
        12,
        0,
        "no path escapes, no terminal and no page is fooled",
    ),
    Kind(
        "processes",
        "rounds of 12 processes in one store, readers beside them",
        many.together,
        1,
        4,
        10,
        "every trial once, no lock error, no half-read record",
    ),
    Kind(
        "owners",
        "owners that die, and that stand still and come back",
        many.owners,
        1,
        8,
        50,
        "the trial is taken over; the late commit is refused",
    ),
    Kind(
        "places",
        "full and read-only disks, homes, locales, masks, limits",
        places.places,
        1,
        16,
        30,
        "reported before training if known by then; nothing lost",
    ),
    Kind(
        "commands",
        "random command lines",
        commands.commands,
        5,
        60,
        3000,
        "no traceback, documented exit codes",
    ),
    Kind(
        "specs", "random specs", specs.specs, 12, 160, 5000, "an error in words, or what was meant"
    ),
    Kind(
        "sequences",
        "random sequences of store operations against a model",
        sequences.sequences,
        4,
        32,
        2000,
        "the store says what the model says",
    ),
    Kind(
        "downloads",
        "servers that stall, cut, lie, redirect",
        downloads.downloads,
        2,
        16,
        40,
        "next source in time; no unverified byte used",
    ),
    Kind(
        "determinism",
        "every network with every recipe, twice, once interrupted",
        determinism.determinism,
        1,
        4,
        0,
        "the same bits; `runs verify` says so",
    ),
)


@lru_cache
def by_name() -> dict[str, Kind]:
    return {kind.name: kind for kind in KINDS}


def scaled(kind: Kind, scale: float) -> int:
    """Return the number of cases at a scale of the long form; 400 stands for all."""
    if scale >= 1:
        return kind.long
    return max(1, round((kind.long or 400) * scale))
