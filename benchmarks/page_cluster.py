"""Section of docs/benchmarks.md on Ray clusters: throughput, and cost per trial."""

from __future__ import annotations

from statistics import median
from typing import Any


def cluster(part: dict[str, Any], where: str) -> str:
    return f"""\
## On a Ray cluster

`python benchmarks/cluster.py` · {where}

{_nodes(part["nodes"])}
{_empty(part["empty"])}"""


def _nodes(r: dict[str, Any]) -> str:
    low, high = r["ratios"][0], r["ratios"][-1]
    return f"""\
{r["trials"]} small trials take {r["one_s"]:.1f} s on one node of one CPU and {r["two_s"]:.1f} s
on two, including the start of their processes: {r["ratio"]:.2f} times the throughput (median of
{r["n"]} pairs, {low:.2f} to {high:.2f}); nodes, head and command share two cores.
"""


def _empty(r: dict[str, Any]) -> str:
    first, _, last = r["rows"]
    n = last["trials"]
    seconds = sorted(one["s"] for one in r["listing"])
    growth = (last["bytes"] - first["bytes"]) / (n - first["trials"])
    listed = max(one["bytes"] for one in r["listing"])
    costs = {
        "per trial": f"{1000 * last['s'] / n:.0f} ms, "
        f"{1000 * last['cpu_s'] / n:.0f} ms of it CPU time",
        "memory": f"{first['bytes'] / 1e6:.0f} to {last['bytes'] / 1e6:.0f} MB, "
        f"{growth / 1000:.1f} kB per trial",
        "the live display's estimate": f"{1000 * r['display_s']:.0f} ms",
        "repeated, all finished": f"{r['again']['s']:.1f} s",
        "`convcompare runs`": f"{median(seconds):.1f} s ({seconds[0]:.1f} to {seconds[-1]:.1f}, "
        f"n = {len(seconds)}), {listed / 1e6:.0f} MB",
    }
    return f"""\
{n:,} trials that train nothing but are sent, committed and displayed (one run, beside other
programs):

| of the command | |
|---|--:|
{chr(10).join(f"| {what} | {cost} |" for what, cost in costs.items())}
"""
