"""Runs of Weights & Biases, written offline: nothing is uploaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core.errors import StoreError, quote
from convcompare.core.registry import register
from convcompare.store import atomic_files
from convcompare.store.json_fields import to_record

from ..series import moments, series
from .optional_packages import needs

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.store.run import Run


@register.export("wandb")
def wandb(assessment: Assessment, target: str) -> Iterator[str]:
    """Write offline runs to a folder for ``wandb sync``; a run that exists is not written again."""
    with needs("wandb", "wandb"):
        import wandb as library
    folder = Path(target)
    atomic_files.make_folder(folder)
    dataset = assessment.comparison.conditions.dataset
    project = re.sub(r"[^\w.-]+", "-", f"convcompare-{dataset}")[:100]
    for group in assessment.comparison.groups:
        for run in group.runs:
            if not [*folder.glob(f"wandb/offline-run-*-{run.id}")]:
                _write(library, folder, project, group.label, run)
            yield f"{project}: {group.label}, seed {run.trial.seed}"


def _write(library: Any, folder: Path, project: str, label: str, run: Run) -> None:
    settings = library.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    config = {
        "model": run.trial.model,
        "dataset": run.trial.dataset,
        "seed": run.trial.seed,
        **to_record(run.trial.config),
        "parameters": run.cost.parameters,
        "macs": run.cost.macs,
        "environment": to_record(run.environment),
    }
    try:
        written = library.init(
            project=project,
            id=run.id,
            name=f"{label}, seed {run.trial.seed}",
            group=label[:128],
            config=config,
            dir=str(folder),
            mode="offline",
            reinit="create_new",
            settings=settings,
        )
        for epoch, when in zip(run.history, moments(run), strict=False):
            written.log({"epoch": epoch.epoch, "_timestamp": when, **series(epoch)}, epoch.epoch)
        written.summary["status"] = run.status
        if run.status == "finished":
            written.summary["test_accuracy"] = run.test_accuracy
        written.finish(exit_code=0 if run.status == "finished" else 1)
    except (library.errors.Error, OSError) as error:
        text = str(error).partition("\n")[0]
        raise StoreError(f"wandb cannot write to {quote(folder)}: {text}") from error
