"""``make bench``: measure all figures of docs/benchmarks.md on this machine and write the page.

python benchmarks/bench.py                  all, about an hour on 2 cores
python benchmarks/bench.py start-up steps   only these parts; the others are unchanged
python benchmarks/bench.py --write          only the page, from benchmarks/results.json
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ceiling
import cluster
import error_rates
import false_verdicts
import jobs
import parallel_trials
import profile_step
import spinning
import start_up
import time_to_verdict
import training_step
import waiting
from error_rates_shown import draw_power
from page import write_page

from convcompare.core.config import Runtime
from convcompare.training.hardware import environment

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
SPEEDRUN = "speedrun --dataset cifar10 --recipe speedrun --seeds 3"


def compare(arguments: str) -> dict[str, Any]:
    """Run a comparison in an empty store; return its command, JSON and Markdown table."""
    command = [str(Path(sys.executable).parent / "convcompare")]
    with tempfile.TemporaryDirectory() as store:
        where = ["--store", store]
        call = [*command, "compare", *arguments.split(), *where, "--format", "json"]
        record = json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE).stdout)
        call = [*command, "runs", "latest", *where, "--format", "markdown"]
        table = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {"command": f"convcompare compare {arguments}", "json": record, "table": table}


def layers() -> dict[str, Any]:
    """Return the output of `convcompare layers` for both precisions."""
    command = [str(Path(sys.executable).parent / "convcompare"), "layers", "--format", "markdown"]
    tables = {}
    for precision in ("fp32", "bf16"):
        call = [*command, "--precision", precision]
        done = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True)
        tables[precision] = done.stdout
    return tables


def recording() -> list[dict[str, Any]]:
    """Return the cost of a run's analyses relative to one epoch, for one run per network."""
    rows = []
    for dataset, models in (("mnist", "fcn simple residual"), ("cifar10", "residual")):
        record = compare(f"--dataset {dataset} {models} --epochs 1")["json"]
        for model in record["models"]:
            (run,) = model["runs"]
            share = run["analysis_seconds"] / run["train_seconds"]
            rows.append({"network": f"{model['model']} on {dataset}", "share": share})
    return rows


def timed(code: str) -> tuple[int, float]:
    """Run code that prints a count and its seconds in five processes; return count and median."""
    runs = [
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        for _ in range(5)
    ]
    seconds = sorted(float(done.stdout.split()[1]) for done in runs)
    return int(runs[0].stdout.split()[0]), seconds[2]


def fields() -> dict[str, float]:
    """Return the seconds for all receptive fields of torchvision's ResNet-152, without imports."""
    layers, seconds = timed(
        "import time; from convcompare.models.torchvision_import import import_torchvision;"
        " from convcompare.models.build import resolve; from convcompare.models.shape import Shape;"
        " import_torchvision('torchvision.models');"
        " from convcompare.analysis.receptive_field.of_network import field_of_network;"
        " t = time.perf_counter();"
        " f = field_of_network(resolve('torchvision:resnet152', Shape(3, 224, 1000)));"
        " print(len(f.layers), time.perf_counter() - t)"
    )
    return {"layers": layers, "seconds": seconds, "runs": 5}


def listing() -> dict[str, float]:
    """Return the seconds of `convcompare models` without imports, and its number of networks."""
    networks, seconds = timed(
        "import contextlib, io, json, time, torch; t = time.perf_counter();"
        " from convcompare.cli.command_line import run; told = io.StringIO()\n"
        "with contextlib.redirect_stdout(told):"
        " run(['models', '--dataset', 'cifar10', '--format', 'json'])\n"
        "print(len(json.loads(told.getvalue())['models']), time.perf_counter() - t)"
    )
    return {"networks": networks, "seconds": seconds, "runs": 5}


def rates() -> dict[str, Any]:
    """Return false-verdict rates and power, from accuracies of runs."""
    found = error_rates.measure(error_rates.load(HERE / "accuracies.json"), rounds=2000)
    draw_power(found["power"], HERE.parent / "docs" / "pictures" / "power.png")
    return found


PROFILED = ("fcn@mnist", "simple@mnist", "residual@cifar10")

PARTS: dict[str, Callable[[], Any]] = {
    "verdict": time_to_verdict.measure,
    "start-up": start_up.measure,
    "steps": lambda: [training_step.measure(row, 5) for row in training_step.ROWS],
    "peers": training_step.accuracies,
    "whole": lambda: [training_step.whole(row, 3) for row in training_step.WHOLE_ROWS],
    "spinning": spinning.measure,
    "ceiling": lambda: [ceiling.measure(row) for row in training_step.ROWS],
    "profile": lambda: [profile_step.measure(*row.split("@")) for row in PROFILED],
    "layers": layers,
    "models": listing,
    "recording": recording,
    "fields": fields,
    "parallel": lambda: [parallel_trials.measure(row, 7) for row in parallel_trials.ROWS],
    "jobs": jobs.measure,
    "first-step": waiting.first_step,
    "stored-runs": waiting.stored_runs,
    "cluster": cluster.measure,
    "error-rates": rates,
    "false-verdicts": lambda: [*false_verdicts.tables(20_000, false_verdicts.SEEDS)],
    "speedrun": lambda: compare(SPEEDRUN),
}


def kind() -> str:
    """Return the kind of this processor, by its instructions: a column of the page."""
    import torch

    found = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if found.get("amx_bf16"):
        return "AMX"
    return "AVX-512 BF16" if found.get("avx512_bf16") else "neither"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--write", action="store_true", help="only write the page")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in [] if arguments.write else arguments.parts or PARTS:
        print(f"measuring {part} …", flush=True)
        import torch

        here = environment(Runtime("cpu", torch.get_num_threads()))
        results.setdefault(part, {})[kind()] = {
            "measured": PARTS[part](),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "processor": f"{here.processor}, {here.threads} cores",
            "torch": here.torch,
        }
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    write_page(results, HERE.parent / "docs" / "benchmarks.md")


if __name__ == "__main__":
    main()
