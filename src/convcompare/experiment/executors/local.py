"""One trial after another."""

from __future__ import annotations

import collections
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from convcompare.core.registry import register
from convcompare.store.run import Trial

from .. import foreign_code
from ..events import Event
from .processes import processes

if TYPE_CHECKING:
    from ..trial_runner import TrialRunner


ROUND_SECONDS = 1.0
"""Between two looks at trials that are all with other processes."""


@register.executor("local")
def local(runner: TrialRunner, trials: Sequence[Trial]) -> Iterator[Event]:
    """One trial after another: each has the machine to itself.

    Those of networks of the user's own run in the process that has their code, all others in this.

    Those that other processes work on come last: of several that are given the same trials, each
    does what the others do not.
    """
    left = collections.deque(trials)
    told = set[str]()
    refused = 0
    while left:
        trial = left.popleft()
        events = _at_once(runner, trial)
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


def _at_once(runner: TrialRunner, trial: Trial) -> Iterator[Event] | None:
    """The events of a trial; None where another command works on it."""
    store = runner.store
    if foreign_code.source_of(trial.model) is None or store.finished(trial.id):
        return runner.at_once(trial)
    return None if store.held(trial.id) else processes(runner, [trial])
