"""Worker process: reads requests and writes events and results, one JSON object per line.

A request is one of

- ``{"context": …}``: the `WorkerContext` of the trials that follow,
- ``{"trial": …}``: a trial to run,
- ``{"call": …}``: a function and its arguments, pickled, to call.

The process exits as soon as its input closes, so it never outlives its parent, however that ended.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import queue
import threading
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from convcompare.store.json_fields import from_record
from convcompare.store.run import Trial
from convcompare.training.progress import StepProgress

from .. import foreign_code
from ..events import Event, Started
from .context import WorkerContext, runner_of
from .protocol import error_to_json, event_to_json

if TYPE_CHECKING:
    from ..trial_runner import TrialRunner

PROGRESS_SECONDS = 0.25


def main() -> None:
    """Handle requests until the input ends or an error ends the process."""
    requests, replies = take_streams()
    show_warnings_once()
    waiting: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    writer = EventWriter(replies)
    foreign_code.run_here()
    threading.Thread(target=writer.write_progress, daemon=True).start()
    runner: TrialRunner | None = None
    folder = Path.cwd()
    try:
        while True:
            request = waiting.get()
            os.chdir(folder)  # user code may have changed it
            if "call" in request:
                writer.write(_answer(request["call"]))
            elif "context" in request:
                runner = runner_of(from_record(WorkerContext, request["context"]))
            else:
                assert runner
                writer.write_events(runner(from_record(Trial, request["trial"])))
    except Exception as error:
        writer.write(error_to_json(error))


def _answer(request: str) -> dict[str, Any]:
    """Return the pickled result of a call, or the error that it raised."""
    try:
        function, arguments = pickle.loads(base64.b64decode(request))  # noqa: S301
        result = pickle.dumps(function(*arguments))
    except Exception as error:
        return {"raised": error_to_json(error)["error"]}
    return {"returned": base64.b64encode(result).decode()}


class EventWriter:
    """Writes messages, one per line, from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.lock = threading.Lock()
        self.progress = StepProgress()

    def write(self, record: dict[str, Any]) -> None:
        """Write one record as a line."""
        with self.lock:
            print(json.dumps(record), file=self.stream, flush=True)

    def write_events(self, events: Iterable[Event]) -> None:
        """Write the events of a trial as they arise."""
        for event in events:
            if isinstance(event, Started):
                self.progress = event.progress
            self.write(event_to_json(event))

    def write_progress(self) -> None:
        """Write the training progress at regular intervals whenever it has changed."""
        written = (0, 0.0)
        while True:
            time.sleep(PROGRESS_SECONDS)
            now = (self.progress.step, self.progress.loss)
            if now != written:
                self.write({"progress": now})
            written = now


def take_streams() -> tuple[TextIO, TextIO]:
    """Return the input and output of this process for requests and replies alone.

    User code may print and read: its prints go to stderr, and its stdin is empty.
    """
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, replies


def show_warnings_once() -> None:
    """Show each warning once, by its text: each call of a network warns from another line.

    Python's own action "once" shows it once per calling module.
    """
    shown: set[tuple[str, type[Warning]]] = set()
    show = warnings.showwarning

    def once(message: Warning | str, category: type[Warning], *place: Any, **named: Any) -> None:
        if (str(message), category) not in shown:
            shown.add((str(message), category))
            show(message, category, *place, **named)

    warnings.showwarning = once


def _listen(requests: TextIO, waiting: queue.Queue[dict[str, Any]]) -> None:
    for line in requests:
        waiting.put(json.loads(line))
    os._exit(0)
