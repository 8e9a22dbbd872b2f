"""Cost of a separate process for a network: the same network from the zoo and from a file, in turn.

python benchmarks/foreign_code.py

Compares ``fcn`` with a file that builds the same network: the time of a command with one epoch of
``mnist-mini`` and the seconds of its epochs, as ratios pair by pair.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAIRS = 5
EPOCHS = 6
FILE = """
from torch import nn

def Net(in_channels, image_size, num_classes):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(in_channels * image_size**2, 128), nn.ReLU(),
        nn.Linear(128, 64), nn.ReLU(),
        nn.Linear(64, num_classes),
    )
"""
NETWORKS = ("fcn", "net.py:Net")


def command(network: str, epochs: int, folder: Path) -> tuple[float, float]:
    """Return the seconds of the command and of the median epoch."""
    arguments = ["train", network, "-d", "mnist-mini", "-e", str(epochs), "--threads", "1"]
    arguments += ["--fresh", "--store", str(folder / "store"), "-q", "-f", "json"]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "convcompare", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    seconds = time.perf_counter() - started
    (model,) = json.loads(done.stdout)["models"]
    return seconds, statistics.median(model["runs"][0]["epoch_seconds"][1:] or [0.0])


def main() -> None:
    """Print the medians of both sides, and the ratios of the pairs with their range."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in NETWORKS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "net.py").write_text(FILE)
        for network in NETWORKS:  # warm up the file caches
            command(network, 1, folder)
        for _ in range(PAIRS):
            for network in NETWORKS:
                command_seconds, _ = command(network, 1, folder)
                _, epoch = command(network, EPOCHS, folder)
                found[network].append((command_seconds, epoch))
    for place, what in enumerate(("seconds of a command with one epoch", "seconds of an epoch")):
        zoo, own = ([pair[place] for pair in found[name]] for name in NETWORKS)
        ratios = sorted(b / a for a, b in zip(zoo, own, strict=True))
        print(
            f"{what}: zoo {statistics.median(zoo):.3f}, file {statistics.median(own):.3f}, ratio "
            f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), n = {PAIRS}"
        )


if __name__ == "__main__":
    main()
