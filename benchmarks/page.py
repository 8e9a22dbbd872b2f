"""The page docs/benchmarks.md, from the figures that were measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import page_cluster
import page_studies
import page_training

INTRODUCTION = """\
# Benchmarks

Made by `make bench` (`python benchmarks/bench.py`); each section names its command, hardware and n.
Times are compared as ratios of pairs measured in turn in one run, since a shared machine's absolute
speed drifts. Figures on a GPU: not measured. How far the recipe for CIFAR-10 to 94 % comes:
[the speed record](concepts/speedrun.md#measured).
"""
TARGETS = {"fcn": 0.975, "simple": 0.990, "residual": 0.992}


def write_page(results: dict[str, Any], path: Path) -> None:
    sections = {
        "steps": page_training.steps,
        "peers": page_training.peers,
        "whole": page_training.whole,
        "ceiling": page_training.ceiling,
        "spinning": page_training.spinning,
        "profile": _profile,
        "accuracy": _accuracy,
        "cifar10": _cifar10,
        "layers": _layers,
        "models": _models,
        "recording": _recording,
        "fields": _fields,
        "jobs": _jobs,
        "cluster": page_cluster.cluster,
        "speedrun": page_studies.speedrun,
        "reports": page_studies.reports,
        "error-rates": page_studies.error_rates,
        "false-verdicts": page_studies.false_verdicts,
        "start-up": _start_up,
    }
    parts = [INTRODUCTION]
    for name, section in sections.items():
        part = results.get(name)
        if name == "ceiling" and part:
            part = {**part, "measured": (part["measured"], results["steps"]["measured"])}
        if part:
            where = f"{part['processor']}, torch {part['torch']}, {part['date']}"
            parts.append(section(part["measured"], where))
        elif name in page_training.EMPTY:
            parts.append(section(page_training.EMPTY[name], "not measured"))
    path.write_text("\n".join(parts), encoding="utf-8")


def _profile(rows: list[dict[str, Any]], where: str) -> str:
    lines = []
    for row in rows:
        shares = ", ".join(f"{key} {100 * share:.0f} %" for key, share in row["shares"])
        lines.append(f"- {row['network']}: {shares}")
    return f"""\
## Where a training step goes

torch.profiler over {rows[0]["steps"]} steps (`benchmarks/profile_step.py`) · {where}

{chr(10).join(lines)}
"""


def _accuracy(part: dict[str, Any], where: str) -> str:
    reached = "; ".join(
        f"{m['model']} {m['test_accuracy']['value']:.4f} (asked: {TARGETS[m['model']]:.3f})"
        for m in part["json"]["models"]
    )
    return f"""\
## MNIST in five epochs

`{part["command"]}` · {where} · n = 3 seeds

{part["table"]}
Test accuracy, mean of the seeds: {reached}.
"""


def _cifar10(part: dict[str, Any], where: str) -> str:
    return f"""\
## CIFAR-10 in two epochs

`{part["command"]}` · {where} · one seed

{part["table"]}"""


def _start_up(r: dict[str, Any], where: str) -> str:
    return f"""\
## Start-up

`convcompare --help` takes {1000 * r["help_s"]:.0f} ms, `python -c "import typer"`
{1000 * r["typer_s"]:.0f} ms: {r["ratio"]:.2f} times as long ({r["ratio_low"]:.2f} to
{r["ratio_high"]:.2f}, n = {r["rounds"]} pairs; best against best {r["ratio_best"]:.2f}; the limit
is 2). · {where}
"""


def _layers(tables: dict[str, str], where: str) -> str:
    return f"""\
## Custom layers

`convcompare layers --precision fp32` and `bf16` · {where} · 64 images of 32×32×32, channels
last, medians of 15 in turns. The targets: a custom convolution at most 2 times the standard one, Lp
pooling at most 3 times max pooling, which the one with the mean and p = 1.5 misses; the unfolded
convolution is there to be read, not for speed.

{tables["fp32"]}
In bf16:

{tables["bf16"]}"""


def _models(r: dict[str, float], where: str) -> str:
    return f"""\
## The listing of the zoo

`convcompare models --dataset cifar10` builds {r["networks"]} networks, each once, and counts their
parameters and MACs in {r["seconds"]:.2f} s after torch is imported (median of {r["runs"]}; the
limit is 3 s). · {where}
"""


def _recording(rows: list[dict[str, Any]], where: str) -> str:
    shares = "; ".join(f"{row['network']} {100 * row['share']:.1f} %" for row in rows)
    return f"""\
## Recording gradients and features

Their time as a share of the training alone, of one run of one epoch, in which two moments of the
gradients and the features are recorded: {shares}. The limit is 5 %. · {where}
"""


def _jobs(r: dict[str, Any], where: str) -> str:
    return f"""\
## Several trials at a time

`python benchmarks/jobs.py` · {where} · n = {r["n"]} pairs

{r["trials"]} small trials with one thread each take {r["together_s"]:.1f} s with
`--jobs {r["jobs"]}`, the start of the processes included, and {r["alone_s"]:.1f} s one after
another: {r["ratio"]:.2f} times the throughput (median of the pairs, {r["ratios"][0]:.2f} to
{r["ratios"][-1]:.2f}; the target is 1.4).
"""


def _fields(r: dict[str, float], where: str) -> str:
    return f"""\
## Receptive fields

All {r["layers"]} layers of torchvision's ResNet-152 at 224 pixels, built and traced, take
{r["seconds"]:.2f} s once torch and torchvision are imported (median of {r["runs"]}; the limit is
1 s). Importing torchvision alone takes about another second. · {where}
"""
