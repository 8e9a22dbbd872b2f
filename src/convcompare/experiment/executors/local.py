"""Executor that runs one trial after another."""

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
"""Interval between checks of trials that other processes run."""


@register.executor("local")
def local(runner: TrialRunner, trials: Sequence[Trial]) -> Iterator[Event]:
    """Run one trial after another; each has the machine to itself.

    Networks of the user run in the process that has their code, all others in this one. Trials that
    other processes run come last, so several commands with the same trials share the work.
    """
    left = collections.deque(trials)
    reported = set[str]()
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
            if trial.id not in reported:
                reported.add(trial.id)
                yield runner.waiting(trial)
            refused = 0
            time.sleep(ROUND_SECONDS)


def _at_once(runner: TrialRunner, trial: Trial) -> Iterator[Event] | None:
    """Return the events of a trial; None if another command runs it."""
    store = runner.store
    if foreign_code.source_of(trial.model) is None or store.finished(trial.id):
        return runner.at_once(trial)
    return None if store.held(trial.id) else processes(runner, [trial])
