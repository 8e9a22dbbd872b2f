"""Seconds per epoch of one process with all threads and of two with half of them: in turn, paired.

    python benchmarks/devices.py [--rounds N] [--write]

Both sides train the same network through the command line, each time in an empty store. The first
epoch, with memory allocation and kernel selection, is left out. ``--write`` writes the table into
docs/guides/several-devices.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "guides" / "several-devices.md"
TABLE = re.compile(r"(?<=<!-- measured -->\n).*(?=<!-- end -->)", re.DOTALL)
NETWORKS = ("fcn", "simple", "residual")
BATCHES = (64, 512)
EPOCHS = 4


def train(network: str, batch: int, devices: int) -> tuple[float, float]:
    """Return the median seconds of an epoch without the first, and the seconds of the command."""
    with tempfile.TemporaryDirectory() as store:
        command = [sys.executable, "-m", "convcompare", "train", network, "-d", "mnist-mini"]
        command += ["-e", str(EPOCHS), "-b", str(batch), "--devices", str(devices)]
        command += ["--device", "cpu", "--store", store, "--quiet", "--format", "json"]
        started = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True)
        command_seconds = time.perf_counter() - started
    (run,) = json.loads(done.stdout)["models"][0]["runs"]
    return statistics.median(run["epoch_seconds"][1:]), command_seconds


def measure(rounds: int = 5) -> list[dict[str, Any]]:
    """Return a row for each network and batch size; ratios are taken pair by pair."""
    rows = []
    for batch in BATCHES:
        for network in NETWORKS:
            pairs = [(train(network, batch, 1), train(network, batch, 2)) for _ in range(rounds)]
            ratios = sorted(one[0] / two[0] for one, two in pairs)
            row = {"network": network, "batch": batch, "n": rounds, "ratios": ratios}
            for place, what in enumerate(("epoch_s", "whole_s")):
                for side, name in enumerate(("one", "two")):
                    row[f"{name}_{what}"] = statistics.median(p[side][place] for p in pairs)
            rows.append({**row, "ratio": statistics.median(ratios)})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown, with machine, versions and date."""
    import torch

    from convcompare.training.hardware import choose_runtime, environment

    place = environment(choose_runtime("cpu", None))
    cores = len(os.sched_getaffinity(0))
    lines = [
        f"`python benchmarks/devices.py` · {place.processor}, {cores} cores, torch "
        f"{torch.__version__}, {datetime.date.today()} · n = {rows[0]['n']} pairs a row",
        "",
        "| network | batch | epoch, 1 process | epoch, 2 processes | times as fast "
        "| whole command, 1 | whole command, 2 |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        low, high = row["ratios"][0], row["ratios"][-1]
        lines.append(
            f"| {row['network']} | {row['batch']} | {row['one_epoch_s']:.2f} s "
            f"| {row['two_epoch_s']:.2f} s | **{row['ratio']:.2f}** ({low:.2f} to {high:.2f}) "
            f"| {row['one_whole_s']:.1f} s | {row['two_whole_s']:.1f} s |"
        )
    lines.append("| any, on GPUs | | not measured | not measured | not measured | | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    started = time.perf_counter()
    rows = measure(arguments.rounds)
    text = table(rows)
    print(text if arguments.write else json.dumps(rows, indent=1))
    print(f"measured in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(TABLE.sub(lambda _: text, page), encoding="utf-8")


if __name__ == "__main__":
    main()
