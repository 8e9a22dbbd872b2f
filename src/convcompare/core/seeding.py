"""Seeds: every stream of random numbers is derived from (seed, purpose, epoch).

Nothing random is ever carried from one epoch to the next, so a resumed run has no state to restore,
and no network's draws can change another's.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Purpose = Literal["initialisation", "order", "augmentation", "flip", "dropout", "validation"]


def derive(seed: int, purpose: Purpose, epoch: int = 0, rank: int = 0) -> int:
    """A seed of 63 bits for one purpose in one epoch, and for one of several devices."""
    device = f"/{rank}" if rank else ""
    digest = hashlib.sha256(f"{seed}/{purpose}/{epoch}{device}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
