"""Whether other programs had a part of the processor while something was measured."""

from __future__ import annotations

from pathlib import Path

_TASKS = Path("/proc/self/task")


def waited_seconds() -> float | None:
    """Seconds that the threads of this process were ready to run and had no core, all together.

    Read from the kernel's scheduler statistics (``/proc/self/task/*/schedstat``); None where there
    are none, as outside Linux. Only differences mean something: threads that end take theirs along.
    """
    total = 0
    try:
        for task in _TASKS.iterdir():
            total += int((task / "schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return total / 1e9


def waited_since(before: float | None) -> float | None:
    """Seconds waited since `before` was read; never below 0."""
    now = waited_seconds()
    return None if before is None or now is None else max(0.0, now - before)
