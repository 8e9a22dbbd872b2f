"""Six ways to damage a file."""

from __future__ import annotations

import random
from pathlib import Path

WAYS = ("cut", "flip", "zero page", "empty", "swap", "folder")


def harm(path: Path, twin: Path, way: str, rng: random.Random) -> None:
    """Damage the file `path` at random; `twin` is a similar file of something else."""
    data = bytearray(path.read_bytes())
    if way == "cut":
        data = data[: rng.randrange(len(data))]
    elif way == "flip":
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif way == "zero page":
        start = rng.randrange(0, len(data), 4096)
        page = bytes(min(4096, len(data) - start))
        data[start : start + len(page)] = page
    elif way == "empty":
        data = bytearray()
    elif way == "swap":
        data = bytearray(twin.read_bytes())
    else:
        path.unlink()
        path.mkdir()
        return
    path.write_bytes(data)
