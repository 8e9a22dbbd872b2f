"""Names of the files of a store, and checks of the records that refer to other files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from convcompare.core.errors import quote

CHECKPOINT = "checkpoint"
WEIGHTS, LOGITS = "weights.safetensors", "test_logits.npz"
CLASSES, CHANNEL_MEANS = "test_classes.npz", "channel_means.npz"
REPLACEMENTS = (CLASSES, CHANNEL_MEANS)
OMISSION = "left-out.json"
"""Record of the files that a pack omitted; `REPLACEMENTS` replace the logits and the features."""
COMPARISONS, QUARANTINE, REMOVED = "comparisons", "quarantine", "removed"
EARLIER = "earlier"
STEP_TIMES, COMPILE_CHOICES = "step-times", "compile-choices"
ANALYSES, FEATURES = "analyses", "features"
"""Folder of the analyses of a run, and the analysis of its activations."""
ANNOTATION = "annotation.json"
ADDITIONS, ADDED = "additions", "additions.json"
"""Folder of the analyses that were added after the run, and their record."""
RECORDS = (
    *("trial.json", "environment.json", "run.json", "timing.json"),
    *(ADDED, ANNOTATION, OMISSION),
)
BINARIES = (WEIGHTS, LOGITS, *REPLACEMENTS)
TRANSIENT = (CHECKPOINT, "error.json")
"""Files that are deleted when the run ends."""
ANALYSIS_FILE = re.compile(rf"{ANALYSES}/[a-z][a-z_-]*\.npz", re.ASCII)
ADDITION_FILE = re.compile(r"[a-z][a-z_-]*\.[0-9a-f]{12}\.npz", re.ASCII)
RUN_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)
"""Name of the folder of a run."""


def analysis_file(name: str) -> str:
    """Return the file of an analysis, as the record of a run names it."""
    return f"{ANALYSES}/{name}.npz"


def addition_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked record of additions.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: if it is malformed, or if a file is not the
            plain name of an addition.
    """
    for file, digest in record["sha256"].items():
        if not ADDITION_FILE.fullmatch(file) or not isinstance(digest, str):
            raise ValueError(f"the file {quote(file)}")
    return {"id": record["id"], "sha256": record["sha256"]}


def run_ids(record: Mapping[str, Any]) -> set[str]:
    """Return the ids of the runs that the record of a comparison compares."""
    return {run_id for model in record["models"] for run_id in model["trials"]}


def comparison_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked record of a comparison.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: if it is malformed, or if a run is not a
            plain id.
    """
    for model in record["models"]:
        if not isinstance(model["model"], str):
            raise TypeError("a model without a name")
        if not all(RUN_ID.fullmatch(run_id) for run_id in model["trials"]):
            raise ValueError("a run that is none")
    for rate in record.get("rates", ()):
        if not all(RUN_ID.fullmatch(run_id) for run_id in rate["runs"]):
            raise ValueError("a run that is none")
    if not all(isinstance(seeds, int) for seeds in record.get("looked", ())):
        raise TypeError("an invalid number of seeds")
    for key, kind in (("created", str), ("command", list), ("conditions", dict)):
        if not isinstance(record[key], kind):
            raise TypeError(f"{key} is not as it was written")
    return dict(record)
