"""Messages from a worker to its parent process: one JSON object per line.

- ``{"event": name, "fields": {…}}``: an event of a trial.
- ``{"progress": [step, loss]}``: the progress of training, several times per second.
- ``{"failed": message}``: the trial failed and its failure could not be recorded.
- ``{"error": [kind, message, hint]}``: an error that ends the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from convcompare.core import errors
from convcompare.core.errors import ConvcompareError, TrialError
from convcompare.core.failures import HINT, in_words, is_out_of_memory
from convcompare.store.json_fields import from_record, to_record

from ..events import Event

_EVENTS: Mapping[str, type[Event]] = {event.__name__: event for event in get_args(Event)}


def event_to_json(event: Event) -> dict[str, Any]:
    """Return the class name and the fields of an event."""
    return {"event": type(event).__name__, "fields": to_record(event)}


def event_from_json(record: Mapping[str, Any]) -> Event:
    """Return the event of a message.

    `Started` gets a new `StepProgress`, which the receiver updates.
    """
    return from_record(_EVENTS[record["event"]], record["fields"])


def error_to_json(error: Exception) -> dict[str, Any]:
    """Return the message that reports an error."""
    if is_out_of_memory(error):
        error = TrialError(in_words(error), HINT)
    if isinstance(error, ConvcompareError):
        return {"error": [type(error).__name__, error.message, error.hint]}
    return {"error": ["", f"{type(error).__name__}: {error}", None]}


def error_from_json(record: Mapping[str, Any]) -> Exception:
    """Return the error of a message; RuntimeError unless it is a `ConvcompareError`."""
    kind, message, hint = record["error"]
    known = getattr(errors, kind, None) if kind else None
    if isinstance(known, type) and issubclass(known, ConvcompareError):
        return known(message, hint)
    return RuntimeError(message)
