"""Time within a measurement during which the work did not run: waiting for a core, or stopped."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

_TASKS = Path("/proc/self/task")
PERIOD = 0.05
"""Seconds between two ticks of the thread that detects stops of the process."""
LATE = 0.02
"""Seconds by which a tick may be late in a running process."""


def waited_seconds() -> float | None:
    """Return the total time that the working threads were ready to run and had no core.

    These are the calling thread and the threads of torch. Other Python threads, such as heartbeats,
    are excluded: their waiting does not slow down the work.

    The source is the kernel's scheduler statistics (``/proc/self/task/*/schedstat``). Only
    differences are meaningful, since threads that end no longer count.

    Returns:
        Seconds; None if there are no such statistics, as outside Linux.
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
    """Times a block of work and the part of that time in which it did not run.

    A separate thread sleeps for `PERIOD` repeatedly. If it wakes late without having waited for a
    core, and the working thread neither had a core nor waited for one, the process was stopped. A
    stop shorter than a period is detected if it is under way when a period ends.

    Attributes:
        seconds: Wall time of the block.
        waited: Seconds that the working threads were ready and had no core, in total; None if the
            system does not count them.
        stopped: Seconds in which the process was stopped by a signal (Ctrl-Z, ``cpulimit``), by a
            debugger or with its container. While a machine is suspended, the clocks of Linux and
            macOS stop too; elsewhere suspension counts as a stop.
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
    """Return a clock of the calling thread's processor time that any thread can read.

    It is the process's clock if the system cannot read that of another thread.
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
