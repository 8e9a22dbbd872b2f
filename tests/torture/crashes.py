"""Every file operation of a comparison: the process dies before, in or after it; or it fails."""

from __future__ import annotations

import functools
import random
import re
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

from convcompare.lease import is_lease

from .faulty import LOG, operations
from .harness import Case, Outcome, cases, must, nursery
from .small import ONE, announced, check_equal, check_kept, check_readable

INSTALL = "tests.torture.faulty:install"
_ERROR = re.compile(r"^error: .+$", re.M)
_NAMED = re.compile(r"`([^`]+)`")
_HINT = re.compile(r"^ *hint: .+$", re.M)


def crashes(n: int, seed: int) -> Outcome:
    """Death before, in the middle of, and after each operation; `n` of them, 0 is all."""
    moments = [(place, when) for place, name in _places() for when in _moments(name)]
    return cases([_crash(place, when) for place, when in _some(moments, n, seed)], seed)


def errors(n: int, seed: int) -> Outcome:
    """ENOSPC, EIO and EACCES at each operation; `n` of them, 0 is all."""
    kinds = ("ENOSPC", "EIO", "EACCES")
    failures = [(place, kind) for place, _ in _places() for kind in kinds]
    return cases([_failure(place, kind) for place, kind in _some(failures, n, seed)], seed)


def _moments(name: str) -> tuple[str, ...]:
    return ("before", "during", "after") if name == "create" else ("before", "after")


def _some(every: list[tuple[int, str]], n: int, seed: int) -> list[tuple[int, str]]:
    if not n or n >= len(every):
        return every
    return sorted(random.Random(seed).sample(every, n))


@functools.lru_cache
def _places() -> list[tuple[int, str]]:
    """The operations of a run that nothing disturbs, by number, each with its name."""
    with TemporaryDirectory() as folder:
        log = Path(folder, LOG)
        nursery().run(ONE, Path(folder), before=INSTALL, place=0, what="", log=str(log)).clean(0)
        return [(number, name) for number, (name, _) in enumerate(operations(log), start=1)]


def _crash(place: int, when: str) -> tuple[str, Case]:
    def case(dice: random.Random, folder: Path) -> None:
        log = folder / LOG
        how = {"before": INSTALL, "place": place, "what": when, "log": str(log)}
        ended = nursery().run(ONE, folder, **how)
        where = operations(log)[-1]
        must(ended.code == -signal.SIGKILL & 0xFF or ended.code == -9, f"{where}: {ended}")
        check_readable(folder)
        check_kept(folder / "runs", announced(ended))
        last = nursery().run(ONE, folder).clean(0)
        check_equal(folder / "runs", ONE)
        told = announced(last)
        before = announced(ended)
        for label, epochs in told.items():
            behind = max(before.get(label, [0]))
            must(min(epochs) > behind, f"{where}: epoch {min(epochs)} was done twice")

    return f"crash {when} operation {place}", case


def _failure(place: int, kind: str) -> tuple[str, Case]:
    def case(dice: random.Random, folder: Path) -> None:
        log = folder / LOG
        how = {"before": INSTALL, "place": place, "what": kind, "log": str(log)}
        ended = nursery().run(ONE, folder, **how)
        name, path = operations(log)[place - 1]
        check_kept(folder / "runs", announced(ended))
        check_readable(folder)
        clearing = name in ("unlink", "rmdir") or is_lease(Path(path).name)
        if clearing and ended.code == 0:
            pass  # what could not be cleared or given back is cleared away by the next
        else:
            ended.clean(4)
            error = _ERROR.findall(ended.err)
            must(len(error) == 1 and len(_HINT.findall(ended.err)) == 1, f"one error: {ended}")
            named = _NAMED.findall(error[0])
            near = any(one.startswith(path) or path.startswith(one) for one in named)
            near |= any(Path(one).parent == Path(path) for one in named)  # what was made in it
            must(near or str(Path(path).parent) in error[0], f"{name} {path} is not named: {ended}")
        nursery().run(ONE, folder).clean(0)
        check_equal(folder / "runs", ONE)

    return f"{kind} at operation {place}", case
