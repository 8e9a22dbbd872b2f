"""An epoch as `convcompare compare` runs it, including store and live display, by its parts.

The time per step includes training (data, metrics and schedule), saving (checkpoint, history and
pointer, on disk) and display. Recording of gradients and evaluation of the test split are timed
separately: the bare step, which is the reference, has neither.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from own_loop import prepared
from rich.console import Console
from turns import Turns

from convcompare.cli.progress_view import follow
from convcompare.data.dataset import Dataset
from convcompare.experiment.attempt import Attempt
from convcompare.experiment.events import EpochFinished
from convcompare.experiment.shapes import shape_of
from convcompare.experiment.trial_tracker import Tracker
from convcompare.models.build import resolve


def take_turns(spec: str, dataset: Dataset, turns: Turns) -> None:
    with tempfile.TemporaryDirectory() as folder, Path("/dev/null").open("w") as nowhere:
        runner, trial = prepared(spec, dataset, Path(folder))
        builder = resolve(trial.model, shape_of(dataset))
        runner.store.begin(trial, runner.environment)
        attempt = Attempt(trial, builder, runner.trainer(trial), runner.store, runner.environment)
        screen = Console(file=nowhere, force_terminal=True, width=100)
        with runner.store.lock(trial.id), follow(Tracker([trial], {}), screen, False) as view:
            events = attempt.epochs()
            view.show(next(events))
            while True:
                turns.begin()
                before = attempt.spent
                event = next(events)
                view.show(event)
                assert isinstance(event, EpochFinished)
                recording = attempt.spent.analysis_seconds - before.analysis_seconds
                evaluation = event.epoch.evaluation_seconds
                turns.end(
                    apart=recording + evaluation,
                    training=event.epoch.train_seconds,
                    saving=attempt.spent.saving_seconds - before.saving_seconds,
                    recording=recording,
                    evaluation=evaluation,
                )
