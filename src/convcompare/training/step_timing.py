"""Runs a few training steps on a copy of the network, to warm up and to measure their cost.

Network, optimizer and random state of the trainer are unchanged afterwards.
"""

from __future__ import annotations

import copy
import functools
import itertools
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from convcompare.models.devices import forked_random
from convcompare.models.interface import copied, in_mode
from convcompare.models.peak_memory import bytes_of, peak_of

from . import state
from .optim import make_optimizer
from .trainer import Trainer

STEPS = 3
BLOCK = 3
"""Steps per timed block; a GPU is synchronised after each block, not after each step."""
FEWEST = 5
SECONDS = 1.0
"""Minimum total time of the blocks; at least FEWEST blocks are timed."""


def step_seconds(trainer: Trainer, steps: int = STEPS) -> float:
    """Return the median time of a step in seconds.

    The first step, in which kernels are selected and memory is allocated, is left out.
    """
    seconds = []
    with _copy(trainer) as optimizer:
        for images, labels in itertools.islice(trainer.batches(epoch=0), steps + 1):
            seconds.append(_timed_step(trainer, optimizer, images, labels))
    return statistics.median(seconds[1:] or seconds)


def block_seconds(trainer: Trainer) -> list[float]:
    """Return the seconds per step of consecutive blocks, including the preparation of batches.

    The first block is left out.
    """
    seconds: list[float] = []
    epochs = (trainer.batches(epoch) for epoch in itertools.count())
    batches = itertools.chain.from_iterable(epochs)
    with _copy(trainer) as optimizer:
        while len(seconds) <= FEWEST or BLOCK * sum(seconds) < SECONDS:
            started = time.perf_counter()
            for images, labels in itertools.islice(batches, BLOCK):
                trainer.step(optimizer, images, labels)
            trainer.synchronise()
            seconds.append((time.perf_counter() - started) / BLOCK)
    return seconds[1:]


def in_turn(trainer: Trainer, steps: int = 2 * STEPS) -> tuple[list[float], list[float]]:
    """Return the seconds of plain and of compiled steps, timed alternately.

    The first pair is left out. The steps train the network itself, whose weights and buffers are
    then restored.
    """
    plain: list[float] = []
    compiled: list[float] = []
    kept, form = copy.deepcopy(trainer.model.state_dict()), trainer.compiled
    mode = trainer.model.training
    trainer.model.train()
    try:
        with forked_random(trainer.device):
            optimizer = make_optimizer(trainer.config, trainer.model.parameters())
            for images, labels in itertools.islice(trainer.batches(epoch=0), steps + 1):
                for seconds, trainer.compiled in ((plain, None), (compiled, form)):
                    fresh = images.clone()  # a network may change its input in place
                    seconds.append(_timed_step(trainer, optimizer, fresh, labels))
    finally:
        trainer.compiled = form
        trainer.model.load_state_dict(kept)
        trainer.model.train(mode)
        trainer.model.zero_grad(set_to_none=True)
    return plain[1:] or plain, compiled[1:] or compiled


def peak_memory(trainer: Trainer) -> int | None:
    """Return the peak bytes of tensors held in a step, from the second step on.

    Counted are weights, buffers, gradients, optimizer state, the batch and its activations; not the
    data set, which is in memory as a whole. None if the device does not report it.
    """
    with _copy(trainer) as optimizer:
        images, labels = next(trainer.batches(epoch=0))
        trainer.step(optimizer, images, labels)
        optimizer.zero_grad(set_to_none=True)
        held = [images, labels, *state.state_of(trainer.model, optimizer).values()]
        step = functools.partial(trainer.step, optimizer, images, labels)
        peak = peak_of(step, trainer.device)
        return None if peak is None else bytes_of(held) + peak


def _timed_step(
    trainer: Trainer, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> float:
    started = time.perf_counter()
    trainer.step(optimizer, images, labels)
    trainer.synchronise()
    return time.perf_counter() - started


@contextmanager
def _copy(trainer: Trainer) -> Iterator[torch.optim.Optimizer]:
    """Replace the trainer's network by a copy, and yield an optimizer for that copy."""
    model, compiled = trainer.model, trainer.compiled
    trainer.model, trainer.compiled = in_mode(copied(model), True), None
    try:
        with forked_random(trainer.device):
            yield make_optimizer(trainer.config, trainer.model.parameters())
    finally:
        trainer.model, trainer.compiled = model, compiled
