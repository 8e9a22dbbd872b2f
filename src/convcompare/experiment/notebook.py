"""Progress of an experiment in a notebook: one line that is updated."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from convcompare.core import formatting, signals

from .events import EpochFinished, Started
from .reporter import Reporter
from .trial_tracker import Tracker

if TYPE_CHECKING:
    from .events import Event
    from .plan import ExperimentPlan
    from .reporter import Observer
    from .trial_runner import TrialRunner

RESUME = "run the same cell again to resume"
RESUME_FRESH = "run the same cell again without `fresh=True` to resume"
LEAST_SECONDS = 0.1
"""Minimum interval between two updates of the line."""


class Interrupted(KeyboardInterrupt):
    """Interruption of a cell; a notebook shows its text in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@contextmanager
def interruptible(reporter: Reporter) -> Iterator[None]:
    """Convert an interruption anywhere in a comparison in a notebook to `Interrupted`."""
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt:
        if not isinstance(reporter, NotebookReporter):
            raise
        raise Interrupted(f"{signals.TEXT}; {RESUME}") from None


def suitable_reporter() -> Reporter:
    """Return a `NotebookReporter` in a notebook, otherwise a reporter that shows nothing."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return NotebookReporter() if getattr(shell, "kernel", None) is not None else Reporter()


class NotebookReporter(Reporter):
    """Shows the progress of the trials in one line of a cell's output."""

    def __init__(self) -> None:
        self.line = Line()

    @contextmanager
    def running(self, plan: ExperimentPlan, runner: TrialRunner) -> Iterator[Observer]:
        """Show the number of finished trials; an interruption shows what is saved."""
        tracker, last = Tracker(plan.trials, {}), ""

        def words() -> str:
            return f"{tracker.done} of {len(tracker.rows)} trials{last} · {tracker.spent}"

        def observe(event: Event) -> None:
            nonlocal last
            tracker.update(event)
            last = _progress(event) or last
            self.line.update(words())

        self.line.show(words())
        try:
            yield observe
        except KeyboardInterrupt:
            self.line.show(words())
            resume = RESUME_FRESH if plan.request.fresh else RESUME
            raise Interrupted(
                f"interrupted: {tracker.saved(runner.saved_epochs)}; {resume}"
            ) from None
        except BaseException:
            self.line.show(f"stopped: {tracker.finished}")
            raise
        reused = sum(row.state == "reused" for row in tracker.rows.values())
        earlier = f" · {reused} from earlier calls" if reused else ""
        self.line.show(f"{tracker.done} of {len(tracker.rows)} trials in {tracker.spent}{earlier}")

    def timing_alone(self, runs: int) -> None:
        """Show that runs are being timed."""
        each = ", each" if runs > 1 else ""
        self.line.show(f"timing {formatting.several(runs, 'run')}{each} alone, by a few steps")

    def measuring_robustness(self, runs: int) -> None:
        """Show that runs are being measured on damaged images."""
        self.line.show(f"measuring {formatting.several(runs, 'run')} on damaged images")


def _progress(event: Event) -> str:
    """Return the latest epoch of an event's trial; empty if the event has none."""
    match event:
        case Started(trial=trial, history=history):
            epochs, accuracy = len(history), None
        case EpochFinished(trial=trial, epoch=epoch):
            epochs, accuracy = epoch.epoch, epoch.test_accuracy
        case _:
            return ""
    more = "" if accuracy is None else f", test {formatting.percent(accuracy)}"
    total = trial.config.epochs
    return f" · {trial.label}, seed {trial.seed}: epoch {epochs} of {total}{more}"


class Line:
    """A line of a cell's output whose text is replaced."""

    def __init__(self) -> None:
        self.handle: Any = None
        self.shown = 0.0

    def update(self, text: str) -> None:
        """Replace the text, unless it was replaced within `LEAST_SECONDS`."""
        if time.monotonic() - self.shown > LEAST_SECONDS:
            self.show(text)

    def show(self, text: str) -> None:
        """Replace the text."""
        data = {"text/plain": text, "text/html": f"<p><small>{html.escape(text)}</small></p>"}
        if self.handle is None:
            self.handle = sys.modules["IPython"].display.display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)
        self.shown = time.monotonic()
