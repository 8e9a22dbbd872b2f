"""Where a training is, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class StepProgress:
    """Where a training is, for a display to read at any moment."""

    step: int = 0
    steps: int = 1
    loss: float = field(default=float("nan"))
