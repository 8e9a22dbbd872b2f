"""How long a thread of torch's holds its core while it waits for work.

torch's threads meet after every operation, and whoever is early spins. Where another program takes
a core, the others spin for what it was given, again and again, and a training can become several
times as slow as its share of the cores. They are asked to sleep after a tenth of what OpenMP has
them spin: long enough for what Python does between two operations, short beside the turn of another
program (docs/benchmarks.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SPINS = "30000"
CHOSEN = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""Whoever has set one of these has chosen."""


@contextmanager
def asked() -> Iterator[None]:
    """The same for as long as a call takes; the environment is put back."""
    had = os.environ.get(CHOSEN[0])
    install()
    try:
        yield
    finally:
        if had is None:
            os.environ.pop(CHOSEN[0], None)


def install() -> None:
    """Ask OpenMP so, in this process and those that it starts; before torch is imported.

    It reads the environment as it is loaded, and never again. Elsewhere than with GNU's OpenMP,
    which torch brings on Linux, this does nothing.
    """
    if not any(name in os.environ for name in CHOSEN):
        os.environ["GOMP_SPINCOUNT"] = SPINS
