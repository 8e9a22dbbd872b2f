"""Death or failure at each file operation of a comparison or of its commits."""

from __future__ import annotations

import functools
import random
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from convcompare.store.lease import is_lease

from . import commits
from .faulty import LOG, operations
from .harness import Case, Ended, Outcome, cases, fork_server, must
from .small import ONE, announced, check_equal, check_kept, check_readable

ERRORS = ("ENOSPC", "EIO", "EACCES")
INSTALL = "tests.torture.faulty:install"
_ERROR = re.compile(r"^error: .+$", re.M)
_NAMED = re.compile(r"`([^`]+)`")
_HINT = re.compile(r"^ *hint: .+$", re.M)


@dataclass(frozen=True)
class Subject:
    """What is disturbed: how it runs, what readers must find, and the expected result."""

    run: Callable[..., Ended]
    check_readable: Callable[[Path], None]
    check_equal: Callable[[Path], None]


def _compare(folder: Path, **arguments: object) -> Ended:
    return fork_server().run(ONE, folder, before=INSTALL, **arguments)


def _check_compared(folder: Path) -> None:
    check_equal(folder / "runs", ONE)


COMMAND = Subject(_compare, check_readable, _check_compared)
COMMITS = Subject(commits.run, commits.check_readable, commits.check_equal)


def crashes(n: int, seed: int, subject: Subject = COMMAND) -> Outcome:
    """Die before, in the middle of and after each operation; `n` of them, 0 for all."""
    moments = [(place, when) for place, name in _operations(subject) for when in _moments(name)]
    return cases([_crash(subject, *moment) for moment in _sample(moments, n, seed)], seed)


def errors(n: int, seed: int) -> Outcome:
    """Raise ENOSPC, EIO and EACCES at each operation; `n` of them, 0 for all."""
    return _errors(COMMAND, n, seed)


def commit_crashes(n: int, seed: int) -> Outcome:
    return crashes(n, seed, COMMITS)


def commit_errors(n: int, seed: int) -> Outcome:
    return _errors(COMMITS, n, seed)


def _errors(subject: Subject, n: int, seed: int) -> Outcome:
    failures = [(place, kind) for place, _ in _operations(subject) for kind in ERRORS]
    return cases([_failure(subject, *failure) for failure in _sample(failures, n, seed)], seed)


def _moments(name: str) -> tuple[str, ...]:
    return ("before", "during", "after") if name == "create" else ("before", "after")


def _sample(every: list[tuple[int, str]], n: int, seed: int) -> list[tuple[int, str]]:
    if not n or n >= len(every):
        return every
    return sorted(random.Random(seed).sample(every, n))


@functools.lru_cache
def _operations(subject: Subject) -> list[tuple[int, str]]:
    """Return number and name of each operation of an undisturbed run."""
    with TemporaryDirectory() as folder:
        log = Path(folder, LOG)
        subject.run(Path(folder), place=0, what="", log=str(log)).clean(0)
        return [(number, name) for number, (name, _) in enumerate(operations(log), start=1)]


def _crash(subject: Subject, place: int, when: str) -> tuple[str, Case]:
    def case(rng: random.Random, folder: Path) -> None:
        log = folder / LOG
        ended = subject.run(folder, place=place, what=when, log=str(log))
        where = operations(log)[-1]
        must(ended.code == -signal.SIGKILL & 0xFF or ended.code == -9, f"{where}: {ended}")
        subject.check_readable(folder)
        check_kept(folder / "runs", announced(ended))
        last = _undisturbed(subject, folder)
        subject.check_equal(folder)
        announced_epochs = announced(last)
        before = announced(ended)
        for label, epochs in announced_epochs.items():
            behind = max(before.get(label, [0]))
            must(min(epochs) > behind, f"{where}: epoch {min(epochs)} was done twice")

    return f"crash {when} operation {place}", case


def _failure(subject: Subject, place: int, kind: str) -> tuple[str, Case]:
    def case(rng: random.Random, folder: Path) -> None:
        log = folder / LOG
        ended = subject.run(folder, place=place, what=kind, log=str(log))
        name, path = operations(log)[place - 1]
        check_kept(folder / "runs", announced(ended))
        subject.check_readable(folder)
        clearing = name in ("unlink", "rmdir") or is_lease(Path(path).name)
        if clearing and ended.code == 0:
            pass  # the next run removes what could not be removed or released
        else:
            ended.clean(4)
            error = _ERROR.findall(ended.err)
            must(len(error) == 1 and len(_HINT.findall(ended.err)) == 1, f"one error: {ended}")
            named = _NAMED.findall(error[0])
            near = any(one.startswith(path) or path.startswith(one) for one in named)
            near |= any(
                Path(one).parent == Path(path) for one in named
            )  # a file that was created in it
            must(near or str(Path(path).parent) in error[0], f"{name} {path} is not named: {ended}")
        _undisturbed(subject, folder)
        subject.check_equal(folder)

    return f"{kind} at operation {place}", case


def _undisturbed(subject: Subject, folder: Path) -> Ended:
    return subject.run(folder, place=0, what="", log=str(folder / "again.log")).clean(0)
