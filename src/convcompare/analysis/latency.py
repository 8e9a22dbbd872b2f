"""How long a trained network takes for its answer."""

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
"""One image at a time, as an answer is waited for; and many, as a set is worked through."""
WARM_UP = 3
FEWEST, MOST = 5, 100
SECONDS = 0.2
"""Passes are timed for so long, but never fewer than FEWEST nor more than MOST."""


def inference(
    model: nn.Module, images: Tensor, autocast: AbstractContextManager[object]
) -> tuple[Latency, ...]:
    """The time of a forward pass for each size of batch, from the first of `images` (n, c, h, w).

    Eval mode, images already on the device and normalised, after passes that are not counted, each
    pass synchronised and with a copy of the images of its own, which is made before the clock
    starts. The network is left as it was found.
    """
    sizes = dict.fromkeys(min(size, len(images)) for size in BATCHES)
    with evaluating(model), torch.inference_mode(), autocast:
        return tuple(_latency(model, images[:size]) for size in sizes)


def _latency(model: nn.Module, images: Tensor) -> Latency:
    seconds: list[float] = []
    for count in range(WARM_UP + MOST):
        fresh = images.clone()  # a network may change what it is given
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
