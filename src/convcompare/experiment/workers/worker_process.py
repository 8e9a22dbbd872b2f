"""A worker as the process that started it sees it: orders go in, what it says comes out."""

from __future__ import annotations

import base64
import contextlib
import json
import pickle
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from convcompare.core.errors import ProcessDied, printable, quote
from convcompare.core.process import python_command
from convcompare.store.json_fields import to_record
from convcompare.training.progress import StepProgress

from .protocol import error_from_json

if TYPE_CHECKING:
    from convcompare.store.run import Trial

T = TypeVar("T")

COMMAND = python_command("convcompare.experiment.workers.worker")
CLOSING_SECONDS = 10.0
MOST_LINES = 200
"""Different ones that are passed on of the output of somebody's code, a process."""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class WorkerProcess:
    """One worker, and the trial that it runs.

    Each record that it says goes into the queue `said` with the worker itself; its end is None.

    Args:
        command: what starts it.
        source: whose code it runs, as `foreign_code.source_of` names it; None for this tool's.
            Its output is passed on to this process's stderr, under that name.
    """

    def __init__(self, command: Sequence[str] = COMMAND, source: str | None = None) -> None:
        self.trial: Trial | None = None
        self.progress = StepProgress()
        self.said: queue.Queue[tuple[WorkerProcess, dict[str, Any] | None]] = queue.Queue()
        self.source, self.folder = source, Path.cwd()
        with _interrupts_blocked():
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if source is None else subprocess.PIPE,
            )
        threading.Thread(target=self._listen, daemon=True).start()
        self._relay: threading.Thread | None = None
        if self.process.stderr is not None:
            self._relay = threading.Thread(
                target=_pass_on, args=(self.process.stderr, str(source)), daemon=True
            )
            self._relay.start()

    def give(self, trial: Trial) -> None:
        """Send the process a trial."""
        self.trial, self.progress = trial, StepProgress()
        self.tell({"trial": to_record(trial)})

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """What a function of this tool returns there; both travel pickled.

        Raises what it raises, and ProcessDied where the process dies of it.
        """
        order = base64.b64encode(pickle.dumps((function, arguments))).decode()
        self.tell({"call": order})
        while True:
            said = self._next()
            if said is None:
                self.await_end()
                raise ProcessDied(
                    f"the process of {quote(str(self.source))} {self.end()}",
                    "a crash in compiled code: `python -X faulthandler` shows where"
                    if self.process.returncode < 0
                    else "its code must not end the process, as `os._exit` does",
                )
            if "returned" in said:
                result: T = pickle.loads(base64.b64decode(said["returned"]))  # noqa: S301
                return result
            if "raised" in said:
                raise error_from_json({"error": said["raised"]})

    def _next(self) -> dict[str, Any] | None:
        """The next thing that it says; None where it has ended."""
        while True:
            try:
                return self.said.get(timeout=1.0)[1]
            except queue.Empty:
                if self.process.poll() is not None and self.said.empty():
                    return None

    def stop(self) -> None:
        """Kill the process and wait for its end."""
        self.process.kill()
        self.process.wait()
        if self._relay is not None:
            self._relay.join(1.0)
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def await_end(self) -> None:
        """Let a process that has closed its output end in its own way."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(CLOSING_SECONDS)
        self.stop()

    def end(self) -> str:
        """How the process ended, in words."""
        code = self.process.returncode
        if code >= 0:
            return f"ended (exit code {code})"
        with contextlib.suppress(ValueError):
            return f"was killed (signal {-code}, {signal.Signals(-code).name})"
        return f"was killed (signal {-code})"

    def tell(self, record: dict[str, Any]) -> None:
        """Give the process an order, as `worker.py` has them; its end is heard from its output."""
        assert self.process.stdin
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(record).encode() + b"\n")
            self.process.stdin.flush()

    def _listen(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                if not line.endswith(b"\n"):  # it was killed while it spoke
                    break
                self.said.put((self, json.loads(line)))
        self.said.put((self, None))


def _pass_on(lines: IO[bytes], name: str) -> None:
    """Print lines on stderr under a name: each once, and of very many the first."""
    said = set[str]()
    with lines:
        for line in lines:
            text = _ANSI.sub("", line.decode(errors="replace").rstrip().rpartition("\r")[2])
            if not text or text in said or len(said) > MOST_LINES:
                continue
            said.add(text)
            more = len(said) > MOST_LINES
            _print(f"{name}: {'further output is left out' if more else printable(text)}")


def _print(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # stderr is closed
        print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes started within never see Ctrl-C, which a terminal sends to all: who started them
    ends them. Outside POSIX this does nothing.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
