"""An MLflow tracking store: an experiment a data set, a run a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core.registry import register

from ..series import moments, series
from .optional_packages import needs

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.store.run import Run

RUN = "convcompare.store.run"
"""The tag that has the id of a run: one that is there already is not written twice."""


@register.export("mlflow")
def mlflow(assessment: Assessment, target: str) -> Iterator[str]:
    """Runs for ``mlflow ui``: into a folder, or a tracking server or data base by its URI."""
    client = _client(target if "://" in target else Path(target).absolute().as_uri())
    name = f"convcompare {assessment.comparison.conditions.dataset}"
    found = client.get_experiment_by_name(name)
    experiment = found.experiment_id if found else client.create_experiment(name)
    for group in assessment.comparison.groups:
        for run in group.runs:
            if not client.search_runs([experiment], f"tags.`{RUN}` = '{run.id}'"):
                _write(client, experiment, group.label, run)
            yield f"{name}: {group.label}, seed {run.trial.seed}"


def _client(address: str) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # refused otherwise from MLflow 3.7 on
    with needs("mlflow-skinny", "mlflow"):
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    from convcompare.core.errors import StoreError, quote

    try:
        return MlflowClient(tracking_uri=address)
    except (MlflowException, OSError) as error:
        text = str(error).partition("\n")[0]
        raise StoreError(f"MLflow cannot use {quote(address)}: {text}") from error


def _write(client: Any, experiment: str, label: str, run: Run) -> None:
    from mlflow.entities import Metric, Param

    times = [round(1000 * when) for when in moments(run)]
    tags = {RUN: run.id, "convcompare.status": run.status}
    tags["convcompare.environment"] = ", ".join(
        f"{k} {v}" for k, v in vars(run.environment).items()
    )
    created = client.create_run(experiment, start_time=times[0], tags=tags, run_name=label)
    settings = {"model": run.trial.model, "dataset": run.trial.dataset, "seed": run.trial.seed}
    settings |= vars(run.trial.config) | {"parameters": run.cost.parameters}
    params = [Param(key, str(value)[:500]) for key, value in settings.items() if value is not None]
    metrics = [
        Metric(tag, value, when, epoch.epoch)
        for epoch, when in zip(run.history, times, strict=True)
        for tag, value in series(epoch).items()
    ]
    client.log_batch(created.info.run_id, metrics=metrics[:1000], params=params)
    for start in range(1000, len(metrics), 1000):  # the most that MLflow takes at a time
        client.log_batch(created.info.run_id, metrics=metrics[start : start + 1000])
    status = "FINISHED" if run.status == "finished" else "FAILED"
    client.set_terminated(created.info.run_id, status, end_time=times[-1])
