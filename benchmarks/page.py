"""Write docs/benchmarks.md from the measured figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import page_cluster
import page_single
import page_studies
import page_summary
import page_training

INTRODUCTION = """\
# Benchmarks

Made by `make bench`. Ratios are of pairs measured in turn in one run: medians, with ranges in
brackets. GPU: not measured. CIFAR-10 to 94 %: see [the speed
record](concepts/speedrun.md#measured).
"""
Part = Mapping[str, Mapping[str, Any]]
"""Measurements of a part, by kind of processor."""
KINDS = ("AMX", "AVX-512 BF16", "neither")
SECTIONS: Mapping[str, Callable[[Any, str], str]] = {
    "verdict": page_training.verdict,
    "steps": page_training.steps,
    "peers": page_training.peers,
    "whole": page_training.whole,
    "ceiling": page_training.ceiling,
    "parallel": page_training.parallel,
    "spinning": page_training.spinning,
    "profile": lambda measured, where: _profile(measured, where),
    "layers": lambda measured, where: _layers(measured, where),
    "cluster": page_cluster.cluster,
    "speedrun": page_studies.speedrun,
    "error-rates": page_studies.error_rates,
    "false-verdicts": page_studies.false_verdicts,
}


def write_page(results: Mapping[str, Part], path: Path) -> None:
    """Write the summary by kind of processor, and a folded section per part.

    A section shows the newest figures, and the tables of other kinds of processor.
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
    parts.append(_folded(page_single.section(results, _where)))
    path.write_text("\n".join(parts), encoding="utf-8")


def _written(
    results: Mapping[str, Part], name: str, section: Callable[[Any, str], str], kind: str
) -> str:
    """Return the section of a part with the figures of one kind of processor."""
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
    """Fold the text of a section below its heading."""
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


def _layers(tables: dict[str, str], where: str) -> str:
    return f"""\
## Custom layers

`convcompare layers --precision fp32` and `bf16` · {where} · 64 images of 32×32×32, channels
last, medians of 15 in turns. Targets: custom convolution 2 times the standard one; Lp pooling 3
times max pooling, missed with p = 1.5.

{tables["fp32"]}
In bf16:

{tables["bf16"]}"""
