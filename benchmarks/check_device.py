"""All checks of a device in one run of less than ten minutes: one line each, and a JSON file.

    python benchmarks/check_device.py [--device NAME] [--json FILE] [--seconds N]

For a GPU, a Mac or another accelerator; `docs/guides/devices.md` explains the results. Checks
without enough time count as not run, never as passed. On a CPU without an accelerator, the fast
path (channels last, fused optimizers) is compared with the plain one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from device_steps import (
    GRADIENT,
    LOSS,
    ROUNDING,
    TIMES,
    TOLERANCE,
    Found,
    differences,
    far,
    plain,
    step,
    trainer,
)
from pairs import interleaved
from turns import part

from convcompare.core.config import RECIPES
from convcompare.core.registry import register
from convcompare.core.version import __version__
from convcompare.data.dataset import Sources
from convcompare.data.load import default_cache, load_dataset
from convcompare.models import devices
from convcompare.training.hardware import choose_precision, choose_runtime, environment

FEW = "shapes:train=8,test=4"
"""Images of the compared steps."""
TRAINED = "mnist-mini"
SHARES = {"equality": 0.5, "tables": 0.3}
"""Maximum share of the total time of a check."""
TABLES = ("study", "all", "-d", "shapes:train=128,test=64", "-e", "1", "--no-weights")
ROWS = {"fcn@mnist-mini": 40, "simple@mnist-mini": 15}
"""Networks timed beside the tutorial loop, with steps per turn."""


def equality(device: torch.device, seconds: float) -> Found:
    """Compare a step on the device with one on the CPU, for each network and recipe."""
    dataset = load_dataset(FEW, Sources(default_cache(), None))
    networks = [entry.name for entry in register.model]
    pairs = [(name, one) for one, name in itertools.product(RECIPES, networks)]
    rows: list[Found] = []
    ends = time.perf_counter() + seconds
    for name, recipe in pairs:
        if time.perf_counter() > ends:
            break
        settings = {"batch_size": "4", "precision": "fp32", "epochs": "1"}
        config = RECIPES[recipe].replace(settings)
        with plain():
            here = step(name, config, dataset, devices.CPU)
        row: Found = {"network": name, "recipe": recipe}
        try:
            there = step(name, config, dataset, device)
        except Exception as error:
            rows.append(row | {"passed": False, "error": f"{type(error).__name__}: {error}"[:300]})
            continue
        row |= differences(here, there)
        within = row["loss"] <= LOSS and row["gradient"] <= GRADIENT
        if not within:
            with plain():
                moved = differences(here, step(name, config, dataset, devices.CPU, ROUNDING))
            row["rounding"] = moved
            within = all(row[what] <= max(most, TIMES * moved[what]) for what, most in TOLERANCE)
        rows.append(row | {"passed": within})
    wrong = [row for row in rows if not row["passed"]]
    return {
        "passed": not wrong and bool(rows),
        "told": f"{len(rows) - len(wrong)} of {len(rows)} pairs of network and recipe agree, "
        f"{sum('rounding' in row for row in rows)} of them by how far rounding carries them",
        "not_run": len(pairs) - len(rows),
        "tolerance": dict(TOLERANCE),
        "rows": rows,
    }


def resume(device: torch.device, seconds: float) -> Found:
    """Compare two uninterrupted epochs with a second epoch resumed from the first."""
    dataset = part(load_dataset(TRAINED, Sources(default_cache(), None)), steps=4, test_images=100)
    rows = []
    for spec, recipe in (("simple", "report"), ("residual", "modern"), ("fcn", "report")):
        settings = {"epochs": "2", "batch_size": "32"}
        config = RECIPES[recipe].replace(settings)
        uninterrupted = trainer(spec, config, dataset, device)
        epochs = iter(uninterrupted)
        next(epochs)
        state = {name: t.detach().cpu().clone() for name, t in uninterrupted.state().items()}
        next(epochs)
        again = trainer(spec, config, dataset, device)
        again.restore(1, state)
        next(iter(again))
        then, now = uninterrupted.state(), again.state()
        equal = all(torch.equal(then[name].cpu(), now[name].cpu()) for name in then)
        largest = far(uninterrupted.test_logits, again.test_logits)
        rows.append({"network": spec, "recipe": recipe, "bit_identical": equal, "logits": largest})
    promised = devices.traits(device).deterministic
    return {
        "passed": all(r["bit_identical"] if promised else r["logits"] <= 0.05 for r in rows),
        "told": f"{sum(r['bit_identical'] for r in rows)} of {len(rows)} bit-identical"
        + ("" if promised else " (not promised on this device)"),
        "rows": rows,
    }


def command(*arguments: str, seconds: float) -> tuple[int, str]:
    """Return exit code and message of a command; code 124 if it was ended after a timeout."""
    call = [sys.executable, "-m", "convcompare", *arguments]
    with subprocess.Popen(
        call, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            return process.wait(seconds), ""
        except subprocess.TimeoutExpired:
            process.terminate()
            return 124, f"ended after {seconds:.0f} s"


def jobs(device: torch.device, seconds: float) -> Found:
    """Compare the losses of two networks with two seeds, with one and with two parallel trials."""
    from convcompare.store.run_store import RunStore

    losses: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in ("1", "2"):
            words = ("compare", "-d", TRAINED, "fcn", "lenet-5", "-e", "1", "--train-images", "256",
                     "--seeds", "2", "--threads", "1", "--jobs", count, "--quiet",
                     "--device", device.type, "--store", f"{folder}/{count}")  # fmt: skip
            code, message = command(*words, seconds=seconds / 2)
            if code:
                return {"passed": False, "told": f"exit code {code} with --jobs {count} {message}"}
            store = RunStore(Path(folder, count))
            losses[count] = {i: [e.train_loss for e in store.history(i)] for i in store.ids()}
    equal = losses["1"] == losses["2"]
    near = losses["1"].keys() == losses["2"].keys() and all(
        math.isclose(a, b, rel_tol=0.05)
        for i in losses["1"]
        for a, b in zip(losses["1"][i], losses["2"][i], strict=True)
    )
    promised = devices.traits(device).deterministic
    return {
        "passed": equal if promised else near,
        "told": f"{len(losses['1'])} trials of 2 seeds, {'' if equal else 'not '}bit-identical",
        "losses": losses,
    }


def precision(device: torch.device, seconds: float) -> Found:
    """Return the choice of ``--precision auto``, and compare a step in bfloat16 with float32."""
    chosen, why = choose_precision("auto", device.type)
    dataset = load_dataset(FEW, Sources(default_cache(), None))
    config = RECIPES["report"].replace({"batch_size": "4"})
    exact, coarse = (
        step("lenet-5", config.replace({"precision": name}), dataset, device)
        for name in ("fp32", "bf16")
    )
    difference = abs(exact["loss"] - coarse["loss"]) / max(1.0, exact["loss"])
    summary = f"{chosen} ({why}); loss in bf16 differs by {difference:.1e}"
    return {"passed": difference <= 0.05, "told": summary, "chosen": chosen, "loss": difference}


def throughput(device: torch.device, seconds: float) -> Found:
    """Compare milliseconds per step with the tutorial loop on the same device, in turn."""
    if device.type != (devices.accelerator() or "cpu"):
        summary = "both sides take the device of `--device auto`"
        return {"passed": True, "not_run": 1, "told": summary}
    rows = [interleaved(row, ["convcompare", "course"], steps, 2) for row, steps in ROWS.items()]
    ratios = [f"{row['network']} {row['times']['course']['median']:.1f}" for row in rows]
    return {"passed": True, "told": f"times the tutorial loop's: {', '.join(ratios)}", "rows": rows}


def tables(device: torch.device, seconds: float) -> Found:
    """Train the networks of all published reports on few images; only the exit code is checked."""
    with tempfile.TemporaryDirectory() as folder:
        code, message = command(
            *TABLES, "--device", device.type, "--store", folder, "--quiet", seconds=seconds
        )
        done = len(list(Path(folder).glob("*/run.json")))
    summary = f"{done} trials ended, exit code {code} {message}".rstrip()
    return {
        "passed": code in (0, 124),
        "not_run": int(code == 124),
        "told": summary,
        "trials": done,
    }


CHECKS: dict[str, Callable[[torch.device, float], Found]] = {
    "precision": precision,
    "resume": resume,
    "jobs": jobs,
    "throughput": throughput,
    "tables": tables,
    "equality": equality,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, default=Path("device.json"))
    parser.add_argument("--seconds", type=float, default=540.0, help="for all of it [540]")
    parser.add_argument("--only", nargs="*", choices=CHECKS, default=list(CHECKS))
    options = parser.parse_args()
    runtime = choose_runtime(options.device, None)
    device = torch.device(runtime.device)
    record: Found = {
        "convcompare": __version__, "torch": str(torch.__version__), "device": runtime.device,
        "name": environment(runtime).device, "python": platform.python_version(),
        "platform": platform.platform(), "built_for": devices.built_for(), "checks": {},
    }  # fmt: skip
    print(f"{record['name']} ({runtime.device}), torch {record['torch']}", flush=True)
    started = time.perf_counter()
    for name in options.only:
        left = options.seconds - (time.perf_counter() - started)
        check_started = time.perf_counter()
        try:
            found = CHECKS[name](device, min(left, SHARES.get(name, 1.0) * options.seconds))
        except Exception as error:
            found = {"passed": False, "told": f"{type(error).__name__}: {error}"[:300]}
        found["seconds"] = round(time.perf_counter() - check_started, 1)
        record["checks"][name] = found
        missed = found.get("not_run", 0)
        found["state"] = "not all run" if missed else "ok"
        found["state"] = found["state"] if found.pop("passed") else "failed"
        summary = f"{found['told']}; {missed} not run" if missed > 1 else found["told"]
        print(f"{found['state']:<13}{name:<11}{summary} ({found['seconds']} s)", flush=True)
        record["seconds"] = round(time.perf_counter() - started, 1)
        options.json.write_text(json.dumps(record, indent=1))
    return int(any(found["state"] == "failed" for found in record["checks"].values()))


if __name__ == "__main__":
    sys.exit(main())
