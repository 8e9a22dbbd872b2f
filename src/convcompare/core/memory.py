"""How much memory the machine has, and when Python looks for what it can free."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

UNKNOWN = 16 << 30
"""Bytes of memory of a machine that does not tell."""


def physical_memory() -> int:
    """The bytes of memory of this machine; UNKNOWN if the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return UNKNOWN


@contextmanager
def without_collection() -> Iterator[None]:
    """Within it Python does not search for cycles: while many records are read it would find none,
    again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
