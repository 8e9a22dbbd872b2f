"""``python -m tests.torture [KIND …] [--part 1/4] [--jobs 2]``: the long form and its table.

Each kind runs in its own process, `jobs` of them in parallel. The results of the latest long form
of each kind, complete or in parts, are stored in docs/reliability.json and shown in
docs/reliability.md. Runs at a smaller scale are only printed.
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
from .table import as_parts, keep, table

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
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.kinds if name not in by_name()]:
        parser.error(f"no kind is called {unknown[0]}; there are {', '.join(by_name())}")
    if arguments.worker:
        harness.part = arguments.part
        return _work(arguments.worker, arguments.scale, arguments.seed)
    return _all(arguments.kinds or list(by_name()), arguments)


def _part(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not 1 <= int(number) <= int(of):
        raise ValueError(text)
    return int(number), int(of)


def _work(name: str, scale: float, seed: int) -> int:
    """Run a kind in this process; print its progress and result as JSON lines."""
    kind, started = by_name()[name], time.monotonic()

    def report(tried: int, held: int, of: int) -> None:
        print(json.dumps({"tried": tried, "held": held, "of": of}), flush=True)

    harness.report = report
    outcome = kind.run(scaled(kind, scale), seed)
    seconds = time.monotonic() - started
    print(json.dumps({"ended": name, "seconds": round(seconds, 1), **vars(outcome)}), flush=True)
    return 0


def _all(names: list[str], arguments: argparse.Namespace) -> int:
    """Run kinds in parallel and print a line for each; return the exit code."""
    rank = {name: place for place, name in enumerate(SLOWEST_FIRST)}
    waiting: queue.Queue[str] = queue.Queue()
    for name in sorted(names, key=lambda name: rank.get(name, 99)):
        waiting.put(name)
    found: dict[str, dict[str, Any]] = {}
    threads = [
        threading.Thread(target=_run_waiting, args=(waiting, found, arguments))
        for _ in range(arguments.jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(table(as_parts(found)))
    return 1 if any(one["findings"] for one in found.values()) else 0


def _run_waiting(
    waiting: queue.Queue[str], found: dict[str, dict[str, Any]], arguments: argparse.Namespace
) -> None:
    """Run kinds from the queue until it is empty; store the results of a complete run."""
    while True:
        try:
            name = waiting.get_nowait()
        except queue.Empty:
            return
        record = {**_provenance(arguments), **_run_kind(name, arguments)}
        with _writing:
            found[name] = record
            if arguments.scale >= 1:
                keep({name: record}, ROOT / "docs")


_writing = threading.Lock()


def _provenance(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return where, when and with which seed and part a result was measured."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{harness.processor()}, {os.cpu_count()} cores, {platform.system()}",
        "seed": arguments.seed,
        "part": list(arguments.part),
    }


def _run_kind(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one kind in its own process and print its progress; return its record."""
    command = [sys.executable, "-m", "tests.torture", "--worker", name]
    command += ["--scale", str(arguments.scale), "--seed", str(arguments.seed)]
    command += ["--part", "/".join(map(str, arguments.part))]
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
