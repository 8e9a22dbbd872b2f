"""Physical memory of the machine, and suspension of Python's garbage collector."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

UNKNOWN = 16 << 30
"""Bytes of memory that are assumed if the system does not report them."""


def physical_memory() -> int:
    """Return the bytes of memory of this machine; UNKNOWN if the system does not report them."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return UNKNOWN


@contextmanager
def without_collection() -> Iterator[None]:
    """Suspend garbage collection within the block.

    While many records are read, it would search repeatedly and find nothing.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
