"""Sections of docs/benchmarks.md on training: against other frameworks, and the bare step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training_step import EPOCH_STEPS, ROWS, SAME, WHOLE_ROWS, WIDE

from convcompare.core.formatting import several
from convcompare.experiment.parallel_trials import Load, fastest, seconds

NONE = "not measured"
SIDES = {
    "course": "tutorial loop",
    "lightning": "Lightning",
    "keras": "Keras on torch",
    "keras-jax": "Keras on JAX",
}
WAYS = {
    "convcompare": "the set in memory as uint8, batches normalised on the device, channels last, "
    "bf16 if the processor is fast at it, `torch.compile` if measured steps show a gain",
    "tutorial loop (`course_loop.py`)": "a data set that normalises image by image, as "
    "torchvision's do; DataLoader, float32, `.item()` each step",
    "Lightning (`lightning_loop.py`)": "its Trainer, the same transforms, two persistent workers; "
    "no logger, checkpoints or bar",
    "Keras (`keras_loop.py`)": "`fit` on normalised arrays in memory",
}
"""Description of each side's training."""


def steps(measured: Sequence[Mapping[str, Any]], where: str) -> str:
    """Return times per step beside those of the peers, with missing figures named."""
    found = {row["network"]: row for row in measured}
    lines = [_step_row(network, found.get(network)) for network in ROWS]
    n = _rounds(measured)
    return f"""\
## Training speed against other frameworks

`python benchmarks/training_step.py` · {where}{n}

The same network, images and optimizer (Adam 1e-3, batch 64). Times are of everything in an epoch
except evaluation: convcompare's, then how many times as long the others take. Targets: 4 (`simple`
3.5) against the tutorial loop, 3 against Lightning.

{chr(10).join(f"- *{side}*: {way}" for side, way in WAYS.items())}

| network | ms per step | s per epoch | {" | ".join(f"{name}, times" for name in SIDES.values())} |
|---|--:|--:|{"--:|" * len(SIDES)}
{chr(10).join(lines)}

wide: `{WIDE}`.

On these processors without AMX, convolutional networks miss both targets, except `simple` against
Lightning with AVX-512 BF16; [the limit](#limit-set-by-the-arithmetic) shows what is possible. With
AVX2 alone every side computes in fp32, and large networks leave little to win. Keras on JAX, which
compiles the whole step, trains `fcn` a fifth (AVX-512 BF16) to a quarter (AVX2) faster. What
remains there is torch's overhead between operators, which `torch.compile` does not remove: its
steps took 1.14 to 1.24 times the processor time (AVX2, one thread, three turns, beside other
programs).
"""


def ceiling(
    measured: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]], where: str
) -> str:
    """Return the time of the arithmetic alone, beside the tutorial loop's complete step."""
    layers, steps = measured
    course = {row["network"]: row["ms"]["course"]["step"] for row in steps}
    own = {row["network"]: row["ms"]["convcompare"]["step"] for row in steps}
    lines = [
        f"| {_name(row['network'])} | {row['fp32_ms']:.1f} | {row['bf16_ms']:.1f} | "
        f"{own[row['network']]:.1f} | {course[row['network']]:.1f} | "
        f"**{course[row['network']] / row['bf16_ms']:.1f}** |"
        for row in layers
        if row["network"] in course
    ]
    return f"""\
## Limit set by the arithmetic

`python benchmarks/ceiling.py` · {where} · medians of {layers[0]["turns"]} turns per layer

Milliseconds of the convolutions and linear layers of a step alone. *limit*: the speed-up over the
tutorial loop if all else cost nothing. A whole step can be slightly faster than the sum, as its
layers find their input in the cache.

| network | float32 | bf16 | convcompare's step | tutorial loop's step | limit, times |
|---|--:|--:|--:|--:|--:|
{chr(10).join(lines)}
"""


def _rounds(measured: Sequence[Mapping[str, Any]]) -> str:
    """Return the number of rounds for a heading; empty if nothing was measured."""
    return "".join(f" · n = {n} rounds per row" for n in {row["rounds"] for row in measured})


def _step_row(network: str, row: Mapping[str, Any] | None) -> str:
    if row is None:
        return f"| {_name(network)} | {' | '.join([NONE] * (len(SIDES) + 2))} |"
    ms = row["ms"]["convcompare"]["step"]
    epoch = ms * EPOCH_STEPS[network.rpartition("@")[2]] / 1000
    times = [_times(row["times"].get(side)) for side in SIDES]
    return f"| {_name(network)} | {ms:.2f} | {epoch:.1f} | {' | '.join(times)} |"


def _times(r: Mapping[str, float] | None) -> str:
    return f"**{r['median']:.2f}** ({r['low']:.2f} to {r['high']:.2f})" if r else NONE


def _name(network: str) -> str:
    return network.replace(WIDE, "wide").replace("@", " on ")


def peers(measured: Mapping[str, float], where: str) -> str:
    """Return the test accuracy of each side after the same epochs."""
    spec, dataset, epochs = SAME
    shown = [
        f"{name} {measured[side]:.4f}" if side in measured else f"{name} {NONE}"
        for side, name in {"convcompare": "convcompare", **SIDES}.items()
    ]
    return f"""\
## Accuracy beside other frameworks

`python benchmarks/training_step.py --accuracy` · {where}

{spec} on {dataset} after {epochs} epoch, one run per side: {"; ".join(shown)}.
"""


def whole(measured: Sequence[Mapping[str, Any]], where: str) -> str:
    """Return the cost of everything around the arithmetic."""
    found = {row["network"]: row for row in measured}
    lines = [_whole_row(network, found.get(network)) for network in WHOLE_ROWS]
    n = _rounds(measured)
    return f"""\
## Overhead of a whole epoch over the bare step

`python benchmarks/training_step.py --whole` · {where}{n}

Milliseconds per step. *Bare* (`bare_step.py`): forward, loss, backward and optimizer step on one
batch that stays on the device. *Whole* (`whole_epoch.py`): an epoch of a trial with data, metrics,
saving and live display, without recording gradients and evaluation.

| network | bare | whole | training | saving | whole, times | recording | evaluation |
|---|--:|--:|--:|--:|--:|--:|--:|
{chr(10).join(lines)}
"""


def _whole_row(network: str, row: Mapping[str, Any] | None) -> str:
    if row is None:
        return f"| {_name(network)} | {' | '.join([NONE] * 7)} |"
    bare, ms = row["ms"]["bare"]["step"], row["ms"]["whole"]
    cells = [bare, ms["step"], ms["training"], ms["saving"]]
    shown = [f"{cell:.3f}" for cell in cells]
    shown += [_times(row["times"]["whole"]), f"{ms['recording']:.3f}", f"{ms['evaluation']:.3f}"]
    return f"| {_name(network)} | {' | '.join(shown)} |"


def spinning(measured: Sequence[Mapping[str, Any]], where: str) -> str:
    """Return the cost of waiting threads on a free and on a busy machine."""
    lines = [
        f"| {_name(row['network'])} | {place} | "
        + " | ".join(f"{way['ms']:.2f}, {_times(way['times'])}" for way in row[place].values())
        + " |"
        for row in measured
        for place in ("free", "busy")
    ]
    ways = list(measured[0]["free"])
    return f"""\
## Waiting threads

`python benchmarks/spinning.py` · {where}{_rounds(measured)}

Milliseconds per step, and the ratio to convcompare's setting, by how long a thread spins before it
sleeps (`convcompare/core/openmp.py`). *Busy*: a program that never waits runs on every core.

| network | machine | {" | ".join(ways)} |
|---|---|{"--:|" * len(ways)}
{chr(10).join(lines)}
"""


def parallel(measured: Sequence[Mapping[str, Any]], where: str) -> str:
    """Return the gain of parallel trials, measured and by the tool's model."""
    lines = []
    for row in measured:
        ms, ratios, model = row["ms"], row["ratios"], row["model"]
        lines.append(
            f"| {_name(row['network'])} | {row['macs'] / 1e6:,.0f} | {ms['single']:.2f} "
            f"| {ms['whole']:.2f} | {ratios['beside']['median']:.2f} | {_times(ratios['gain'])} "
            f"| {model['gain']:.2f} |"
        )
    return f"""\
## Parallel trials by size of network

`python benchmarks/parallel_trials.py` · {where}

Milliseconds per step of one process on one thread and on all {measured[0]["cores"]} cores, then of
{measured[0]["cores"]} processes with a thread each. *beside*: how many times as long a step then
takes; *gain*: throughput over that of one process on all cores. *model*: the gain by which a
comparison chooses how many trials run in parallel.

| network | M MACs per step | one thread | all cores | beside, times | gain, times | model |
|---|--:|--:|--:|--:|--:|--:|
{chr(10).join(lines)}

What the model predicts for 32 trials of 15 epochs on MNIST: throughput against one by one, and how
many run in parallel.

| MACs per step | {" | ".join(several(n, "core") for n in MORE_CORES)} |
|---|{"--:|" * len(MORE_CORES)}
{chr(10).join(_modelled(macs) for macs in (20_000_000, 800_000_000, 10_000_000_000))}
"""


MORE_CORES = (1, 2, 8, 16)


def _modelled(macs: int) -> str:
    """Return the table cells for a size of network."""
    loads = [Load(15 * 938, macs)] * 32
    cells = []
    for cores in MORE_CORES:
        jobs = fastest(loads, cores)
        gain = seconds(loads, 1, cores) / seconds(loads, jobs, cores // jobs)
        cells.append(f"{gain:.1f} times, {jobs}")
    return f"| {macs / 1e6:,.0f} M | {' | '.join(cells)} |"


def verdict(measured: Sequence[Mapping[str, Any]], where: str) -> str:
    """Return how much sooner a verdict is available, with the factors."""
    lines = [
        f"| {row['question']} | {SIDES[row['peer']]} | {row['seeds']} | {row['speed']:.2f} "
        f"| {row['parallel']:.2f} | {row['seeds_ratio']:.2f} | **{row['ratio']:.1f}** "
        f"| {row['minutes']:.0f} |"
        for row in measured
    ]
    return f"""\
## Time to a verdict

`python benchmarks/time_to_verdict.py` · {where} · n = {measured[0]["rounds"]} rounds per network

Against five seeds, the accuracy of the last epoch and scipy's paired t-test: as many seeds as find
the recorded difference at least as often, both with 5 % false verdicts (simulated). Calculated from
training steps, without evaluation, data and starts.

| question | against | seeds here | speed | parallel | seeds | all, times | minutes here |
|---|---|--:|--:|--:|--:|--:|--:|
{chr(10).join(lines)}
"""
