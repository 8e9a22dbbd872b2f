"""Section of docs/benchmarks.md for figures of one number each: a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = tuple[str, str, str, str]
"""Measurement, figure with range, number of measurements, target."""


def section(
    results: Mapping[str, Mapping[str, Mapping[str, Any]]], where: Callable[..., str]
) -> str:
    """Return a row for each part and kind of processor, newest first."""
    lines = []
    for part, row in ROWS.items():
        by_kind = results.get(part, {})
        for kind in sorted(by_kind, key=lambda one: by_kind[one]["date"], reverse=True):
            cells = (*row(by_kind[kind]["measured"]), where(kind, by_kind[kind]))
            lines.append(f"| {' | '.join(cells)} |")
    return f"""\
## Start, listings, parallel trials

`python benchmarks/bench.py {" ".join(ROWS)}`

| measured | figure | n | target | on |
|---|---|--:|--:|---|
{chr(10).join(lines)}
"""


def _ranged(value: float, unit: str, low: float, high: float) -> str:
    return f"**{value:.2f} {unit}** ({low:.2f} to {high:.2f})"


def _jobs(r: Mapping[str, Any]) -> Row:
    figure = _ranged(r["ratio"], "times", r["ratios"][0], r["ratios"][-1])
    what = (
        f"`{r['command']}` to its table: {r['alone_s']:.0f} s with `--jobs 1` over "
        f"{r['together_s']:.0f} s by default ({r['jobs']} in parallel)"
    )
    return what, figure, f"{r['n']} pairs", "1.4 times"


def _first_step(r: Mapping[str, Any]) -> Row:
    what = (
        "`convcompare compare fcn --dataset mnist` in an empty store, from its start to the first "
        f"step, beyond the {r['torch_s']:.2f} s of `import torch`"
    )
    return what, _ranged(r["beyond_s"], "s", r["low"], r["high"]), f"{r['n']} pairs", "2.5 s"


def _models(r: Mapping[str, Any]) -> Row:
    what = (
        f"`convcompare models --dataset cifar10` after `import torch`: {r['networks']} networks "
        "built and counted"
    )
    return what, f"**{r['seconds']:.2f} s**", str(r["runs"]), "1.5 s"


def _stored_runs(r: Mapping[str, Any]) -> Row:
    what = (
        f"`convcompare runs latest` of {r['runs']:,} runs, 100 seeds of each of ten networks "
        f"(`convcompare runs`: {r['list_s']:.2f} s)"
    )
    return what, f"**{r['latest_s']:.2f} s**", str(r["n"]), "0.5 s"


def _start_up(r: Mapping[str, Any]) -> Row:
    what = (
        f"`convcompare --help`, {1000 * r['help_s']:.0f} ms, over `import typer`, "
        f"{1000 * r['typer_s']:.0f} ms"
    )
    figure = _ranged(r["ratio"], "times", r["ratio_low"], r["ratio_high"])
    return what, figure, f"{r['rounds']} pairs", "2 times"


def _recording(rows: list[Mapping[str, Any]]) -> Row:
    shares = ", ".join(f"{row['network']} **{100 * row['share']:.1f} %**" for row in rows)
    what = (
        "analyses, once per run, of one epoch of training: gradients at two moments, features, "
        "similarity, field, latencies, accuracy on training images"
    )
    return what, shares, "1", "5 %"


def _fields(r: Mapping[str, Any]) -> Row:
    what = (
        f"receptive fields of all {r['layers']} layers of ResNet-152 at 224 pixels, built and "
        "traced, after the imports"
    )
    return what, f"**{r['seconds']:.2f} s**", str(r["runs"]), "1 s"


ROWS: Mapping[str, Callable[[Any], Row]] = {
    "jobs": _jobs,
    "first-step": _first_step,
    "models": _models,
    "stored-runs": _stored_runs,
    "start-up": _start_up,
    "recording": _recording,
    "fields": _fields,
}
