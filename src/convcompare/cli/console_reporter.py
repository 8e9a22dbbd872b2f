"""Reporter of the command line: conditions, progress, warnings and interruptions."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convcompare.comparison.score import Score
from convcompare.core import formatting, signals
from convcompare.core.errors import Terminated, shell_word
from convcompare.experiment.reporter import Reporter
from convcompare.store.copying import earlier_results

from .console import err, say, show_warning
from .dry_run import fine_tuning_lines, power_words

if TYPE_CHECKING:
    from convcompare.experiment.plan import ExperimentPlan
    from convcompare.experiment.reporter import Observer
    from convcompare.experiment.trial_runner import TrialRunner


class ConsoleReporter(Reporter):
    """Prints to stderr; with `quiet`, only warnings."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def preparing(self) -> None:
        """Show on a terminal that torch is being imported."""
        console = err()
        if not self.quiet and console.is_terminal and "torch" not in sys.modules:
            console.print("loading torch …", style="dim", end="\r")

    def planned(self, plan: ExperimentPlan) -> None:
        """Print the common conditions of all runs, and what the number of seeds can detect."""
        if self.quiet:
            return
        for text in (_data_words(plan), _training_words(plan), *fine_tuning_lines(plan)):
            say(text)
        if power := power_words(plan):
            say(power, style="dim")
        err().print()

    def warn(self, text: str, hint: str | None = None) -> None:
        """Print a warning."""
        show_warning(text, hint)

    @contextmanager
    def running(self, plan: ExperimentPlan, runner: TrialRunner) -> Iterator[Observer]:
        """Show a live view on a terminal, otherwise a line per epoch.

        If interrupted, print what is saved.
        """
        from convcompare.experiment.session import expected_epoch_seconds
        from convcompare.experiment.trial_tracker import Tracker

        from .progress_view import follow

        live = err().is_terminal and not self.quiet and plan.runtime.devices == 1
        expected = expected_epoch_seconds(plan, runner) if live else {}
        tracker = Tracker(plan.trials, expected, plan.runtime.jobs)
        try:
            with follow(tracker, err(), self.quiet) as view:
                yield view.show
        except (KeyboardInterrupt, Terminated):
            saved = tracker.saved(runner.saved_epochs)
            show_warning(f"interrupted: {saved}", _resume_hint(plan))
            signals.stop.reported = True
            raise

    def undecided(self, seeds: int, pairs: Sequence[tuple[str, str]]) -> None:
        """Print the contrasts that are still open."""
        if not self.quiet:
            named = ", ".join(f"{model} and {baseline}" for model, baseline in pairs)
            err().print(f"not clear after {seeds} seeds: {named}", soft_wrap=True)

    def timing_alone(self, runs: int) -> None:
        """Print that runs are being timed."""
        if not self.quiet:
            each = f"{formatting.several(runs, 'run')}{', each' if runs > 1 else ''}"
            err().print(f"timing {each} alone, by a few steps", soft_wrap=True)

    def measuring_robustness(self, runs: int) -> None:
        """Print that runs are being measured on damaged images."""
        if not self.quiet:
            many = formatting.several(runs, "run")
            err().print(f"measuring {many} on damaged images", soft_wrap=True)


def _data_words(plan: ExperimentPlan) -> str:
    c = plan.conditions
    held_out = f"{formatting.count(c.val_images)} held out, " if c.val_images else ""
    trained = c.trained_on if c.cut else f"{formatting.count(c.train_images)} train"
    return (
        f"{c.dataset} · {trained}, {held_out}"
        f"{formatting.count(c.test_images)} test · {c.shape} · {c.test_split}, {c.selected}"
        + (f" · verdicts on the {words}" if (words := Score.parse(c.score).words) else "")
    )


def _training_words(plan: ExperimentPlan) -> str:
    c, config = plan.conditions, plan.trials[0].config
    until_clear = plan.request.until_clear
    seeds = until_clear.most_seeds if until_clear else len(plan.trials) // len(plan.candidates)
    many = f"{'up to ' if until_clear else ''}{formatting.several(seeds, 'seed')}"
    interleaved = ", interleaved" if seeds > 1 and len(plan.candidates) > 1 else ""
    split = f" split among {config.devices}" if config.devices > 1 else ""
    return (
        f"recipe {c.recipe}: {config.optimizer} {config.lr:g}, batch {config.batch_size}{split}, "
        f"{_epochs(plan)} · {c.device}, {c.precision} ({plan.precision_reason}) · "
        f"{many}{interleaved}{_together(plan)}"
    )


def _together(plan: ExperimentPlan) -> str:
    threads = formatting.several(plan.runtime.of_a_job().threads, "thread")
    why = f" ({plan.jobs_reason})" if plan.jobs_reason else ""
    if plan.runtime.jobs == 1:
        return f" · one at a time{why}" if why else ""
    return f" · {plan.runtime.jobs} at a time, {threads} each{why}"


def _epochs(plan: ExperimentPlan) -> str:
    epochs = [candidate.config.epochs for candidate in plan.candidates]
    fewest, most = min(epochs), max(epochs)
    if plan.conditions.budget:
        return plan.conditions.budget
    several = f"{formatting.span(fewest, most)} epochs"
    return several if fewest < most else formatting.several(most, "epoch")


def _resume_hint(plan: ExperimentPlan) -> str:
    """Describe how to resume and, if runs were trained again, how to restore their results."""
    if not plan.request.fresh:
        return "the same command resumes"
    hint = "the same command without `--fresh` resumes"
    earlier = earlier_results(plan.store)
    if not any(earlier.finished(trial.id) for trial in plan.trials):
        return hint
    stores = f"{shell_word(earlier.root)} --store {shell_word(plan.store.root)}"
    return f"{hint}; `convcompare runs merge {stores}` restores the earlier results"
