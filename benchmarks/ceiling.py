"""The lower limit of a step: its convolutions and linear layers alone, forward and backward.

    python benchmarks/ceiling.py [SPEC@DATASET …]

Each layer of a network runs on its shapes in a step, in float32 and bfloat16 in turn, channels
last; the medians are summed. Compared with a step of the tutorial loop (`training_step.py`), the
sum gives the largest possible speed-up on this machine if everything else took no time.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

import torch
from own_loop import trainer
from torch import Tensor, nn
from training_step import ROWS
from turns import part

from convcompare.training.hardware import keep_freed_memory

TURNS = 7
LAYERS = (nn.Conv2d, nn.Linear)
PRECISIONS = (torch.float32, torch.bfloat16)


def shapes(row: str) -> list[tuple[nn.Module, Tensor]]:
    """Return the layers of a network with their inputs in a step."""
    from convcompare.data.dataset import Sources
    from convcompare.data.load import default_cache, load_dataset

    spec, _, name = row.rpartition("@")
    built = trainer(spec, part(load_dataset(name, Sources(default_cache())), steps=1))
    found: list[tuple[nn.Module, Tensor]] = []
    hooks = [
        layer.register_forward_hook(lambda module, given, _: found.append((module, given[0])))
        for layer in built.model.modules()
        if isinstance(layer, LAYERS)
    ]
    images, _ = next(built.batches(0))
    with torch.no_grad():
        built.model(images)
    for hook in hooks:
        hook.remove()
    return found


def layer_seconds(layer: nn.Module, given: Tensor, first: bool) -> dict[str, float]:
    """Return median seconds of a layer's forward and backward pass, by precision.

    The first layer needs no gradient of the images.
    """
    seconds: dict[str, list[float]] = {str(built): [] for built in PRECISIONS}
    for _ in range(TURNS + 1):
        for precision in PRECISIONS:
            module = layer.to(precision)
            x = given.to(precision).detach().requires_grad_(not first)
            module.zero_grad(set_to_none=True)
            started = time.perf_counter()
            out = module(x)
            forward = time.perf_counter() - started
            gradient = torch.ones_like(out)
            started = time.perf_counter()
            out.backward(gradient)
            seconds[str(precision)].append(forward + time.perf_counter() - started)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def measure(row: str) -> dict[str, Any]:
    """Return milliseconds per step of all layers of a network, in float32 and bfloat16."""
    keep_freed_memory()
    totals = dict.fromkeys(map(str, PRECISIONS), 0.0)
    for number, (layer, given) in enumerate(shapes(row)):
        for name, seconds in layer_seconds(layer, given, first=number == 0).items():
            totals[name] += 1000 * seconds
    fp32, bf16 = totals.values()
    return {"network": row, "turns": TURNS, "fp32_ms": fp32, "bf16_ms": bf16}


def main() -> None:
    print(json.dumps([measure(row) for row in sys.argv[1:] or ROWS], indent=1))


if __name__ == "__main__":
    main()
