"""Messages of a worker to JSON and back."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from convcompare.experiment.events import (
    CompileDecided,
    Ended,
    EpochFinished,
    Event,
    Started,
    Waiting,
    WorkerDied,
)
from convcompare.experiment.workers.protocol import event_from_json, event_to_json
from convcompare.training.progress import StepProgress
from tests.support.trials import epoch, finished, trial

EVENTS: tuple[Event, ...] = (
    Started(trial(), (epoch(1), epoch(2)), StepProgress(steps=7, loss=0.0), "a state"),
    CompileDecided(trial(), "it pays"),
    EpochFinished(trial(), epoch(3)),
    WorkerDied(trial(), "killed", 2),
    Waiting(trial(), "process 3"),
    Ended(finished(trial()), reused=True),
)


def test_every_event_type_has_an_example() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_event_round_trips(event: Event) -> None:
    assert event_from_json(json.loads(json.dumps(event_to_json(event)))) == event
