"""Presentation of the results of error_rates.py: a figure of power, and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from convcompare.comparison.stats import power


def draw_power(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw power against the number of seeds: simulated as points, noncentral t as lines."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.add_subplot()
    sizes = dict.fromkeys(row["size"] for row in rows)
    for place, size in enumerate(sizes):
        of_size = [row for row in rows if row["size"] == size and row["plan"] != "until clear"]
        seeds = [int(row["plan"].split()[0]) for row in of_size]
        theory = [power.power_of(size, n) for n in seeds]
        points = 100 * of_size[0]["difference"]
        axes.plot(seeds, theory, color=f"C{place}", linewidth=1)
        label = f"{size:g} sd = {points:.2f} points"
        axes.plot(seeds, [row["share"] for row in of_size], "o", color=f"C{place}", label=label)
    axes.axhline(power.POWER, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_xlabel("seeds of each network")
    axes.set_ylabel("share of differences found")
    axes.set_ylim(0, 1.02)
    axes.legend(
        fontsize=7,
        title_fontsize=8,
        frameon=False,
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        title="true difference",
    )
    axes.set_title("points: simulated from stored runs · lines: noncentral t", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def print_tables(results: Mapping[str, Any], console: Console) -> None:
    """Print the share of false claims by model, power, and normality."""
    for model in results["normality"]:
        false = Table("plan", "contrasts", "false claims", "95 % interval", "seeds", "runs")
        for row in results["false_claims"]:
            if row["model"] == model:
                interval = f"{100 * row['low']:.1f} to {100 * row['high']:.1f} %"
                share, seeds = f"{100 * row['share']:.1f} %", f"{row['mean_seeds']:.1f}"
                cells = (row["plan"], str(row["contrasts"]), share, interval, seeds, row["runs"])
                false.add_row(*cells)
        console.print(f"{model} against itself")
        console.print(false)
    found = Table("difference", *dict.fromkeys(row["plan"] for row in results["power"]))
    for size in dict.fromkeys(row["size"] for row in results["power"]):
        rows = [row for row in results["power"] if row["size"] == size]
        cells = [f"{100 * row['share']:.0f} %" for row in rows]
        cells[-1] += f" ({rows[-1]['mean_seeds']:.0f})"
        found.add_row(f"{size:g} sd, {100 * rows[0]['difference']:.2f} points", *cells)
    shape = Table("model", "runs", "mean", "standard deviation", "Shapiro–Wilk p")
    for model, row in results["normality"].items():
        spread = f"{100 * row['standard_deviation']:.3f} points"
        shape.add_row(model, str(row["n"]), f"{row['mean']:.4f}", spread, f"{row['p']:.3f}")
    console.print(f"share of true differences found, {results['power'][0]['model']}")
    console.print(found)
    console.print(shape)
