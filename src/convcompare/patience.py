"""How long a thread of torch's holds its core while it waits for work.

torch's threads meet after every operation, and whoever is early spins. Where another program takes
a core, the others spin for what it was given, again and again: training became 5 to 20 times as
slow beside two busy programs. They are asked to sleep after tens of microseconds instead, which
costs nothing that could be measured on a machine that is free (docs/benchmarks.md).
"""

from __future__ import annotations

import os

SPINS = "3000"
CHOSEN = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""Whoever has set one of these has chosen."""


def install() -> None:
    """Ask OpenMP so, in this process and those that it starts; before torch is imported.

    It reads the environment as it is loaded, and never again. Elsewhere than with GNU's OpenMP,
    which torch brings on Linux, this does nothing.
    """
    if not any(name in os.environ for name in CHOSEN):
        os.environ["GOMP_SPINCOUNT"] = SPINS
