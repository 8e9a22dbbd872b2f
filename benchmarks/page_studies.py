"""Sections of docs/benchmarks.md on the speed record and the verdicts."""

from __future__ import annotations

from statistics import fmean
from typing import Any


def speedrun(part: dict[str, Any], where: str) -> str:
    (model,) = part["json"]["models"]
    runs = model["runs"]
    plain = [run["test_accuracy"] for run in runs]
    views = [run["tta_accuracy"] for run in runs]
    minutes = [run["train_seconds"] / 60 for run in runs]
    return f"""\
## CIFAR-10 to 94 %

`{part["command"]}` · {where} · n = {len(runs)} seeds

`speedrun` ([what it is](concepts/speedrun.md)), {runs[0]["epochs"]} epochs: test accuracy
{fmean(views):.4f} with test-time augmentation of six views ({_each(views)}), {fmean(plain):.4f}
without ({_each(plain)}); training {fmean(minutes):.1f} minutes ({_each(minutes, 1)}). Target:
0.94 with test-time augmentation, mean of 3, in less than 12 minutes.
"""


def _each(values: list[float], places: int = 4) -> str:
    return ", ".join(f"{value:.{places}f}" for value in values)


def error_rates(part: dict[str, Any], where: str) -> str:
    lines = []
    for row in part["false_claims"]:
        network = row["model"].partition(":")[0]
        lines.append(
            f"| {network} | {row['plan']} | {row['contrasts']} | {100 * row['share']:.1f} % "
            f"({100 * row['low']:.1f} to {100 * row['high']:.1f}) | {row['mean_seeds']:.1f} | "
            f"{row['runs']} |"
        )
    plans = list(dict.fromkeys(row["plan"] for row in part["power"]))
    power = []
    for size in dict.fromkeys(row["size"] for row in part["power"]):
        of_size = {row["plan"]: row for row in part["power"] if row["size"] == size}
        points = 100 * of_size[plans[0]]["difference"]
        cells = " | ".join(f"{100 * of_size[plan]['share']:.0f} %" for plan in plans)
        power.append(f"| {size:g} sd = {points:.2f} points | {cells} |")
    shapes = "; ".join(
        f"{name.partition(':')[0]} p = {found['p']:.2f} ({found['n']:.0f} runs)"
        for name, found in part["normality"].items()
    )
    return f"""\
## False-verdict rate on real runs

`benchmarks/error_rates.py benchmarks/accuracies.json`: accuracies of stored runs of two networks on
mnist-mini, 84 seeds each · {where} · n = {part["false_claims"][0]["rounds"]} comparisons per row

A network against itself: every difference found is false (nominal 5 %; binomial interval). *pool*:
runs drawn without replacement. *until clear*: without stopping for futility.

| network | seeds | contrasts | false verdicts | seeds on average | drawn from |
|---|---|--:|---|--:|---|
{chr(10).join(lines)}

Power: share of known differences found; sizes in standard deviations of the paired differences.

| difference | {" | ".join(plans)} |
|---|{"--:|" * len(plans)}
{chr(10).join(power)}

![power against the number of seeds](pictures/power.png)

Are accuracies over seeds close to normal? Shapiro–Wilk: {shapes}.
"""


def false_verdicts(lines: list[str], where: str) -> str:
    text = "\n".join(lines)
    return f"""\
## Verdicts on simulated networks

`python benchmarks/false_verdicts.py` · {where}

n: simulated comparisons per figure; the largest share over all numbers of true differences among
the contrasts. *before*: the rule of earlier versions (paired t, sign flips, Holm). Welch's and
Dunnett's tests are unpaired.
{text}
"""
