"""Every check of a device in one run of under ten minutes: a line for each, and one JSON.

    python benchmarks/check_device.py [--device NAME] [--json FILE] [--seconds N]

For whoever has a GPU, a Mac or another accelerator; `docs/guides/devices.md` says how to read it.
Whatever there is no time for is counted as not run, never as passed. On the CPU alone the fast
path (channels-last, fused optimizers) is held against the plain one.
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
"""The images of the steps that are compared."""
TRAINED = "mnist-mini"
SHARES = {"equality": 0.5, "tables": 0.3}
"""What a check may take of all the time."""
TABLES = ("study", "all", "-d", "shapes:train=128,test=64", "-e", "1", "--no-weights")
ROWS = {"fcn@mnist-mini": 40, "simple@mnist-mini": 15}
"""Networks that are timed beside the tutorial loop, and steps a turn."""


def equality(device: torch.device, seconds: float) -> Found:
    """Every network with every recipe: a step on the device and a plain one on the CPU."""
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
    """Two epochs at once, and the second one from the state after the first."""
    dataset = part(load_dataset(TRAINED, Sources(default_cache(), None)), steps=4, test_images=100)
    rows = []
    for spec, recipe in (("simple", "report"), ("residual", "modern"), ("fcn", "report")):
        settings = {"epochs": "2", "batch_size": "32"}
        config = RECIPES[recipe].replace(settings)
        whole = trainer(spec, config, dataset, device)
        epochs = iter(whole)
        next(epochs)
        state = {name: t.detach().cpu().clone() for name, t in whole.state().items()}
        next(epochs)
        again = trainer(spec, config, dataset, device)
        again.restore(1, state)
        next(iter(again))
        then, now = whole.state(), again.state()
        equal = all(torch.equal(then[name].cpu(), now[name].cpu()) for name in then)
        most = far(whole.test_logits, again.test_logits)
        rows.append({"network": spec, "recipe": recipe, "bit_identical": equal, "logits": most})
    promised = devices.traits(device).deterministic
    return {
        "passed": all(r["bit_identical"] if promised else r["logits"] <= 0.05 for r in rows),
        "told": f"{sum(r['bit_identical'] for r in rows)} of {len(rows)} bit-identical"
        + ("" if promised else " (not promised on this device)"),
        "rows": rows,
    }


def command(*arguments: str, seconds: float) -> tuple[int, str]:
    """Exit code and messages of a command; 124 where it took too long and was ended."""
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
    """Two networks with two seeds, one trial at a time and two: the same losses."""
    from convcompare.store.run_store import RunStore

    losses: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in ("1", "2"):
            asked = ("compare", "-d", TRAINED, "fcn", "lenet-5", "-e", "1", "--train-images", "256",
                     "--seeds", "2", "--threads", "1", "--jobs", count, "--quiet",
                     "--device", device.type, "--store", f"{folder}/{count}")  # fmt: skip
            code, said = command(*asked, seconds=seconds / 2)
            if code:
                return {"passed": False, "told": f"exit code {code} with --jobs {count} {said}"}
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
    """What ``--precision auto`` chooses, and a step in bfloat16 beside one in float32."""
    chosen, why = choose_precision("auto", device.type)
    dataset = load_dataset(FEW, Sources(default_cache(), None))
    config = RECIPES["report"].replace({"batch_size": "4"})
    exact, coarse = (
        step("lenet-5", config.replace({"precision": name}), dataset, device)
        for name in ("fp32", "bf16")
    )
    difference = abs(exact["loss"] - coarse["loss"]) / max(1.0, exact["loss"])
    told = f"{chosen} ({why}); loss in bf16 differs by {difference:.1e}"
    return {"passed": difference <= 0.05, "told": told, "chosen": chosen, "loss": difference}


def throughput(device: torch.device, seconds: float) -> Found:
    """Milliseconds a step beside the tutorial loop on the same device, in turn."""
    if device.type != (devices.accelerator() or "cpu"):
        told = "both sides take the device of `--device auto`"
        return {"passed": True, "not_run": 1, "told": told}
    rows = [interleaved(row, ["convcompare", "course"], steps, 2) for row, steps in ROWS.items()]
    ratios = [f"{row['network']} {row['times']['course']['median']:.1f}" for row in rows]
    return {"passed": True, "told": f"times the tutorial loop's: {', '.join(ratios)}", "rows": rows}


def tables(device: torch.device, seconds: float) -> Found:
    """The tables of all published reports, on few images: that they come, not what they say."""
    with tempfile.TemporaryDirectory() as folder:
        code, said = command(
            *TABLES, "--device", device.type, "--store", folder, "--quiet", seconds=seconds
        )
        done = len(list(Path(folder).glob("*/run.json")))
    told = f"{done} trials ended, exit code {code} {said}".rstrip()
    return {"passed": code in (0, 124), "not_run": int(code == 124), "told": told, "trials": done}


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
    a = parser.parse_args()
    runtime = choose_runtime(a.device, None)
    device = torch.device(runtime.device)
    record: Found = {
        "convcompare": __version__, "torch": str(torch.__version__), "device": runtime.device,
        "name": environment(runtime).device, "python": platform.python_version(),
        "platform": platform.platform(), "built_for": devices.built_for(), "checks": {},
    }  # fmt: skip
    print(f"{record['name']} ({runtime.device}), torch {record['torch']}", flush=True)
    started = time.perf_counter()
    for name in a.only:
        left = a.seconds - (time.perf_counter() - started)
        began = time.perf_counter()
        try:
            found = CHECKS[name](device, min(left, SHARES.get(name, 1.0) * a.seconds))
        except Exception as error:
            found = {"passed": False, "told": f"{type(error).__name__}: {error}"[:300]}
        found["seconds"] = round(time.perf_counter() - began, 1)
        record["checks"][name] = found
        missed = found.get("not_run", 0)
        found["state"] = "not all run" if missed else "ok"
        found["state"] = found["state"] if found.pop("passed") else "failed"
        told = f"{found['told']}; {missed} not run" if missed > 1 else found["told"]
        print(f"{found['state']:<13}{name:<11}{told} ({found['seconds']} s)", flush=True)
        record["seconds"] = round(time.perf_counter() - started, 1)
        a.json.write_text(json.dumps(record, indent=1))
    return int(any(found["state"] == "failed" for found in record["checks"].values()))


if __name__ == "__main__":
    sys.exit(main())
