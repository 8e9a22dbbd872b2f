"""What a worker says to the process that started it: one JSON object a line.

``{"event": name, "fields": {…}}`` for an event, ``{"progress": [step, loss]}`` several times a
second, ``{"failed": message}`` where the trial has failed and could not be recorded, and
``{"error": [kind, message, hint]}`` where it can do nothing more.
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
    """The name of the event's class, and its fields."""
    return {"event": type(event).__name__, "fields": to_record(event)}


def event_from_json(record: Mapping[str, Any]) -> Event:
    """The event; one that begins a trial has a progress of its own, which its owner moves."""
    return from_record(_EVENTS[record["event"]], record["fields"])


def error_to_json(error: Exception) -> dict[str, Any]:
    """An error, as a worker tells it to who started it."""
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
