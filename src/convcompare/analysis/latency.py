"""Inference time of a trained network."""

from __future__ import annotations

import statistics
import time
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from convcompare.models.devices import synchronise
from convcompare.models.inspection import evaluating
from convcompare.store.cost import Latency

BATCHES = (1, 100)
"""Batch sizes: one image (latency of a single answer) and many (throughput)."""
WARM_UP = 3
FEWEST, MOST = 5, 100
SECONDS = 0.2
"""Time budget of the timed passes; the number of passes is between FEWEST and MOST."""


def inference(
    model: nn.Module, images: Tensor, autocast: AbstractContextManager[object]
) -> tuple[Latency, ...]:
    """Measure the time of a forward pass for each batch size.

    The network runs in eval mode, after `WARM_UP` passes that are not counted; its mode is
    unchanged afterwards. Each pass is synchronised and has its own copy of the images, made before
    the clock starts.

    Args:
        model: The network.
        images: Normalised images (n, c, h, w) on the device; a batch is the first of them.
        autocast: Precision context of the passes.

    Returns:
        Median and quartiles in seconds per batch size, of at most n images.
    """
    sizes = dict.fromkeys(min(size, len(images)) for size in BATCHES)
    with evaluating(model), torch.inference_mode(), autocast:
        return tuple(_latency(model, images[:size]) for size in sizes)


def _latency(model: nn.Module, images: Tensor) -> Latency:
    seconds: list[float] = []
    for count in range(WARM_UP + MOST):
        fresh = images.clone()  # a network may change its input in place
        synchronise(images.device)
        started = time.perf_counter()
        model(fresh)
        synchronise(images.device)
        if count >= WARM_UP:
            seconds.append(time.perf_counter() - started)
            if sum(seconds) > SECONDS and len(seconds) >= FEWEST:
                break
    low, middle, high = statistics.quantiles(seconds, n=4)
    return Latency(len(images), middle, low, high, len(seconds))
