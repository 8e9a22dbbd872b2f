"""Records of what a run cost and where it ran: counts, seconds, latencies and later timings.

All are frozen dataclasses; `json_fields.py` converts them to JSON and back.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from .json_fields import OMITTED


@dataclass(frozen=True)
class Latency:
    """Time of a forward pass of `batch` images, in seconds: median and quartiles of `passes`."""

    batch: int
    seconds: float
    low: float
    high: float
    passes: int

    @property
    def per_image(self) -> float:
        """Median time per image, in seconds."""
        return self.seconds / self.batch


@dataclass(frozen=True)
class Cost:
    """Cost of a network and its training; times are in seconds.

    ``macs`` are the multiply-accumulates of convolutions and matrix products in a forward pass of
    one image, without bias; None if some operators could not be counted, which ``uncounted`` names.
    ``peak_memory`` is the maximum of the bytes of tensors in a training step: weights, gradients,
    optimizer state, the batch and its activations. ``inference`` has one latency per batch size.
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
    """Versions and machine of a run: equal ones give bit-identical results, comparable times."""

    convcompare: str
    python: str
    torch: str
    platform: str
    processor: str
    device: str
    threads: int
    jobs: int = 1
    """Maximum number of parallel trials, which share the device."""
    devices: int = 1
    """Devices that trained the network together, each with a process of `threads` threads."""
    threads_offered: int | None = None
    """Threads that were available if the network was too small to use them all; else None."""
    compiled: bool = False
    """Whether the training steps were compiled by ``torch.compile``."""

    @property
    def most_threads(self) -> int:
        """Threads that were available for the training; times are comparable if they are equal."""
        return self.threads_offered or self.threads

    def speed_id(self, *what: str) -> str:
        """Return twelve hex digits that identify `what` is timed and the machine that runs it."""
        parts = [*what, self.processor, self.device, self.threads, self.devices, self.torch]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Timing:
    """Training time on an otherwise idle device, measured afterwards on steps of a copy.

    ``seconds_per_step`` is the median over blocks of steps, each with its batch; ``low`` and
    ``high`` are the quartiles. ``n`` is the number of measured steps, ``steps`` the number per
    epoch. ``waited`` is the share of the threads' time that they waited for a core, ``stopped`` the
    share of the time that the process was stopped; None if not known.
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
        """Seconds per epoch, extrapolated from the measured steps."""
        return self.seconds_per_step * self.steps
