"""How a notebook shows an experiment: one line that is updated, and a line if it is interrupted."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from convcompare.core import formatting
from convcompare.core.errors import quote

from .reporter import QuietReporter

if TYPE_CHECKING:
    from convcompare.store.run import Trial

    from .events import Event
    from .plan import ExperimentPlan
    from .reporter import Observer, Reporter
    from .trial_runner import TrialRunner

LEAST_SECONDS = 0.1
"""Between two updates of the line."""


class Interrupted(KeyboardInterrupt):
    """The interruption of a cell; a notebook shows its text in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@contextmanager
def interruptible(reporter: Reporter) -> Iterator[None]:
    """Around a comparison in a notebook: an interruption is one line, wherever it comes."""
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt:
        if not isinstance(reporter, NotebookReporter):
            raise
        raise Interrupted(
            "interrupted: everything that was saved is intact; run the same cell again to resume"
        ) from None


def suitable_reporter() -> Reporter:
    """A `NotebookReporter` in a notebook, else one that shows nothing."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return NotebookReporter() if getattr(shell, "kernel", None) is not None else QuietReporter()


class NotebookReporter(QuietReporter):
    """Shows the progress of the trials in one line of a cell's output."""

    def __init__(self) -> None:
        self.line = Line()

    @contextmanager
    def running(self, plan: ExperimentPlan, runner: TrialRunner) -> Iterator[Observer]:
        """Count the trials in the line; an interruption says there what is saved."""
        count = TrialCount(len(plan.trials))
        self.line.show(count.words)

        def observe(event: Event) -> None:
            count.note(event)
            self.line.update(count.words)

        try:
            yield observe
        except KeyboardInterrupt:
            self.line.show(count.words)
            raise Interrupted(count.interrupted(runner.saved_epochs)) from None
        except BaseException:
            self.line.show(f"stopped: {count.finished}")
            raise
        self.line.show(count.total)

    def timing_alone(self, runs: int) -> None:
        """Say what takes a while now."""
        each = ", each" if runs > 1 else ""
        self.line.show(f"timing {formatting.several(runs, 'run')}{each} alone, by a few steps")

    def measuring_robustness(self, runs: int) -> None:
        """Say what takes a while now."""
        self.line.show(f"measuring {formatting.several(runs, 'run')} on damaged images")


class TrialCount:
    """How many trials have ended, and where those are that run."""

    def __init__(self, trials: int) -> None:
        self.trials = trials
        self.done, self.reused = 0, 0
        self.running: dict[str, Trial] = {}
        """Trials that run, by their ids."""
        self.last = ""
        self.started = time.monotonic()

    def note(self, event: Event) -> None:
        """Note what an event says of its trial."""
        from .events import Ended, EpochFinished, Started, Waiting, WorkerDied

        if isinstance(event, Ended):
            self.done += 1
            self.reused += event.reused
            self.running.pop(event.run.id, None)
        elif isinstance(event, Started):
            self.running[event.trial.id] = event.trial
            self._at(event.trial, len(event.history))
        elif isinstance(event, EpochFinished):
            self.running[event.trial.id] = event.trial
            accuracy = event.epoch.test_accuracy
            more = "" if accuracy is None else f", test {100 * accuracy:.2f} %"
            self._at(event.trial, event.epoch.epoch, more)
        elif isinstance(event, Waiting | WorkerDied):
            self.running.pop(event.trial.id, None)

    def _at(self, trial: Trial, epochs: int, more: str = "") -> None:
        total = trial.config.epochs
        self.last = f" · {trial.label}, seed {trial.seed}: epoch {epochs} of {total}{more}"

    @property
    def finished(self) -> str:
        """How many trials have ended."""
        return f"{self.done} of {self.trials} trials are finished"

    @property
    def words(self) -> str:
        """The line while trials run."""
        seconds = formatting.about_seconds(time.monotonic() - self.started)
        return f"{self.done} of {self.trials} trials{self.last} · {seconds}"

    @property
    def total(self) -> str:
        """The line after the last trial."""
        seconds = formatting.about_seconds(time.monotonic() - self.started)
        earlier = f" · {self.reused} from earlier calls" if self.reused else ""
        return f"{self.done} of {self.trials} trials in {seconds}{earlier}"

    def interrupted(self, saved_epochs: Callable[[Trial], int]) -> str:
        """The line of an interruption: what is saved, as the store has it, and how to go on."""
        saved = [
            f", epoch {epochs} of {quote(trial.label)} (seed {trial.seed}) is saved"
            for trial in self.running.values()
            if (epochs := saved_epochs(trial))
        ]
        return f"interrupted: {self.finished}{''.join(saved)}; run the same cell again to resume"


class Line:
    """A line of a cell's output whose text is replaced."""

    def __init__(self) -> None:
        self.handle: Any = None
        self.shown = 0.0

    def update(self, text: str) -> None:
        """Replace the text, unless it has just been replaced."""
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
