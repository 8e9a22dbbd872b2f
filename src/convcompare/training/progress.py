"""Progress of a training within its epoch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class StepProgress:
    """Step, steps of the epoch, and latest loss; a display may read it at any time."""

    step: int = 0
    steps: int = 1
    loss: float = field(default=float("nan"))
