"""Throughput of six small trials, two at a time against one after another: interleaved, paired.

    python benchmarks/jobs.py [--rounds N]

Both sides train the same trials with one thread each in an empty store, as the command line does
it, in new processes; what is timed are the trainings as a whole, the start of the workers included,
the measuring of the times afterwards not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

JOBS = 2
CODE = """
import json, sys, time
from pathlib import Path
from convcompare.experiment.planning import prepare
from convcompare.experiment.reporter import QuietReporter
from convcompare.experiment.request import Request, model_requests
from convcompare.experiment.events import Ended
from convcompare.experiment.trial_runner import execute
store, jobs = Path(sys.argv[1]), int(sys.argv[2])
models = model_requests(["simple:width=16x16", "simple:width=16x16,kernel=5"])
plan = prepare(Request(models=models, dataset="mnist-mini", seeds=(0, 1, 2), threads=1, jobs=jobs,
    settings={"epochs": "3"}, precision="fp32", device="cpu", store=store), QuietReporter())
runner = plan.runner()
started = time.perf_counter()
ended = [e for e in execute(plan.trials, runner, plan.executor) if isinstance(e, Ended)]
assert [e.run.status for e in ended] == 6 * ["finished"]
print(json.dumps(time.perf_counter() - started))
"""


def seconds(jobs: int) -> float:
    """Seconds from the first order to the last end, in a new process and an empty store."""
    with tempfile.TemporaryDirectory() as store:
        command = [sys.executable, "-c", CODE, store, str(jobs)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return float(json.loads(done.stdout))


def measure(rounds: int = 5) -> dict[str, object]:
    """Both sides in turn; the ratio is taken pair by pair."""
    pairs = [(seconds(1), seconds(JOBS)) for _ in range(rounds)]
    ratios = sorted(alone / together for alone, together in pairs)
    alone, together = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {
        "trials": 6,
        "jobs": JOBS,
        "alone_s": alone,
        "together_s": together,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "n": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    started = time.perf_counter()
    print(json.dumps(measure(parser.parse_args().rounds), indent=1))
    print(f"measured in {time.perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
