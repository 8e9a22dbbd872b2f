"""Memory of a step, and batch sizes that fit into memory."""

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
"""Maximum bytes of a forward pass in evaluation; larger batches are reduced to fit."""
REUSED_MEMORY = 2**25
"""Bytes of a pass that the C library keeps for the next one. It returns larger blocks to the
system, and each pass then waits for new pages."""
FEWEST = 64
"""Images in the smallest part of a batch: 10 images, on two threads, had other bits in logits."""


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Return the total size of the elements of `tensors` in bytes."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def peak_of(step: Callable[[], object], device: torch.device) -> int | None:
    """Return the peak memory of tensors that `step` allocates, in bytes.

    On an accelerator this is the high-water mark of torch's allocator, or None if it keeps none. On
    the CPU it is the peak of the running sum of allocation events, which does not depend on other
    processes or the interpreter. Memory outside torch's allocator, such as some of oneDNN's scratch
    memory, is not included.
    """
    return _peak_on_cpu(step) if device.type == "cpu" else devices.peak_of(step, device)


def _peak_on_cpu(step: Callable[[], object]) -> int:
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # keeps the profiler from writing to stderr
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
    """Return the bytes per image of a forward pass of `few` images (n, …).

    They are the same on every machine. If the device's allocator keeps no statistics, a copy of the
    network is measured on the CPU.
    """
    peak = peak_of(functools.partial(model, few), few.device)
    if peak is None:
        with torch.inference_mode(False):
            replica = copied(model).cpu()
        peak = _peak_on_cpu(functools.partial(replica, few.cpu()))
    return max(1, peak) / len(few)


def images_with_room(each: float, most: int) -> int:
    """Return the batch size that fits into EVALUATION_MEMORY: `most`, or a power of two.

    Args:
        each: bytes per image, as `memory_of_pass` returns.
        most: maximum batch size.
    """
    room = max(1, int(EVALUATION_MEMORY / each))
    return most if room >= most else 1 << room.bit_length() - 1


def reused_parts(batch: Tensor, each: float) -> Sequence[Tensor]:
    """Split a batch into equal parts whose passes fit into REUSED_MEMORY, or of FEWEST images.

    The logits of the parts were bit-identical to those of the batch wherever this was tried
    (`evaluation.EVALUATION_BATCH`).

    Args:
        batch: images (n, …).
        each: bytes per image, as `memory_of_pass` returns.
    """
    wanted = math.ceil(len(batch) * each / REUSED_MEMORY)
    return batch.tensor_split(max(1, min(wanted, len(batch) // FEWEST)))
