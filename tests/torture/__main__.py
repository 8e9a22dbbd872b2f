"""``python -m tests.torture [KIND …] [--part 1/4] [--jobs 2]``: the long form, and its table.

Every kind runs in a process of its own, `jobs` of them at a time. Of each kind the figures of its
latest long form, in one run or in parts, are kept in docs/reliability.json and shown in the table
of docs/reliability.md; what is tried at a smaller scale is only shown.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import queue
import subprocess
import sys
import threading
import time
from typing import Any

from . import harness
from .kinds import by_name, scaled
from .table import alone, keep, table

ROOT = harness.ROOT
SLOWEST_FIRST = (
    "damage",
    "kills",
    "hostile-files",
    "crashes",
    "errors",
    "determinism",
    "commands",
    "several-kills",
    "signals",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("kinds", nargs="*", help=f"any of {', '.join(by_name())}; all without")
    parser.add_argument("--scale", type=float, default=1.0, help="a share of the cases")
    parser.add_argument("--jobs", type=int, default=max(1, os.cpu_count() or 1))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", type=_part, default=(1, 1), help="I/N: every N-th case alone")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if unknown := [name for name in asked.kinds if name not in by_name()]:
        parser.error(f"no kind is called {unknown[0]}; there are {', '.join(by_name())}")
    if asked.worker:
        harness.part = asked.part
        return _work(asked.worker, asked.scale, asked.seed)
    return _all(asked.kinds or list(by_name()), asked)


def _part(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not 1 <= int(number) <= int(of):
        raise ValueError(text)
    return int(number), int(of)


def _work(name: str, scale: float, seed: int) -> int:
    """Run a kind in this process; say how it goes and how it ended in JSON lines."""
    kind, started = by_name()[name], time.monotonic()

    def tell(tried: int, held: int, of: int) -> None:
        print(json.dumps({"tried": tried, "held": held, "of": of}), flush=True)

    harness.tell = tell
    outcome = kind.run(scaled(kind, scale), seed)
    seconds = time.monotonic() - started
    print(json.dumps({"ended": name, "seconds": round(seconds, 1), **vars(outcome)}), flush=True)
    return 0


def _all(names: list[str], asked: argparse.Namespace) -> int:
    """Run kinds side by side and show a line of each; the exit code."""
    order = {name: place for place, name in enumerate(SLOWEST_FIRST)}
    waiting: queue.Queue[str] = queue.Queue()
    for name in sorted(names, key=lambda name: order.get(name, 99)):
        waiting.put(name)
    found: dict[str, dict[str, Any]] = {}
    threads = [
        threading.Thread(target=_serve, args=(waiting, found, asked)) for _ in range(asked.jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(table(alone(found)))
    return 1 if any(one["findings"] for one in found.values()) else 0


def _serve(
    waiting: queue.Queue[str], found: dict[str, dict[str, Any]], asked: argparse.Namespace
) -> None:
    while True:
        try:
            name = waiting.get_nowait()
        except queue.Empty:
            return
        record = {**_place(asked), **_one(name, asked)}
        with _writing:
            found[name] = record
            if asked.scale >= 1:
                keep({name: record}, ROOT / "docs")


_writing = threading.Lock()


def _place(asked: argparse.Namespace) -> dict[str, Any]:
    """Where, when and of what a figure is."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{harness.processor()}, {os.cpu_count()} cores, {platform.system()}",
        "seed": asked.seed,
        "part": list(asked.part),
    }


def _one(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Run one kind in a process of its own and show how it goes."""
    command = [sys.executable, "-m", "tests.torture", "--worker", name]
    command += ["--scale", str(asked.scale), "--seed", str(asked.seed)]
    command += ["--part", "/".join(map(str, asked.part))]
    last: dict[str, Any] = {}
    shown = 0.0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if not line.startswith("{"):
                continue
            last = json.loads(line)
            if "ended" not in last and time.monotonic() - shown > 20:
                shown = time.monotonic()
                print(
                    f"{name}: {last['held']} of {last['tried']} held, {last['of']} in all",
                    flush=True,
                )
    if "ended" not in last:
        last = {
            "ended": name,
            "tried": 0,
            "held": 0,
            "seconds": 0.0,
            "skipped": [],
            "findings": [f"the suite itself ended with {process.returncode}"],
        }
    print(f"{name}: ended, {last['held']} of {last['tried']} held in {last['seconds']:.0f} s")
    for finding in last["findings"]:
        print(f"  {finding}", flush=True)
    return last


if __name__ == "__main__":
    sys.exit(main())
