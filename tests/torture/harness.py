"""Shared by all kinds of torture: counted cases, and commands in forked processes."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LONGEST = 900.0
"""Seconds after which a command counts as hanging."""
CODES = {0, 1, 2, 3, 4, 130, 143}
"""Exit codes that the README documents."""
_TRACE = re.compile(r"Traceback \(most recent|this is a bug in convcompare|Exception ignored")


class Broken(AssertionError):
    """A guarantee did not hold."""


def must(holds: object, otherwise: object) -> None:
    """Raise Broken with the message `otherwise` unless the condition holds."""
    if not holds:
        raise Broken(str(otherwise))


@dataclass
class Outcome:
    """Numbers of cases that were tried and that held, and one line for each that did not."""

    tried: int = 0
    held: int = 0
    findings: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.tried + other.tried,
            self.held + other.held,
            [*self.findings, *other.findings],
            [*self.skipped, *other.skipped],
        )


class Skipped(Exception):
    """The case cannot run on this machine; the message is the reason."""


report: Callable[[int, int, int], None] = lambda tried, held, of: None  # noqa: E731
"""Called after each case with the numbers of cases tried, held and in all."""
part: tuple[int, int] = (1, 1)
"""Run part I of N of the cases: (I, N)."""
Case = Callable[[random.Random, Path], None]


def cases(named: Sequence[tuple[str, Case]], seed: int) -> Outcome:
    """Run each named case in an empty folder, with its own random numbers."""
    found = Outcome()
    mine = range(part[0] - 1, len(named), part[1])
    for number in mine:
        name, case = named[number]
        rng = random.Random(f"{seed}/{number}/{name}")
        with tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True) as folder:
            try:
                case(rng, Path(folder))
                found.tried, found.held = found.tried + 1, found.held + 1
            except Skipped as reason:
                found.skipped.append(f"{name}: {reason}")
            except Exception as error:
                found.tried += 1
                kind = "" if isinstance(error, Broken) else f"{type(error).__name__}: "
                text = " ".join(str(error).split())[:1500]
                found.findings.append(f"{name} (seed {seed}, case {number}): {kind}{text}")
        report(found.tried, found.held, len(mine))
    return found


def repeat(n: int, name: str, case: Case, seed: int) -> Outcome:
    """Run the same case `n` times, each time with other random numbers."""
    return cases([(name, case)] * n, seed)


def in_batches(
    n: int,
    most: int,
    noun: str,
    where: str,
    seed: int,
    prepare: Callable[[Path], object] = lambda folder: None,
) -> Outcome:
    """Check `n` random things, at most `most` per process.

    Args:
        n: number of things.
        most: maximum number per process.
        noun: their name, in the plural.
        where: function ``module:name`` that checks `count` of them and prints ``all held``.
        seed: seed of all of them.
        prepare: writes what the function needs into its working folder.
    """
    count = min(n, most)

    def batch(rng: random.Random, folder: Path) -> None:
        prepare(folder)
        options = {"before": where, "count": count, "seed": rng.randrange(2**32)}
        ended = fork_server().run(None, folder, **options)
        held = not ended.code and ended.out.endswith("all held\n")
        must(held, f"{ended.out[-1500:]} {ended.err[-1500:]}")

    found = repeat(-(-n // most), f"{count} {noun}", batch, seed)
    broken = found.tried - found.held
    return Outcome(found.tried * count, found.tried * count - broken, found.findings)


@dataclass
class Ended:
    """Exit code and output of a command; `code` is minus the signal that killed it."""

    code: int
    out: str
    err: str
    argv: list[str]
    memory: int = 0
    """Peak memory in kB; 0 for a process that `real` started."""

    def __str__(self) -> str:
        return f"{' '.join(self.argv)[:300]} -> {self.code}: {self.err.strip()[-700:]}"

    def clean(self, *codes: int) -> Ended:
        """Return self; raise Broken for an exit code not in `codes` or a traceback."""
        must(
            self.code in (codes or CODES), f"exit code, want {codes or 'a documented one'}: {self}"
        )
        trace = _TRACE.search(self.out + self.err)
        must(not trace, f"traceback: {self}")
        if self.code in (2, 3, 4):
            must(self.err.count("error: ") >= 1, f"no line `error: …`: {self}")
        return self


class Command:
    """A running command in its own session."""

    def __init__(self, pid: int, folder: Path, argv: list[str], wait: Callable[..., Any]) -> None:
        self.pid, self.folder, self.argv, self._wait = pid, folder, argv, wait
        self.code: int | None = None
        self.memory = 0

    def wait(self, seconds: float = LONGEST) -> Ended:
        """Wait for the end and return it; raise Broken if it takes longer than `seconds`."""
        self._poll(seconds)
        if self.code is None:
            self.signal(signal.SIGKILL)
            self._wait(self.pid, LONGEST)
            output = self._text("err")[-500:]
            raise Broken(f"still running after {seconds:.0f} s: {' '.join(self.argv)}: {output}")
        return Ended(self.code, self._text("out"), self._text("err"), self.argv, self.memory)

    def until(self, text: str, seconds: float = LONGEST) -> str:
        """Wait for a line of stderr with `text` and return it; raise Broken if it ends before."""
        end = time.monotonic() + seconds
        while True:
            runs = self.runs()
            for line in self._text("err").splitlines(keepends=True):
                if text in line and line.endswith("\n"):
                    return line
            must(runs and time.monotonic() < end, f"never said {text!r}: {self._text('err')}")
            time.sleep(0.02)

    def runs(self) -> bool:
        """Return True if the command is still running."""
        self._poll(0)
        return self.code is None

    def _poll(self, seconds: float) -> None:
        if self.code is None and (ended := self._wait(self.pid, seconds)) is not None:
            self.code, self.memory = ended

    def signal(self, number: int, group: bool = True) -> None:
        """Send a signal to the command and its workers, if it is still running."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(self.pid, number)

    def _text(self, name: str) -> str:
        try:
            return self.folder.joinpath(name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:  # it has just been forked
            return ""


class ForkServer:
    """Starts commands in forks of a process that has imported torch, which takes seconds."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.fork_server"],
            cwd=ROOT,
            env=environment() | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.output = tempfile.TemporaryDirectory(
            prefix="torture-said-", ignore_cleanup_errors=True
        )
        self.number = 0
        atexit.register(self.close)

    def start(
        self,
        argv: Sequence[str] | None,
        cwd: Path,
        *,
        env: dict[str, str] | None = None,
        before: str = "",
        umask: int = 0o022,
        **given: Any,
    ) -> Command:
        """Start ``convcompare argv``, after calling the function `before` with `given`."""
        self.number += 1
        folder = Path(self.output.name, str(self.number))
        folder.mkdir()
        task: dict[str, Any] = {
            "cwd": str(cwd),
            "umask": umask,
            "env": environment() | (env or {}),
        }
        task |= {"out": str(folder / "out"), "err": str(folder / "err")}
        task |= {"before": before, "with": given}
        task |= {} if argv is None else {"argv": list(argv)}
        return Command(self._request(task), folder, list(argv or [before]), self._await)

    def run(self, argv: Sequence[str] | None, cwd: Path, **options: Any) -> Ended:
        """Run a command to its end."""
        return self.start(argv, cwd, **options).wait()

    def call(self, where: str, cwd: Path, **given: Any) -> Any:
        """Call the function ``module:name`` in a forked process; return the JSON that it prints."""
        ended = self.run(None, cwd, before=where, **given)
        must(ended.code == 0, ended)
        return json.loads(ended.out.splitlines()[-1])

    def close(self) -> None:
        """End the server and remove the output of its commands."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
            self.process.wait(LONGEST)
            self.output.cleanup()

    def _await(self, pid: int, seconds: float) -> tuple[int, int] | None:
        ended: tuple[int, int] | None = self._request({"wait": pid, "seconds": seconds})
        return ended

    def _request(self, task: dict[str, Any]) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@lru_cache
def fork_server() -> ForkServer:
    """Return the server of this process, started on first use."""
    made = ForkServer()
    made.run(["--version"], ROOT)
    return made


def environment() -> dict[str, str]:
    """Return this environment without variables of the tool, with one thread per process."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CONVCOMPARE_", "COLUMNS"))}
    kept.setdefault("CONVCOMPARE_CACHE", str(Path(tempfile.gettempdir(), "torture-no-cache")))
    return kept | {"OMP_NUM_THREADS": "1", "MPLCONFIGDIR": _matplotlib(), "no_proxy": "127.0.0.1"}


@lru_cache
def _matplotlib() -> str:
    folder = Path(tempfile.gettempdir(), f"torture-matplotlib-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    return str(folder)


def real(
    argv: Sequence[str], cwd: Path, folder: Path, env: dict[str, str] | None = None
) -> Command:
    """Start the command in a new Python process, as a user does."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); "
    code += "from convcompare.cli import main; main()"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *argv],
            cwd=cwd,
            env=environment() | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )

    def wait(pid: int, seconds: float) -> tuple[int, int] | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(seconds), 0
        return None

    return Command(process.pid, folder, list(argv), wait)


def session(pid: int) -> list[int]:
    """Return the running processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, *fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == pid and state not in "ZX":
                found.append(int(stat.parent.name))
    return found


def processor() -> str:
    """Return the name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
