"""The page docs/benchmarks.md, from the figures that were measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import page_cluster
import page_studies
import page_summary
import page_training

INTRODUCTION = """\
# Benchmarks

Made by `make bench` (`python benchmarks/bench.py`). Speeds of a shared machine drift, so times are
compared as ratios of pairs measured in turn in one run; medians, with ranges in brackets. GPU: not
measured. For CIFAR-10 to 94 %, see [the speed record](concepts/speedrun.md#measured).
"""
Part = Mapping[str, Mapping[str, Any]]
"""The measurements of a part, by the kind of processor."""
KINDS = ("AMX", "AVX-512 BF16", "neither")
SECTIONS: Mapping[str, Callable[[Any, str], str]] = {
    "verdict": page_training.verdict,
    "steps": page_training.steps,
    "peers": page_training.peers,
    "whole": page_training.whole,
    "ceiling": page_training.ceiling,
    "jobs": page_training.jobs,
    "parallel": page_training.parallel,
    "spinning": page_training.spinning,
    "profile": lambda measured, where: _profile(measured, where),
    "recording": lambda measured, where: _recording(measured, where),
    "layers": lambda measured, where: _layers(measured, where),
    "cluster": page_cluster.cluster,
    "first-step": lambda measured, where: _first_step(measured, where),
    "models": lambda measured, where: _models(measured, where),
    "stored-runs": lambda measured, where: _stored_runs(measured, where),
    "start-up": lambda measured, where: _start_up(measured, where),
    "fields": lambda measured, where: _fields(measured, where),
    "speedrun": page_studies.speedrun,
    "error-rates": page_studies.error_rates,
    "false-verdicts": page_studies.false_verdicts,
}


def write_page(results: Mapping[str, Part], path: Path) -> None:
    """The summary by kind of processor, then a heading a part with its figures folded: the newest,
    and the tables of other kinds of processor.
    """
    parts = [INTRODUCTION, page_summary.table(results, KINDS)]
    for name, section in SECTIONS.items():
        if name not in results:
            continue
        by_kind = results[name]
        newest, *others = sorted(by_kind, key=lambda one: by_kind[one]["date"], reverse=True)
        tables = [_tables(_written(results, name, section, kind)) for kind in others]
        shown = [
            f"\n{_where(kind, by_kind[kind])}:\n\n{table}"
            for kind, table in zip(others, tables, strict=True)
            if table
        ]
        parts.append(_folded("\n".join([_written(results, name, section, newest), *shown])))
    path.write_text("\n".join(parts), encoding="utf-8")


def _written(
    results: Mapping[str, Part], name: str, section: Callable[[Any, str], str], kind: str
) -> str:
    """The section of a part with the figures of one kind of processor."""
    part = results[name][kind]
    measured = part["measured"]
    if name == "ceiling":
        measured = measured, results["steps"][kind]["measured"]
    return section(measured, _where(kind, part))


def _where(kind: str, part: Mapping[str, Any]) -> str:
    return f"{part['processor']} ({kind}), torch {part['torch']}, {part['date']}"


def _tables(section: str) -> str:
    return "\n".join(line for line in section.splitlines() if line.startswith("|"))


def _folded(section: str) -> str:
    """A section whose text opens below its heading."""
    heading, _, text = section.partition("\n")
    inner = text.strip()
    return (
        f'{heading}\n\n<details markdown="1">\n<summary>how, and all figures</summary>\n\n'
        f"{inner}\n\n</details>\n"
    )


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


def _start_up(r: dict[str, Any], where: str) -> str:
    return f"""\
## Start-up

`convcompare --help` takes {1000 * r["help_s"]:.0f} ms, `python -c "import typer"`
{1000 * r["typer_s"]:.0f} ms: {r["ratio"]:.2f} times as long ({r["ratio_low"]:.2f} to
{r["ratio_high"]:.2f}, n = {r["rounds"]} pairs; best against best {r["ratio_best"]:.2f};
limit: 2). · {where}
"""


def _layers(tables: dict[str, str], where: str) -> str:
    return f"""\
## Custom layers

`convcompare layers --precision fp32` and `bf16` · {where} · 64 images of 32×32×32, channels
last, medians of 15 in turns. Targets: a custom convolution at most 2 times the standard one; Lp
pooling at most 3 times max pooling, missed with the mean and p = 1.5. The unfolded convolution is
for reading, not for speed.

{tables["fp32"]}
In bf16:

{tables["bf16"]}"""


def _models(r: dict[str, float], where: str) -> str:
    return f"""\
## Listing the networks

`convcompare models --dataset cifar10` builds {r["networks"]} networks once each and counts their
parameters and MACs in {r["seconds"]:.2f} s after the import of torch (median of {r["runs"]};
limit: 1.5 s). · {where}
"""


def _first_step(r: dict[str, Any], where: str) -> str:
    return f"""\
## Start of a training

`python benchmarks/waiting.py` · {where} · n = {r["n"]} pairs

From the start of `convcompare compare fcn --dataset mnist` in an empty store to its first training
step, beyond the {r["torch_s"]:.2f} s of `import torch`: {r["beyond_s"]:.2f} s ({r["low"]:.2f} to
{r["high"]:.2f}; limit: 2.5 s).
"""


def _stored_runs(r: dict[str, Any], where: str) -> str:
    return f"""\
## Tables of stored runs

`python benchmarks/waiting.py` · {where} · n = {r["n"]}

A comparison of {r["runs"]:,} runs, ten networks with 100 seeds each: `convcompare runs latest`
reads, compares and prints it in {r["latest_s"]:.2f} s (limit: 0.5 s), `convcompare runs` lists the
runs in {r["list_s"]:.2f} s.
"""


def _recording(rows: list[dict[str, Any]], where: str) -> str:
    shares = "; ".join(f"{row['network']} {100 * row['share']:.1f} %" for row in rows)
    return f"""\
## Recording gradients and features

Share of the training time, for one run of one epoch in which two moments of the gradients and the
features are recorded: {shares}. Limit: 5 %. · {where}
"""


def _fields(r: dict[str, float], where: str) -> str:
    return f"""\
## Receptive fields

All {r["layers"]} layers of torchvision's ResNet-152 at 224 pixels, built and traced, take
{r["seconds"]:.2f} s after the import of torch and torchvision (median of {r["runs"]}; limit: 1 s).
Importing torchvision alone takes about another second. · {where}
"""
