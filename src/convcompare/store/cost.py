"""What a run cost and where: counts, seconds, latencies, and times measured afterwards.

All are frozen and go to JSON and back by `json_fields.py`, as the records that hold them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from .json_fields import OMITTED


@dataclass(frozen=True)
class Latency:
    """The time of a forward pass over `batch` images: median and quartiles of so many passes."""

    batch: int
    seconds: float
    low: float
    high: float
    passes: int

    @property
    def per_image(self) -> float:
        """Seconds an image, by the median."""
        return self.seconds / self.batch


@dataclass(frozen=True)
class Cost:
    """What a network and its training cost: counts from the model of the run, times in seconds.

    ``macs`` are multiply-accumulates of convolutions and matrix products in a pass of one image, no
    bias; None where not all could be counted, and ``uncounted`` names the operators that were not.
    ``peak_memory`` are the most bytes of tensors that are held at once in a training step: weights,
    their gradients and averages, the batch and its activations. ``inference`` has a latency for
    each size of batch.
    """

    parameters: int
    macs: int | None
    train_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    saving_seconds: float = 0.0
    setup_seconds: float = 0.0
    analysis_seconds: float = 0.0
    peak_memory: int | None = None
    inference: tuple[Latency, ...] = ()
    uncounted: tuple[str, ...] = field(default=(), metadata=OMITTED)


@dataclass(frozen=True)
class Environment:
    """Where a run was made: what must be equal for bit-equal numbers and comparable times."""

    convcompare: str
    python: str
    torch: str
    platform: str
    processor: str
    device: str
    threads: int
    jobs: int = 1
    """Trials that ran at a time, at most: each of several has a part of the device."""
    devices: int = 1
    """Devices that trained together, each with a process of so many `threads`."""
    threads_offered: int | None = None
    """The threads that it might have used, where its network was too small for all; else None."""
    compiled: bool = False
    """Whether ``torch.compile`` made its steps."""

    @property
    def most_threads(self) -> int:
        """The threads that the place has for a training: times compare where they are equal."""
        return self.threads_offered or self.threads

    def speed_id(self, *what: str) -> str:
        """Names what the time of a step depends on: `what` it is of, and the machine."""
        parts = [*what, self.processor, self.device, self.threads, self.devices, self.torch]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Timing:
    """What a training costs with the device alone, measured after it, by steps of a copy.

    ``seconds_per_step`` is the median over blocks of steps, each with its batch, ``low`` and
    ``high`` are the quartiles; ``n`` is the number of steps that were measured, ``steps`` that of
    an epoch. ``waited`` is the share of the threads' time in which they waited for a core, and
    ``stopped`` that of the time in which the process stood still, None where it is not known.
    """

    environment: Environment
    steps: int
    n: int
    seconds_per_step: float
    low: float
    high: float
    inference: tuple[Latency, ...] = ()
    waited: float | None = None
    stopped: float | None = field(default=None, metadata=OMITTED)

    @property
    def epoch_seconds(self) -> float:
        """Seconds per epoch, scaled from the steps measured."""
        return self.seconds_per_step * self.steps
