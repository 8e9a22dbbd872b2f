"""Trains a stored run again in a separate store and compares the two."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from convcompare.core.errors import UsageError
from convcompare.core.formatting import several
from convcompare.data.dataset import Sources
from convcompare.store.cost import Environment
from convcompare.store.layout import CLASSES, LOGITS, WEIGHTS
from convcompare.store.reader import RunReader
from convcompare.store.run import Epoch, Run
from convcompare.store.run_store import RunStore
from convcompare.training.state import from_bytes

from .events import Event


@dataclass(frozen=True)
class Agreement:
    """Whether a part of two runs agrees; `detail` describes the differences."""

    part: str
    equal: bool
    detail: str = ""


@dataclass(frozen=True)
class Repetition:
    """A stored run and its repetition."""

    stored: RunReader
    run: Run
    scratch: RunReader
    again: Run

    @property
    def equal(self) -> bool:
        """Whether every part is bit-identical."""
        return all(part.equal for part in self.agreements)

    @cached_property
    def agreements(self) -> list[Agreement]:
        """Agreement of the end, metrics, logits or classes, and weights."""
        then, now = _end(self.run), _end(self.again)
        ended = Agreement("end", then == now, "" if then == now else f"{then} / {now}")
        parts = [ended, _metrics(self.run, self.again)]
        for name, file, other, compare in (
            ("logits", LOGITS, LOGITS, self._logits),
            ("classes", CLASSES, LOGITS, self._classes),
            ("weights", WEIGHTS, WEIGHTS, self._weights),
        ):
            if file in self.run.sha256:
                known = other in self.again.sha256
                parts.append(compare() if known else Agreement(name, False, "there are none now"))
        return parts

    def environment(self) -> list[tuple[str, Any, Any]]:
        """Differences between the environments: name, original value, new value."""
        then, now = vars(self.run.environment), vars(self.again.environment)
        return [(name, then[name], now[name]) for name in then if then[name] != now[name]]

    def _classes(self) -> Agreement:
        """Compare the predicted classes of a run whose logits were left out of its pack."""
        then = self.stored.predicted_classes(self.run).predicted
        now = self.scratch.predicted_classes(self.again).predicted
        if then.shape != now.shape:
            return Agreement("classes", False, f"{len(then):,} / {len(now):,} images")
        other = int((then != now).sum())
        detail = f"{other:,} of {len(then):,} images have another predicted class" if other else ""
        return Agreement("classes", not other, detail)

    def _logits(self) -> Agreement:
        then = self.stored.predictions(self.run).logits
        now = self.scratch.predictions(self.again).logits
        if then.shape != now.shape:
            return Agreement("logits", False, f"{then.shape} / {now.shape}")
        if then.tobytes() == now.tobytes():
            return Agreement("logits", True)
        other = int((then.argmax(1) != now.argmax(1)).sum())
        detail = f"by up to {np.abs(then - now).max():.2g}; "
        return Agreement(
            "logits", False, f"{detail}{other:,} of {len(then):,} images classified differently"
        )

    def _weights(self) -> Agreement:
        data = self.stored.weights(self.run), self.scratch.weights(self.again)
        if data[0] == data[1]:
            return Agreement("weights", True)
        then, now = (from_bytes(one) for one in data)
        alike = {name for name in then.keys() & now.keys() if then[name].shape == now[name].shape}
        if not alike == then.keys() == now.keys():
            return Agreement("weights", False, "other tensors")
        far = max((then[n].double() - now[n].double()).abs().max().item() for n in alike)
        return Agreement("weights", False, f"by up to {far:.2g}")


def repeat(
    run: Run, folder: Path, sources: Sources, environment: Environment
) -> Generator[Event, None, None]:
    """Train the trial of a run into the store at `folder`, with the device and threads given.

    With the run's own `environment` it repeats the run.

    Raises:
        UsageError: if the device is missing, or the network or its arithmetic has changed.
        DataError: if the images have changed.
    """
    from convcompare.data.load import load_recorded
    from convcompare.models.devices import accelerator
    from convcompare.training.hardware import check_several, choose_runtime

    from .trial_runner import TrialRunner, execute

    dataset = load_recorded(run.trial.dataset, run.trial.data, sources, f"run {run.id}")
    devices = run.trial.config.devices
    device = "cpu" if environment.device == "cpu" else accelerator() or "cuda"
    runtime = replace(
        choose_runtime(device, environment.threads),
        devices=devices,
        compile="on" if environment.compiled else "off",
    )
    if devices > 1:
        check_several(device)
    runner = TrialRunner(RunStore(folder), runtime, dataset, sources)
    yield from execute([run.trial], runner, "torchrun" if devices > 1 else "local")


def check_repeatable(store: RunReader, run_id: str) -> Run:
    """Return a run that has ended.

    Raises:
        UsageError: if it has not ended, so there is no result to compare with.
    """
    if not store.finished(run_id):
        raise UsageError(
            f"run {run_id} has not ended, so there is nothing to compare with",
            "the same command resumes it",
        )
    run = store.run(run_id)
    store.verify(run, weights=True)
    return run


def _end(run: Run) -> str:
    return run.status if run.status == "finished" else f"{run.status}: {run.message}"


def _metrics(run: Run, again: Run) -> Agreement:
    """Compare every figure of every epoch, and the accuracy with test-time augmentation."""
    if len(run.history) != len(again.history):
        epochs = several(len(run.history), "epoch")
        return Agreement("metrics", False, f"{epochs} / {len(again.history)}")
    pairs = list(zip(run.history, again.history, strict=True))
    off = [(epoch, name) for epoch, other in pairs for name in _different(epoch, other)]
    if run.tta_accuracy != again.tta_accuracy:
        return Agreement("metrics", False, f"tta {run.tta_accuracy} / {again.tta_accuracy}")
    if not off:
        return Agreement("metrics", True)
    first = off[0][0].epoch
    names = dict.fromkeys(name for _, name in off)
    far = [f"{name} by up to {_farthest(pairs, name):.2g}" for name in names]
    return Agreement("metrics", False, f"from epoch {first} on: {', '.join(far)}")


def _different(epoch: Epoch, other: Epoch) -> list[str]:
    then, now = epoch.figures, other.figures
    return [name for name in then if then[name] != now[name]]


def _farthest(pairs: list[tuple[Epoch, Epoch]], name: str) -> float:
    values = [(getattr(one, name) or 0.0, getattr(other, name) or 0.0) for one, other in pairs]
    return float(max(abs(one - other) for one, other in values))
