"""A process that works for another one: orders in, events and results out, as JSON lines.

An order is one of ``{"context": …}``, where the trials that follow belong; ``{"trial": …}``, to be
run; and ``{"call": …}``, a function and its arguments, pickled. The process ends when its input
does, at once: so it never outlives the one that started it, however that ended.
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
    """Work until the input ends or an error makes it pointless to go on."""
    orders, answers = take_streams()
    show_warnings_once()
    waiting: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(orders, waiting), daemon=True).start()
    writer = EventWriter(answers)
    foreign_code.run_here()
    threading.Thread(target=writer.tell_pulse, daemon=True).start()
    runner: TrialRunner | None = None
    folder = Path.cwd()
    try:
        while True:
            order = waiting.get()
            os.chdir(folder)  # somebody's code may have left it
            if "call" in order:
                writer.tell(_answer(order["call"]))
            elif "context" in order:
                runner = runner_of(from_record(WorkerContext, order["context"]))
            else:
                assert runner
                writer.tell_events(runner(from_record(Trial, order["trial"])))
    except Exception as error:
        writer.tell(error_to_json(error))


def _answer(order: str) -> dict[str, Any]:
    """What the function of a call returns, or the error that it raises."""
    try:
        function, arguments = pickle.loads(base64.b64decode(order))  # noqa: S301
        result = pickle.dumps(function(*arguments))
    except Exception as error:
        return {"raised": error_to_json(error)["error"]}
    return {"returned": base64.b64encode(result).decode()}


class EventWriter:
    """Tells what happens, a line at a time, from whichever thread."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.lock = threading.Lock()
        self.progress = StepProgress()

    def tell(self, record: dict[str, Any]) -> None:
        """Write one record as a line."""
        with self.lock:
            print(json.dumps(record), file=self.stream, flush=True)

    def tell_events(self, events: Iterable[Event]) -> None:
        """Tell what happens to a trial, as it happens."""
        for event in events:
            if isinstance(event, Started):
                self.progress = event.progress
            self.tell(event_to_json(event))

    def tell_pulse(self) -> None:
        """Say where the training is, as long as it moves."""
        told = (0, 0.0)
        while True:
            time.sleep(PROGRESS_SECONDS)
            now = (self.progress.step, self.progress.loss)
            if now != told:
                self.tell({"progress": now})
            told = now


def take_streams() -> tuple[TextIO, TextIO]:
    """Input and output for orders and answers alone: a network may print and ask what it likes.

    What it prints goes to the standard error, and its own input is empty.
    """
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return orders, answers


def show_warnings_once() -> None:
    """Show each warning once, by its text: each try of a network calls it from another line.

    The action "once" of Python shows it once per module that calls.
    """
    shown: set[tuple[str, type[Warning]]] = set()
    show = warnings.showwarning

    def once(message: Warning | str, category: type[Warning], *place: Any, **named: Any) -> None:
        if (str(message), category) not in shown:
            shown.add((str(message), category))
            show(message, category, *place, **named)

    warnings.showwarning = once


def _listen(orders: TextIO, waiting: queue.Queue[dict[str, Any]]) -> None:
    for line in orders:
        waiting.put(json.loads(line))
    os._exit(0)
