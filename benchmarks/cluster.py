"""Throughput of two nodes over one, and the cost of a trial to its command, on a Ray cluster.

    python benchmarks/cluster.py nodes [--rounds N]   throughput of two nodes of one CPU over one
    python benchmarks/cluster.py empty [--trials N]   trials without training, and their listing

Nodes and command are processes of this machine. Empty trials omit only the training: the trial is
sent, and an epoch, logits and weights of a few bytes and a record of five epochs are returned and
committed as usual.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TRAINED = 8
EMPTY = 10_000
RECORD_EPOCHS = 5


def job_on(address: str, store: Path, models: list[str], seeds: int, epochs: int) -> Any:
    """Return the plan of the trials, prepared for a cluster as by the command line."""
    from convcompare.experiment.planning import prepare
    from convcompare.experiment.reporter import Reporter
    from convcompare.experiment.request import Request, model_requests

    request = Request(
        models=model_requests(models),
        dataset="mnist-mini",
        seeds=tuple(range(seeds)),
        settings={"epochs": str(epochs)},
        precision="fp32",
        device="cpu",
        threads=1,
        jobs=None,
        executor="ray",
        ray_address=address,
        store=store,
    )
    return prepare(request, Reporter())


def trained(address: str, store: str) -> None:
    """Print the seconds from sending the first trial to the end of the last."""
    from convcompare.experiment.events import Ended
    from convcompare.experiment.trial_runner import execute

    models = ["simple:width=16x16", "simple:width=16x16,kernel=5"]
    job = job_on(address, Path(store), models, TRAINED // 2, 3)
    runner = job.runner()
    started = time.perf_counter()
    ended = [e for e in execute(job.trials, runner, "ray") if isinstance(e, Ended)]
    seconds = time.perf_counter() - started
    assert [e.run.status for e in ended] == TRAINED * ["finished"]
    print(json.dumps(seconds))


def empty_attempt(task: str, images: object, state: object) -> Iterator[Any]:
    """Replace `ray_task.attempt_of`: yield the events of a trial without training."""
    from convcompare.experiment.events import Ended, EpochFinished, Started
    from convcompare.experiment.workers.protocol import event_to_json
    from convcompare.experiment.workers.ray_task import RayTaskSpec
    from convcompare.store.cost import Cost, Environment
    from convcompare.store.json_fields import from_record, to_record
    from convcompare.store.json_records import sha256
    from convcompare.store.run import Epoch, Run
    from convcompare.training.progress import StepProgress

    trial, node = from_record(RayTaskSpec, json.loads(task)).trial, {"node": "nowhere"}
    place = Environment("0.1.0", "3.12.0", "2.13.0", "Linux 6.0", "some processor", "cpu", 1)
    epochs = tuple(
        Epoch(n, 0.5123456 / n, 0.9123456, 0.4123456 / n, 0.9234567, 1e-3, 1.234567, 0.1234567)
        for n in range(1, RECORD_EPOCHS + 1)
    )
    files = {"weights.safetensors": bytes(200), "test_logits.npz": bytes(100)}
    digests = {name: sha256(data) for name, data in files.items()}
    run = Run(trial, "finished", epochs, Cost(10, 10), place, "2026-01-01", "", digests)
    yield (
        {**event_to_json(Started(trial, (), StepProgress())), **node},
        {"environment": to_record(place)},
    )
    tensors = {"tensors": b"", "gradients": None}
    yield {**event_to_json(EpochFinished(trial, epochs[0])), **node}, tensors
    yield {**event_to_json(Ended(run, reused=False)), **node}, files


def driven(address: str, store: str, trials: str) -> None:
    """Print the cost of empty trials to this process: seconds, CPU seconds, memory."""
    from ray import cloudpickle

    from convcompare.experiment.events import Ended
    from convcompare.experiment.trial_runner import execute
    from convcompare.experiment.trial_tracker import Tracker
    from convcompare.experiment.workers import ray_task

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes do not have this file
    ray_task.attempt_of = empty_attempt
    job = job_on(address, Path(store), ["fcn:hidden=8", "fcn:hidden=16"], int(trials) // 2, 1)
    runner, tracker = job.runner(), Tracker(job.trials, {}, job.runtime.jobs)
    rows, done = [], 0
    started, spent = time.perf_counter(), time.process_time()
    for event in execute(job.trials, runner, "ray"):
        tracker.update(event)
        done += isinstance(event, Ended)
        if isinstance(event, Ended) and done in (1, len(job.trials) // 10, len(job.trials)):
            now = (time.perf_counter() - started, time.process_time() - spent)
            rows.append({"trials": done, "s": now[0], "cpu_s": now[1], "bytes": _resident()})
    started = time.perf_counter()
    tracker.remaining(), tracker.progress()
    print(json.dumps({"rows": rows, "display_s": time.perf_counter() - started}))


def _resident() -> int:
    """Return the resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def call(cluster: Any, function: str, *arguments: str) -> Any:
    """Call a function of this file in a new process; return the JSON that it prints."""
    code = f"import cluster, sys; cluster.{function}(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, cluster.address, *arguments],
        env={**cluster.environment, "PYTHONPATH": str(ROOT / "benchmarks")},
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout.splitlines()[-1])


def nodes(rounds: int = 3) -> dict[str, Any]:
    """Run the same trials on one node and on two, in turn; ratios are taken pair by pair."""
    from tests.support.ray_cluster import nodes as two_nodes

    pairs = []
    with two_nodes() as cluster:
        for _ in range(rounds):
            cluster.change("remove")
            pairs.append([_seconds(cluster)])
            cluster.change("add")
            pairs[-1].append(_seconds(cluster))
    ratios = sorted(one / two for one, two in pairs)
    one, two = (statistics.median(side) for side in zip(*pairs, strict=True))
    found = {"trials": TRAINED, "one_s": one, "two_s": two, "ratios": ratios, "n": rounds}
    return {**found, "ratio": statistics.median(ratios)}


def _seconds(cluster: Any) -> float:
    with tempfile.TemporaryDirectory() as store:
        return float(call(cluster, "trained", store))


def empty(trials: int = EMPTY) -> dict[str, Any]:
    """Return the driver's cost of empty trials, of listing them, and of a repeated command."""
    from tests.support.ray_cluster import nodes as two_nodes

    with tempfile.TemporaryDirectory() as store, two_nodes() as cluster:
        found = call(cluster, "driven", store, str(trials))
        found["again"] = call(cluster, "driven", store, str(trials))["rows"][-1]
        found["listing"] = [_listing(store) for _ in range(3)]
    return found


def _listing(store: str) -> dict[str, float]:
    """Return seconds and peak memory of `convcompare runs`."""
    command = [sys.executable, "-m", "convcompare", "runs", "--store", store]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return {"s": time.perf_counter() - started, "bytes": used.ru_maxrss * 1024}


def measure() -> dict[str, Any]:
    return {"nodes": nodes(), "empty": empty()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["nodes", "empty"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=EMPTY)
    options = parser.parse_args()
    started = time.perf_counter()
    found = nodes(options.rounds) if options.part == "nodes" else empty(options.trials)
    print(json.dumps(found, indent=1))
    print(f"measured in {time.perf_counter() - started:.0f} s", file=sys.stderr)


sys.path.append(str(ROOT))
if __name__ == "__main__":
    main()
