"""One trial after another, in this process."""

from __future__ import annotations

import collections
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from convcompare.core.registry import register
from convcompare.store.run import Trial

from ..events import Event

if TYPE_CHECKING:
    from ..trial_runner import TrialRunner


ROUND_SECONDS = 1.0
"""Between two looks at trials that are all with other processes."""


@register.executor("local")
def local(runner: TrialRunner, trials: Sequence[Trial]) -> Iterator[Event]:
    """One trial after another, in this process: each has the machine to itself.

    Those that other processes work on come last: of several that are given the same trials, each
    does what the others do not.
    """
    left = collections.deque(trials)
    told = set[str]()
    refused = 0
    while left:
        trial = left.popleft()
        events = runner.at_once(trial)
        if events is not None:
            yield from events
            refused = 0
            continue
        left.append(trial)
        refused += 1
        if refused >= len(left):
            if trial.id not in told:
                told.add(trial.id)
                yield runner.waiting(trial)
            refused = 0
            time.sleep(ROUND_SECONDS)
