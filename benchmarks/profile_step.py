"""Profile of a training step: the share of each operator in the time of a few steps."""

from __future__ import annotations

from typing import Any

from own_loop import trainer
from torch.profiler import ProfilerActivity, profile
from turns import part

from convcompare.data.dataset import Sources
from convcompare.data.load import default_cache, load_dataset

STEPS = 20


def measure(spec: str, name: str) -> dict[str, Any]:
    """Return the operators that take 2 % or more of the CPU time of an epoch of STEPS steps."""
    epochs = iter(trainer(spec, part(load_dataset(name, Sources(default_cache())), STEPS)))
    next(epochs)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        next(epochs)
    rows = profiler.key_averages()
    total = sum(row.self_cpu_time_total for row in rows)
    shares = {row.key.removeprefix("aten::"): row.self_cpu_time_total / total for row in rows}
    large = sorted(shares.items(), key=lambda item: -item[1])
    return {
        "network": f"{spec} on {name}",
        "steps": STEPS,
        "shares": [(key, share) for key, share in large if share >= 0.02],
    }
