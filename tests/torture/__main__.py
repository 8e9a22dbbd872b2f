"""``python -m tests.torture [KIND …] [--scale 0.1] [--jobs 2]``: the long form, and its table.

Every kind runs in a process of its own, `jobs` of them at a time. The figures go into
docs/reliability.json and, of a run of all kinds, into the table of docs/reliability.md.
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
from .kinds import KINDS, by_name, scaled
from .table import write_page

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
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if unknown := [name for name in asked.kinds if name not in by_name()]:
        parser.error(f"no kind is called {unknown[0]}; there are {', '.join(by_name())}")
    if asked.worker:
        return _work(asked.worker, asked.scale, asked.seed)
    return _all(asked.kinds or list(by_name()), asked.scale, asked.jobs, asked.seed)


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


def _all(names: list[str], scale: float, jobs: int, seed: int) -> int:
    """Run kinds side by side and show a line of each; the exit code."""
    order = {name: place for place, name in enumerate(SLOWEST_FIRST)}
    waiting: queue.Queue[str] = queue.Queue()
    for name in sorted(names, key=lambda name: order.get(name, 99)):
        waiting.put(name)
    found: dict[str, dict[str, Any]] = {}
    threads = [
        threading.Thread(target=_serve, args=(waiting, found, scale, seed)) for _ in range(jobs)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": " ".join(["make torture", *_given(names, scale, jobs, seed)]),
        "machine": f"{harness.processor()}, {os.cpu_count()} cores, {platform.system()}",
        "seconds": round(time.monotonic() - started),
        "scale": scale,
        "kinds": [found[kind.name] for kind in KINDS if kind.name in found],
    }
    whole = set(names) == set(by_name())
    print(write_page(record, ROOT / "docs" if whole else None))
    return 1 if any(one["findings"] or one.get("broken") for one in found.values()) else 0


def _given(names: list[str], scale: float, jobs: int, seed: int) -> list[str]:
    said = [] if set(names) == set(by_name()) else [f'KINDS="{" ".join(names)}"']
    said += [f"SCALE={scale:g}"] if scale != 1 else []
    said += [f"JOBS={jobs}"] if jobs != (os.cpu_count() or 1) else []
    return said + ([f"SEED={seed}"] if seed else [])


def _serve(
    waiting: queue.Queue[str], found: dict[str, dict[str, Any]], scale: float, seed: int
) -> None:
    while True:
        try:
            name = waiting.get_nowait()
        except queue.Empty:
            return
        found[name] = _one(name, scale, seed)


def _one(name: str, scale: float, seed: int) -> dict[str, Any]:
    """Run one kind in a process of its own and show how it goes."""
    command = [sys.executable, "-m", "tests.torture", "--worker", name]
    command += ["--scale", str(scale), "--seed", str(seed)]
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
