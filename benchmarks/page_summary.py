"""Summary table of docs/benchmarks.md: a line per question, a column per kind of processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from training_step import EPOCH_STEPS

NOTHING = "–"
Format = Callable[[Any], str]
SINGLE = "#start-listings-parallel-trials"
"""Section of figures of one number each."""
PEERS = {"course": "a tutorial loop", "lightning": "Lightning"}


def table(results: Mapping[str, Mapping[str, Mapping[str, Any]]], kinds: Sequence[str]) -> str:
    """Return each line with the figures of the measured kinds of processor."""
    measured_kinds = [kind for kind in kinds if any(kind in part for part in results.values())]
    lines = []
    for part, label, target, say in LINES:
        cells = [
            say(results[part][kind]["measured"]) if kind in results.get(part, {}) else NOTHING
            for kind in measured_kinds
        ]
        if set(cells) != {NOTHING}:
            lines.append(f"| {label} | {' | '.join(cells)} | {target} |")
    lines = [
        f"| measured | {' | '.join(measured_kinds)} | target |",
        f"|---|{'---|' * len(measured_kinds)}---|",
        *lines,
        "",
        "*neither*: no fast bf16, so the tool computes in fp32. All on two cores; each section",
        "names its processor.",
        "",
    ]
    return "\n".join(lines)


def _verdict(peer: str) -> Format:
    def say(rows: Sequence[Mapping[str, Any]]) -> str:
        return _range([row["ratio"] for row in rows if row["peer"] == peer])

    return say


def _steps(peer: str) -> Format:
    def say(rows: Sequence[Mapping[str, Any]]) -> str:
        return _range([row["times"][peer]["median"] for row in rows if peer in row["times"]])

    return say


def _range(values: Sequence[float]) -> str:
    if not values:
        return NOTHING
    low, high = min(values), max(values)
    return f"**{low:.1f}** to **{high:.1f}** times"


def _keras(rows: Sequence[Mapping[str, Any]]) -> str:
    found = [row["times"] for row in rows if row["network"] == "fcn@mnist"]
    times = [one["keras-jax"]["median"] for one in found if "keras-jax" in one]
    return f"{times[0]:.2f} times" if times else NOTHING


def _whole(rows: Sequence[Mapping[str, Any]]) -> str:
    return _range([row["times"]["whole"]["median"] for row in rows])


def _evaluation(rows: Sequence[Mapping[str, Any]]) -> str:
    shares = {
        row["network"].replace("@", " on "): row["steps"]
        * row["ms"]["whole"]["evaluation"]
        / (row["ms"]["whole"]["training"] * EPOCH_STEPS[row["network"].rpartition("@")[2]])
        for row in rows
        if "residual" in row["network"]
    }
    return ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())


def _gain(rows: Sequence[Mapping[str, Any]]) -> str:
    return _range([row["ratios"]["gain"]["median"] for row in rows])


LINES: tuple[tuple[str, str, str, Format], ...] = (
    *(
        (
            "verdict",
            f"[time to a verdict](#time-to-a-verdict), against {name} with five seeds",
            goal,
            _verdict(peer),
        )
        for peer, name, goal in (("course", PEERS["course"], ""), ("lightning", "Lightning", "10"))
    ),
    *(
        (
            "steps",
            f"[a training step](#training-speed-against-other-frameworks), against {name}",
            goal,
            _steps(peer),
        )
        for peer, name, goal in (
            ("course", PEERS["course"], "3.5 to 4"),
            ("lightning", "Lightning", "3"),
        )
    ),
    ("steps", "a step of `fcn`, against Keras on JAX", "1", _keras),
    (
        "whole",
        "[a whole epoch](#overhead-of-a-whole-epoch-over-the-bare-step) over the bare steps",
        "1.05, `fcn` 1.25",
        _whole,
    ),
    ("whole", "evaluation of the test images, beside the training", "5 %", _evaluation),
    (
        "jobs",
        f"[six small trials]({SINGLE}), by default against `--jobs 1`",
        "1.4",
        lambda r: f"**{r['ratio']:.2f}** times",
    ),
    (
        "parallel",
        "[parallel steps](#parallel-trials-by-size-of-network), throughput against one by one",
        "",
        _gain,
    ),
    (
        "first-step",
        f"[from the command to the first step]({SINGLE}), beyond `import torch`",
        "2.5 s",
        lambda r: f"{r['beyond_s']:.2f} s",
    ),
    (
        "models",
        f"[listing the zoo]({SINGLE}), after `import torch`",
        "1.5 s",
        lambda r: f"{r['seconds']:.2f} s",
    ),
    (
        "stored-runs",
        f"[the table of 1,000 stored runs]({SINGLE})",
        "0.5 s",
        lambda r: f"{r['latest_s']:.2f} s",
    ),
    (
        "start-up",
        f"[`--help`]({SINGLE}), against `import typer`",
        "2",
        lambda r: f"{r['ratio']:.2f} times",
    ),
    (
        "recording",
        f"[analyses]({SINGLE}) of a run, of one epoch of training",
        "5 %",
        lambda rows: f"at most {100 * max(row['share'] for row in rows):.1f} %",
    ),
)
