"""Progress of a comparison: a live view on a terminal, one plain line per epoch elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from convcompare.core import formatting
from convcompare.experiment.events import (
    CompileDecided,
    Ended,
    EpochFinished,
    Started,
    Waiting,
    WorkerDied,
)
from convcompare.experiment.trial_tracker import Tracker, TrialRow
from convcompare.output.names import fitted

from .live_region import LiveRegion

if TYPE_CHECKING:
    from convcompare.experiment.events import Event
    from convcompare.store.run import Epoch

SPARKS = "▁▂▃▄▅▆▇█"
BAR = 24
"""Width of the bar in columns; a narrow bar remains complete if the terminal becomes narrower."""
LEAST_BAR = 8
"""Width to which the bar shrinks if the text beside it needs the space."""
LEAST_NAME = 12
"""Columns to which names are shortened before the times per epoch are left out."""
GAP = 3
"""Columns of space between two columns."""
MOST_MARKS = 20
SHOWN_STOP = 0.5
"""Seconds for which an epoch must have been stopped for its line to mention it."""


@contextmanager
def follow(tracker: Tracker, console: Console, quiet: bool) -> Iterator[PlainView | LiveView]:
    """Yield a view of the tracker for the duration of the block."""
    plain = console.is_dumb_terminal or console.legacy_windows
    if quiet or plain or not console.is_terminal:
        yield PlainView(tracker, console, quiet)
        return
    view = LiveView(tracker)
    with LiveRegion(view, console) as region, region.stoppable():
        view.say = region.say
        yield view


class PlainView:
    """One line per epoch, for logs and pipes."""

    def __init__(self, tracker: Tracker, console: Console, quiet: bool) -> None:
        self.tracker, self.console, self.quiet = tracker, console, quiet

    def show(self, event: Event) -> None:
        """Apply an event, and print its line if it has one."""
        self.tracker.update(event)
        if not self.quiet and (text := _event_words(event, self.tracker)):
            self.console.print(text, soft_wrap=True)


class LiveView:
    """All networks with their trials, the running trials, and the overall progress.

    Redrawn 4 times per second.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.say: Callable[[str], None] = print
        """Writes a line that stays above the redrawn region."""

    def show(self, event: Event) -> None:
        """Apply an event; the next redraw shows it."""
        self.tracker.update(event)
        if isinstance(event, CompileDecided):
            self.say(f" {_name(self.tracker.rows[event.trial.id])} · {event.why}")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield at most as many lines as the terminal has, and none wider.

        The terminal could not erase the rest.
        """
        columns = options.max_width
        running = [self._current(row, columns) for row in self.tracker.running]
        waiting = [
            Text(f" {_name(row)} · waits for {row.waits_for}, which trains it")
            for row in self.tracker.rows.values()
            if row.waits_for
        ]
        room = max(3, console.size.height - 2)
        current = [*running, *waiting][: room - 2]
        left = room - len(current) - 2
        lines = [*self._models(left, columns), *([Text()] if left > 0 else []), *current]
        for line in [*lines, self._bar(columns)]:
            if isinstance(line, Text):
                line.no_wrap, line.overflow = True, "ellipsis"
            yield line

    def _models(self, room: int, columns: int) -> list[RenderableType]:
        """Return the networks in `room` lines; if there are more, those around the running ones."""
        labels, running = list(self.tracker.by_label), {row.label for row in self.tracker.running}
        if room < 1:
            return []
        if len(labels) <= room:
            return [self._table(labels, running, columns)]
        at = next((i for i, label in enumerate(labels) if label in running), self.tracker.done)
        first = min(max(0, at - (room - 1) // 2), len(labels) - (room - 1))
        shown = labels[first : first + room - 1]
        more = f" … {len(labels) - len(shown)} more networks"
        return [self._table(shown, running, columns), Text(more, style="dim")]

    def _table(self, labels: Sequence[str], running: Collection[str], columns: int) -> Table:
        """Return a row per network; in few columns names are shortened, then times left out."""
        cells = [self._figures(label) for label in labels]
        room = _room_for_names(cells, columns)
        if room < min(LEAST_NAME, max(map(cell_len, labels))):
            cells = [row[:2] for row in cells]
            room = _room_for_names(cells, columns)
        table = Table(box=None, show_header=False, padding=(0, GAP, 0, 0), pad_edge=False)
        for justify in ("left", "left", "right", "right"):
            table.add_column(justify=justify, no_wrap=True)
        for label, name, row in zip(labels, fitted(labels, max(1, room)), cells, strict=True):
            table.add_row(Text(f" {name}", style="bold" if label in running else ""), *row)
        return table

    def _figures(self, label: str) -> list[str]:
        """Return the marks of a network's trials, its accuracy and its time per epoch."""
        rows = self.tracker.by_label[label]
        found = [row.epochs[-1].test_accuracy for row in rows if row.epochs]
        last = [accuracy for accuracy in found if accuracy is not None]
        seconds = self.tracker.epoch_seconds(label)
        return [
            marks(rows),
            formatting.percent(sum(last) / len(last)) if last else "",
            f"{formatting.seconds(seconds)} per epoch" if seconds else "",
        ]

    def _current(self, row: TrialRow, columns: int) -> Text:
        """Return a running trial; in few columns without the curve of its loss, then its loss."""
        progress, epochs = row.progress, row.trial.config.epochs
        head = f" {_name(row)} · epoch {min(len(row.epochs) + 1, epochs)} of {epochs}"
        loss = curve = test = ""
        if progress and progress.loss == progress.loss:
            loss = f"   loss {formatting.fraction(progress.loss)}"
        if len(row.epochs) > 1:
            curve = f"   {sparkline([e.train_loss for e in row.epochs])}"
        if row.epochs and (accuracy := row.epochs[-1].test_accuracy) is not None:
            test = f"   test {formatting.percent(accuracy)}"
        ways = (f"{head}{loss}{curve}{test}", f"{head}{loss}{test}", f"{head}{test}", head)
        return Text(next((way for way in ways if cell_len(way) <= columns), head))

    def _bar(self, columns: int) -> Text:
        tracker, rest = self.tracker, self.tracker.remaining()
        spent = formatting.clock(time.monotonic() - tracker.started)
        text = f"{tracker.done} of {len(tracker.rows)} trials · {spent}"
        if rest and tracker.done < len(tracker.rows):
            text += f" · about {formatting.about_seconds(rest)} left"
        bar = min(BAR, max(LEAST_BAR, columns - len(text) - GAP))
        full = round(bar * min(1.0, tracker.progress()))
        return Text.assemble(" ", ("━" * full, "green"), ("─" * (bar - full), "dim"), f"  {text}")


def _room_for_names(cells: Sequence[Sequence[str]], columns: int) -> int:
    """Return the columns that the cells right of the names leave for these."""
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    return columns - 1 - sum(GAP + width for width in widths)


def marks(rows: Sequence[TrialRow]) -> str:
    """Return a mark per trial, or the number of ended trials if there are too many."""
    if len(rows) <= MOST_MARKS:
        return "".join(row.mark for row in rows)
    ended = sum(row.state not in ("waiting", "running") for row in rows)
    bad = sum(row.mark == "✗" for row in rows)
    return f"{ended} of {len(rows)}" + (f", {bad} ✗" if bad else "")


def epoch_line(row: TrialRow, epoch: Epoch) -> str:
    """Return one epoch as a line of text."""
    stopped = epoch.stopped_seconds or 0.0
    less = f", stopped for {formatting.seconds(stopped)} of them" if stopped > SHOWN_STOP else ""
    tested = ""
    if epoch.test_loss is not None and epoch.test_accuracy is not None:
        accuracy = formatting.percent(epoch.test_accuracy)
        tested = f"test loss {formatting.fraction(epoch.test_loss)} · test {accuracy} · "
    loss = formatting.fraction(epoch.train_loss)
    return (
        f"epoch {epoch.epoch}/{row.trial.config.epochs} · loss {loss} · {tested}"
        f"{formatting.seconds(epoch.train_seconds)}{less}"
    )


def sparkline(values: Sequence[float]) -> str:
    """Return values as a row of small bars, relative to the largest."""
    top = max(values) or 1.0
    return "".join(SPARKS[min(7, int(8 * value / top))] for value in values[-12:])


def _name(row: TrialRow) -> str:
    return f"{row.label} · seed {row.trial.seed}"


def _event_words(event: Event, tracker: Tracker) -> str:
    """Return an event as a line of text; empty if it is not shown."""
    row = tracker.rows[event.run.id if isinstance(event, Ended) else event.trial.id]
    match event:
        case EpochFinished(epoch=epoch):
            text = epoch_line(row, epoch)
        case CompileDecided(why=why):
            text = why
        case WorkerDied(message=message, attempt=attempt):
            text = f"{message}: try {attempt}"
        case Waiting(holder=holder):
            text = f"waits for {holder}, which trains it"
        case Started(history=history) if history:
            text = f"resumes after epoch {len(history)}"
        case Ended(reused=True):
            text = "from an earlier call"
        case Ended(run=run) if run.status != "finished":
            text = f"{row.state}: {run.message}"
        case _:
            return ""
    return f"{_name(row)} · {text}"
