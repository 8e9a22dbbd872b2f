"""A few steps of a training on a copy: to warm up, and to know what a step costs.

Network, optimizer and random numbers of the trainer are as they were afterwards.
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

from convcompare.models.devices import forked_random
from convcompare.models.interface import copied, in_mode
from convcompare.models.peak_memory import bytes_of, peak_of

from . import state
from .optim import make_optimizer
from .trainer import Trainer

STEPS = 3
BLOCK = 3
"""Steps that are timed as one: a GPU is waited for after each block, not after each step."""
FEWEST = 5
SECONDS = 1.0
"""Blocks are timed for so long, but never fewer than FEWEST."""


def step_seconds(trainer: Trainer, steps: int = STEPS) -> float:
    """The median of the seconds that a step takes, the first left out.

    The kernels are chosen then and the memory is there.
    """
    seconds = []
    with _copy(trainer) as optimizer:
        for images, labels in itertools.islice(trainer.batches(epoch=0), steps + 1):
            started = time.perf_counter()
            trainer.step(optimizer, images, labels)
            trainer.synchronise()
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:] or seconds)


def block_seconds(trainer: Trainer) -> list[float]:
    """Seconds a step, of one block of BLOCK steps after another, each with making its batch.

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
    """Seconds of plain steps and of compiled ones, in turn, the first pair left out.

    Compiled steps are those of the network itself: its weights and buffers are put back.
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
                    fresh = images.clone()  # a network may change what it is given
                    started = time.perf_counter()
                    trainer.step(optimizer, fresh, labels)
                    trainer.synchronise()
                    seconds.append(time.perf_counter() - started)
    finally:
        trainer.compiled = form
        trainer.model.load_state_dict(kept)
        trainer.model.train(mode)
        trainer.model.zero_grad(set_to_none=True)
    return plain[1:] or plain, compiled[1:] or compiled


def peak_memory(trainer: Trainer) -> int | None:
    """The most bytes of tensors held at once in a step, from the second one.

    Weights, buffers, gradients, the optimizer's averages, the batch and its activations; the data
    set, which lies in memory as a whole, is not counted. None if the device does not say.
    """
    with _copy(trainer) as optimizer:
        images, labels = next(trainer.batches(epoch=0))
        trainer.step(optimizer, images, labels)
        optimizer.zero_grad(set_to_none=True)
        held = [images, labels, *state.state_of(trainer.model, optimizer).values()]
        step = functools.partial(trainer.step, optimizer, images, labels)
        peak = peak_of(step, trainer.device)
        return None if peak is None else bytes_of(held) + peak


@contextmanager
def _copy(trainer: Trainer) -> Iterator[torch.optim.Optimizer]:
    """Within it a copy of the network is trained, by the optimizer that it gives."""
    model, compiled = trainer.model, trainer.compiled
    trainer.model, trainer.compiled = in_mode(copied(model), True), None
    try:
        with forked_random(trainer.device):
            yield make_optimizer(trainer.config, trainer.model.parameters())
    finally:
        trainer.model, trainer.compiled = model, compiled
