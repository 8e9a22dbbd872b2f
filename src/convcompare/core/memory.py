"""How much memory the machine has."""

from __future__ import annotations

import os

UNKNOWN = 16 << 30
"""Bytes of memory of a machine that does not tell."""


def physical_memory() -> int:
    """The bytes of memory of this machine; UNKNOWN if the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return UNKNOWN
