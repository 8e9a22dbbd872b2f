"""How much memory a step needs, and how many images have room in it."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.autograd.profiler import profile  # that of torch.profiler imports the compiler

from . import devices
from .interface import copied

EVALUATION_MEMORY = 2**30
"""Bytes that a forward pass of an evaluation batch may take; one that needs more is smaller."""
REUSED_MEMORY = 2**25
"""Bytes of a pass that the C library keeps for the next one: it gives larger blocks back to the
system, and each pass then waits for fresh pages."""
FEWEST = 64
"""Images of the smallest part of a batch: with 10, on two threads, logits were other bits."""


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


def memory_of_pass(model: nn.Module, few: Tensor) -> float:
    """Bytes per image that a forward pass of a `few` takes, (n, …): the same on every machine.

    On a device that does not say what it gives out, those of a copy on the CPU.
    """
    peak = peak_of(functools.partial(model, few), few.device)
    if peak is None:
        with torch.inference_mode(False):
            replica = copied(model).cpu()
        peak = _peak_on_cpu(functools.partial(replica, few.cpu()))
    return max(1, peak) / len(few)


def images_with_room(each: float, most: int) -> int:
    """How many images of `each` bytes may go through a network at once.

    `most`, or the largest power of two whose pass stays within EVALUATION_MEMORY.
    """
    room = max(1, int(EVALUATION_MEMORY / each))
    return most if room >= most else 1 << room.bit_length() - 1


def reused_parts(batch: Tensor, each: float) -> Sequence[Tensor]:
    """A batch in equal parts whose passes stay within REUSED_MEMORY, none of fewer than FEWEST.

    The logits of the parts are those of the batch, bit by bit, where this was tried
    (`evaluation.EVALUATION_BATCH`). `each` is the memory of an image.
    """
    wanted = math.ceil(len(batch) * each / REUSED_MEMORY)
    return batch.tensor_split(max(1, min(wanted, len(batch) // FEWEST)))
