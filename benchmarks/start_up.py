"""Start-up time of the command line, against the import of its parser alone."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

PAIR = (
    [str(Path(sys.executable).parent / "convcompare"), "--help"],
    [sys.executable, "-c", "import typer"],
)


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def measure(rounds: int = 15) -> dict[str, float]:
    """Return the medians of both, and the ratio pair by pair; the first pair warms the caches."""
    pairs = [(seconds(PAIR[0]), seconds(PAIR[1])) for _ in range(rounds + 1)][1:]
    ratios = sorted(own / typer for own, typer in pairs)
    own, typer = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {
        "help_s": own,
        "typer_s": typer,
        "ratio": statistics.median(ratios),
        "ratio_low": ratios[0],
        "ratio_high": ratios[-1],
        "ratio_best": min(own for own, _ in pairs) / min(typer for _, typer in pairs),
        "rounds": rounds,
    }
