"""How much memory a step needs, and how many images have room in it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.autograd.profiler import profile  # that of torch.profiler imports the compiler

from convcompare.models import devices
from convcompare.models.interface import copied

EVALUATION_MEMORY = 2**30
"""Bytes that a forward pass of an evaluation batch may take; one that needs more is smaller."""


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Bytes of the elements of `tensors`."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def peak_of(step: Callable[[], object], device: torch.device) -> int | None:
    """The most bytes of tensors that `step` holds at once, beyond those that were there before.

    On an accelerator the high-water mark of torch's allocator, None if it has none; on the CPU the
    running sum of its allocator's events, so that neither other processes nor the interpreter have
    a part in it. What a library takes outside torch's allocator, as oneDNN does for some of its
    scratch, is not seen.
    """
    return _peak_on_cpu(step) if device.type == "cpu" else devices.peak_of(step, device)


def _peak_on_cpu(step: Callable[[], object]) -> int:
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # the profiler talks on stderr
    with profile(profile_memory=True) as profiler:
        step()
    assert profiler.kineto_results is not None
    events = profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    held = peak = 0
    for _, change in changes:
        held += change
        peak = max(peak, held)
    return peak


def images_with_room(model: nn.Module, few: Tensor, most: int) -> int:
    """How many images may go through `model` at once, by the memory that a `few` take, (n, …).

    `most`, or the largest power of two whose pass stays within EVALUATION_MEMORY: the same on every
    machine. On a device that does not say what it gives out, by the memory of a copy on the CPU.
    """
    peak = peak_of(functools.partial(model, few), few.device)
    if peak is None:
        with torch.inference_mode(False):
            replica = copied(model).cpu()
        peak = _peak_on_cpu(functools.partial(replica, few.cpu()))
    room = max(1, EVALUATION_MEMORY * len(few) // max(1, peak))
    return most if room >= most else 1 << room.bit_length() - 1
