"""Time for which OpenMP threads of torch spin while they wait for work.

The threads synchronise after every operation, and those that arrive early spin. If another program
takes a core, the other threads spin for its whole time slice, repeatedly, and a training can become
several times slower than its share of the cores. Threads therefore sleep after a tenth of OpenMP's
default spin count: long enough for Python's work between two operations, short compared with a time
slice (docs/benchmarks.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SPINS = "30000"
CHOSEN = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""Environment variables with which the user may have chosen otherwise."""


@contextmanager
def installed() -> Iterator[None]:
    """Apply `install` within the block, then restore the environment."""
    had = os.environ.get(CHOSEN[0])
    install()
    try:
        yield
    finally:
        if had is None:
            os.environ.pop(CHOSEN[0], None)


def install() -> None:
    """Set the spin count for this process and those that it starts; call before torch is imported.

    OpenMP reads the environment only when it is loaded. Only GNU's OpenMP, which torch uses on
    Linux, is affected.
    """
    if not any(name in os.environ for name in CHOSEN):
        os.environ["GOMP_SPINCOUNT"] = SPINS
