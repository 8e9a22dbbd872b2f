"""How much of the time that was measured is not that of the work: waiting, standing still."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

_TASKS = Path("/proc/self/task")
PERIOD = 0.05
"""Seconds between two beats of the clock that finds out whether the process stood still."""
LATE = 0.02
"""Seconds by which a beat may be late in a process that runs."""


def waited_seconds() -> float | None:
    """Seconds that the threads of the work were ready to run and had no core, all together.

    Those are the thread that calls this and the threads of torch. Other threads of Python, such as
    heartbeats, are left out: what they wait is not taken from the work.

    Read from the kernel's scheduler statistics (``/proc/self/task/*/schedstat``); None where there
    are none, as outside Linux. Only differences mean something: threads that end take theirs along.
    """
    others = {thread.native_id for thread in threading.enumerate()} - {threading.get_native_id()}
    total = 0.0
    try:
        for task in _TASKS.iterdir():
            if int(task.name) not in others:
                total += _waited(task)
    except (OSError, IndexError, ValueError):
        return None
    return total


def _waited(task: Path) -> float:
    return int((task / "schedstat").read_text().split()[1]) / 1e9


class Interference:
    """A block of work that is timed, and what of its time was taken from it.

    ``seconds`` is the wall time of the block. ``waited`` are the seconds that the threads of the
    work were ready and had no core, all together; None where the system does not count them.
    ``stopped`` are the seconds in which the process stood still: stopped by a signal (Ctrl-Z,
    ``cpulimit``), by a debugger or with its container. While a machine is suspended, the clock of
    Linux and of macOS stands still too; elsewhere that is found as a stop.

    A thread of its own sleeps for `PERIOD` again and again. If it wakes late, did not wait for a
    core, and the thread of the work neither had one nor waited for one, both stood still. A stop
    that is shorter than a period is found if it is under way when one ends.
    """

    def __init__(self) -> None:
        self.seconds = self.stopped = 0.0
        self.waited: float | None = None
        self._done = threading.Event()
        self._worked = _clock_of_this_thread()
        self._work = _TASKS / str(threading.get_native_id())
        self._beats = threading.Thread(target=self._beat, name="interference", daemon=True)

    def __enter__(self) -> Self:
        self._before = waited_seconds()
        self._beats.start()
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
        self._done.set()
        self._beats.join()
        after = waited_seconds()
        if self._before is not None and after is not None:
            self.waited = max(0.0, after - self._before)
        self.stopped = min(self.stopped, self.seconds)

    def _beat(self) -> None:
        clocks = (
            time.perf_counter,
            self._worked,
            functools.partial(_queued, self._work),
            functools.partial(_queued, _TASKS / str(threading.get_native_id())),
        )
        ended = False
        while not ended:
            before = [clock() for clock in clocks]
            ended = self._done.wait(PERIOD)
            if time.perf_counter() - before[0] > PERIOD + LATE:
                after = [clock() for clock in clocks]
                passed, worked, queued, late = (b - a for a, b in zip(before, after, strict=True))
                idle = passed - worked - queued
                self.stopped += max(0.0, min(passed - PERIOD - late, idle))


def _clock_of_this_thread() -> Callable[[], float]:
    """Seconds of processor time of the thread that calls this, for any thread that asks later.

    Of the process where the system has no clock of another thread.
    """
    try:
        clock = time.pthread_getcpuclockid(threading.get_ident())
        time.clock_gettime(clock)
    except (AttributeError, OSError):
        return time.process_time
    return lambda: time.clock_gettime(clock)


def _queued(task: Path) -> float:
    try:
        return _waited(task)
    except (OSError, IndexError, ValueError):
        return 0.0
