"""What a worker says to the process that started it: one JSON object a line.

``{"event": "progressed", …}`` for an event, ``{"progress": [step, loss]}`` several times a second,
``{"failed": message}`` where the trial has failed and could not be recorded, and
``{"error": [kind, message, hint]}`` where it can do nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convcompare.core import errors
from convcompare.core.errors import ConvcompareError, TrialError
from convcompare.core.failures import HINT, in_words, is_out_of_memory
from convcompare.store.run import Epoch, Run, Trial
from convcompare.training.progress import StepProgress

from ..events import CompileDecided, Ended, EpochFinished, Event, Started, Waiting


def event_to_json(event: Event) -> dict[str, Any]:
    """An event of a trial that runs; its progress is sent as the number of steps per epoch."""
    if isinstance(event, Started):
        history = [epoch.to_json() for epoch in event.history]
        steps = event.progress.steps
        started = {"event": "started", "trial": event.trial.to_json(), "history": history}
        return {**started, "of": steps, "damage": event.damage}
    if isinstance(event, CompileDecided):
        return {"event": "chosen", "trial": event.trial.to_json(), "why": event.why}
    if isinstance(event, EpochFinished):
        epoch = event.epoch.to_json()
        return {"event": "progressed", "trial": event.trial.to_json(), "epoch": epoch}
    if isinstance(event, Waiting):
        return {"event": "waiting", "trial": event.trial.to_json(), "holder": event.holder}
    assert isinstance(event, Ended), "only who starts workers can lose one"
    return {"event": "ended", "run": event.run.to_json(), "reused": event.reused}


def event_from_json(record: Mapping[str, Any]) -> Event:
    """The event; one that begins a trial has a progress of its own, which its owner moves."""
    if record["event"] == "started":
        history = tuple(Epoch.from_json(epoch) for epoch in record["history"])
        progress = StepProgress(steps=record["of"])
        return Started(Trial.from_json(record["trial"]), history, progress, record["damage"])
    if record["event"] == "chosen":
        return CompileDecided(Trial.from_json(record["trial"]), record["why"])
    if record["event"] == "progressed":
        return EpochFinished(Trial.from_json(record["trial"]), Epoch.from_json(record["epoch"]))
    if record["event"] == "waiting":
        return Waiting(Trial.from_json(record["trial"]), record["holder"])
    return Ended(Run.from_json(record["run"]), record["reused"])


def failure_to_json(error: Exception) -> dict[str, Any]:
    """What went wrong in the network or the training of a trial."""
    from convcompare.core.failures import reason

    return {"failed": reason(error)}


def error_to_json(error: Exception) -> dict[str, Any]:
    if is_out_of_memory(error):
        error = TrialError(in_words(error), HINT)
    if isinstance(error, ConvcompareError):
        return {"error": [type(error).__name__, error.message, error.hint]}
    return {"error": ["", f"{type(error).__name__}: {error}", None]}


def error_from_json(record: Mapping[str, Any]) -> Exception:
    """The error as it was raised; RuntimeError for one that was not raised on purpose."""
    kind, message, hint = record["error"]
    known = getattr(errors, kind, None) if kind else None
    if isinstance(known, type) and issubclass(known, ConvcompareError):
        return known(message, hint)
    return RuntimeError(message)
