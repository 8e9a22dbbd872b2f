"""An MLflow tracking store: an experiment per data set, a run per run."""

from __future__ import annotations

import functools
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core.errors import StoreError, quote
from convcompare.core.registry import register

from ..series import moments, series
from .optional_packages import needs

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.model_runs import ModelRuns
    from convcompare.store.annotation import Annotation
    from convcompare.store.run import Run

RUN = "convcompare.store.run"
"""Tag with the id of a run; a run with a known id is not written again."""


WHOLE = 1.5
"""Time limit of a call, as a multiple of the limit between two bytes."""
PATIENCE = "MLFLOW_HTTP_REQUEST_TIMEOUT"
"""Environment variable of MLflow: whole seconds to wait for the next byte."""
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",  # required since MLflow 3.7
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    PATIENCE: "5",
}
"""Environment variables of MLflow that are set if missing; its defaults wait for minutes."""

REASONS = {
    r"[Tt]imed out|Timeout": "it does not answer",
    r"\[Errno -?\d+\] ([^'\":)]+)": "{}",
    "Connection aborted": "the connection was closed",
    r"with error code (\d+)": "the server answers with HTTP status {}",
    r"too many (\d+) error": "the server answers with HTTP status {}",
    "not in a valid JSON": "the answer is not from an MLflow server",
    "got unsupported URI": "this kind of address is not supported",
}
"""Explanations of error messages of MLflow and its HTTP library, by pattern."""


@register.export("mlflow")
def mlflow(assessment: Assessment, target: str) -> Iterator[str]:
    """Write runs for ``mlflow ui``: to a folder, or a tracking server or database by its URI.

    Raises:
        StoreError: If the server does not answer within seconds, or refuses.
    """
    address = target if "://" in target else Path(target).absolute().as_uri()
    with _settings(), _store_errors(address):
        client = _client(address)
        name = f"convcompare {assessment.comparison.conditions.dataset}"
        found = client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else client.create_experiment(name)
        for group in assessment.comparison.groups:
            for run in group.runs:
                known = client.search_runs([experiment], f"tags.`{RUN}` = '{run.id}'")
                there = known[0].info.run_id if known else _write(client, experiment, group, run)
                for key, value in _annotation_tags(assessment.store.annotation(run.id)).items():
                    client.set_tag(there, key, value)
                yield f"{name}: {group.label}, seed {run.trial.seed}"


@contextmanager
def _settings() -> Iterator[None]:
    """Set the missing ones of `SETTINGS` in the environment, and remove them afterwards."""
    added = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _store_errors(address: str) -> Iterator[None]:
    """Turn errors of an address into a StoreError of one line."""
    with needs("mlflow-skinny", "mlflow"):
        from mlflow.exceptions import MlflowException
    try:
        yield
    except TimeoutError as error:
        text = f"the MLflow server {quote(address)} has not answered for {error} seconds"
        raise StoreError(
            text, f"`mlflow server` starts one; `{PATIENCE}=120` waits longer"
        ) from error
    except (MlflowException, OSError, ValueError) as error:
        if isinstance(error, StoreError):
            raise
        text = f"MLflow cannot use {quote(address)}: {_reason(str(error))}"
        hint = "give the address of a running server, a database or a folder"
        if not address.startswith(("http", "file")):
            hint = "databases need the full package: `pip install mlflow`"
        raise StoreError(text, hint) from error


def _reason(text: str) -> str:
    """Return a short reason for an MLflow error message, without addresses and classes."""
    for pattern, words in REASONS.items():
        found = re.search(pattern, text)
        if found:
            return words.format(*found.groups())
    return text.partition("\n")[0][:200]


def _client(address: str) -> Any:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=address)
    return _TimedClient(client) if address.startswith(("http:", "https:")) else client


class _TimedClient:
    """The client of a server, with a time limit per call, retries included.

    MLflow's own limit is that between two bytes, which a slow server never exceeds.

    Raises:
        TimeoutError: If a call takes too long; the message is the limit in seconds.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._seconds = WHOLE * float(os.environ[PATIENCE])

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return functools.partial(self._call, getattr(self._client, name))

    def _call(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        answer: Future[Any] = Future()

        def call() -> None:
            try:
                answer.set_result(method(*args, **options))
            except Exception as error:
                answer.set_exception(error)

        threading.Thread(target=call, daemon=True).start()
        try:
            return answer.result(self._seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{self._seconds:g}") from error


def _annotation_tags(annotation: Annotation) -> dict[str, str]:
    """Return the tags and the note of a run; MLflow shows the note as the description."""
    found = {"convcompare.tags": ", ".join(annotation.tags), "mlflow.note.content": annotation.note}
    return {key: value for key, value in found.items() if value}


def _write(client: Any, experiment: str, group: ModelRuns, run: Run) -> str:
    """Write a run; return its MLflow id."""
    from mlflow.entities import Metric, Param

    times = [round(1000 * when) for when in moments(run)]
    tags = {RUN: run.id, "convcompare.status": run.status}
    tags["convcompare.environment"] = ", ".join(
        f"{k} {v}" for k, v in vars(run.environment).items()
    )
    created = client.create_run(experiment, start_time=times[0], tags=tags, run_name=group.label)
    settings = {"model": run.trial.model, "dataset": run.trial.dataset, "seed": run.trial.seed}
    settings |= vars(run.trial.config) | {"parameters": run.cost.parameters}
    params = [Param(key, str(value)[:500]) for key, value in settings.items() if value is not None]
    metrics = [
        Metric(tag, value, when, epoch.epoch)
        for epoch, when in zip(run.history, times, strict=True)
        for tag, value in series(epoch).items()
    ]
    client.log_batch(created.info.run_id, metrics=metrics[:1000], params=params)
    for start in range(1000, len(metrics), 1000):  # the maximum per request of MLflow
        client.log_batch(created.info.run_id, metrics=metrics[start : start + 1000])
    status = "FINISHED" if run.status == "finished" else "FAILED"
    client.set_terminated(created.info.run_id, status, end_time=times[-1])
    return str(created.info.run_id)
