"""One trial after another, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from .. import register
from ..run import Trial

Event = TypeVar("Event")


@register.executor("local")
def local(
    run_trial: Callable[[Trial], Iterator[Event]], trials: Sequence[Trial]
) -> Iterator[Event]:
    """One trial after another, in this process: each has the machine to itself."""
    for trial in trials:
        yield from run_trial(trial)
