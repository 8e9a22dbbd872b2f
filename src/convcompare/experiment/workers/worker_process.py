"""Parent's side of a worker: sends requests and receives messages."""

from __future__ import annotations

import base64
import contextlib
import json
import os
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
from convcompare.core.process import FIXED_ORDER, python_command
from convcompare.store.json_fields import to_record
from convcompare.training.progress import StepProgress

from .protocol import error_from_json

if TYPE_CHECKING:
    from convcompare.store.run import Trial

T = TypeVar("T")

COMMAND = python_command("convcompare.experiment.workers.worker")
CLOSING_SECONDS = 10.0
MAX_LINES = 200
"""Maximum number of distinct output lines of user code that are printed per process."""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class WorkerProcess:
    """A worker process and the trial that it runs.

    Its messages go into the queue `messages`, each with the worker itself; None marks its end.

    Args:
        command: Command that starts the process.
        source: Source of the user code that it runs, as returned by `foreign_code.source_of`, or
            None if it runs only code of this package. The output of user code is printed on this
            process's stderr under that name.
    """

    def __init__(self, command: Sequence[str] = COMMAND, source: str | None = None) -> None:
        self.trial: Trial | None = None
        self.progress = StepProgress()
        self.messages: queue.Queue[tuple[WorkerProcess, dict[str, Any] | None]] = queue.Queue()
        self.source, self.folder = source, Path.cwd()
        with _interrupts_blocked():
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if source is None else subprocess.PIPE,
                env={**os.environ, **FIXED_ORDER},
            )
        threading.Thread(target=self._listen, daemon=True).start()
        self._relay: threading.Thread | None = None
        if self.process.stderr is not None:
            self._relay = threading.Thread(
                target=_relay_output, args=(self.process.stderr, str(source)), daemon=True
            )
            self._relay.start()

    def send_trial(self, trial: Trial) -> None:
        """Send a trial to the process."""
        self.trial, self.progress = trial, StepProgress()
        self.send({"trial": to_record(trial)})

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function of this package in the process and return its result; both are pickled.

        Raises:
            ProcessDied: if the process ends during the call.
            Exception: any exception that the function raises.
        """
        request = base64.b64encode(pickle.dumps((function, arguments))).decode()
        self.send({"call": request})
        while True:
            message = self._next()
            if message is None:
                self.await_end()
                raise ProcessDied(
                    f"the process of {quote(str(self.source))} {self.end()}",
                    "a crash in compiled code: `python -X faulthandler` shows where"
                    if self.process.returncode < 0
                    else "its code must not end the process, as `os._exit` does",
                )
            if "returned" in message:
                result: T = pickle.loads(base64.b64decode(message["returned"]))  # noqa: S301
                return result
            if "raised" in message:
                raise error_from_json({"error": message["raised"]})

    def _next(self) -> dict[str, Any] | None:
        """Return the next message; None if the process has ended."""
        while True:
            try:
                return self.messages.get(timeout=1.0)[1]
            except queue.Empty:
                if self.process.poll() is not None and self.messages.empty():
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
        """Wait `CLOSING_SECONDS` for a process that has closed its output to end, then kill it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(CLOSING_SECONDS)
        self.stop()

    def end(self) -> str:
        """Return a description of how the process ended."""
        code = self.process.returncode
        if code >= 0:
            return f"ended (exit code {code})"
        with contextlib.suppress(ValueError):
            return f"was killed (signal {-code}, {signal.Signals(-code).name})"
        return f"was killed (signal {-code})"

    def send(self, record: dict[str, Any]) -> None:
        """Send a request, as described in `worker.py`.

        A process that has ended is not an error here: its end is noticed from its output.
        """
        assert self.process.stdin
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(record).encode() + b"\n")
            self.process.stdin.flush()

    def _listen(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                if not line.endswith(b"\n"):  # killed while it wrote
                    break
                self.messages.put((self, json.loads(line)))
        self.messages.put((self, None))


def _relay_output(lines: IO[bytes], name: str) -> None:
    """Print at most `MAX_LINES` distinct lines on stderr, each once and under a name."""
    printed = set[str]()
    with lines:
        for line in lines:
            text = _ANSI.sub("", line.decode(errors="replace").rstrip().rpartition("\r")[2])
            if not text or text in printed or len(printed) > MAX_LINES:
                continue
            printed.add(text)
            more = len(printed) > MAX_LINES
            shown = "further output is left out" if more else printable(text)
            with contextlib.suppress(OSError, ValueError):  # stderr is closed
                print(f"{name}: {shown}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in processes that are started within.

    A terminal sends Ctrl-C to all processes of a command; the parent ends its workers itself. Has
    no effect outside POSIX.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
