"""``convcompare robustness``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from convcompare.core.errors import one_of, quote
from convcompare.output.tables.formats import chosen_format

from .. import completions as c
from .. import options as o
from ..arguments import parse_figures
from ..console_reporter import ConsoleReporter
from ..output import emit_robustness, end

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Comparison

DEFAULT_FIGURES = ("robustness", "consistency")
"""Default figures of verdicts."""


def robustness(
    names: o.Selection = None,
    show: Annotated[
        str,
        o.option(
            "--show",
            metavar="FIGURE",
            panel=o.OUTPUT,
            help="One column per damage: accuracy, consistency or error [default: accuracy].",
            autocompletion=c.one_of("accuracy", "consistency", "error"),
        ),
    ] = "accuracy",
    baseline: o.Baseline = None,
    verdict_on: o.VerdictOn = None,
    device: o.Device = "auto",
    threads: o.Threads = None,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    fresh: Annotated[bool, o.option("--fresh", panel=o.STORE, help="Measure again.")] = False,
    format: o.Format = "table",
    out: o.Out = None,
    quiet: o.Quiet = False,
) -> None:
    """Measure accuracy on damaged images: shifts, rotation, noise, blur and others.

    $ convcompare robustness
    $ convcompare robustness fcn simple --show consistency
    $ convcompare robustness --verdict-on robustness=shift,robustness=noise
    $ convcompare plot robustness

    The networks are rebuilt from the stored weights; nothing is trained. What is measured is kept
    with the runs, on the same images for every network.
    """
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.robustness import Robustness
    from convcompare.comparison.selection import select
    from convcompare.data.load import default_sources
    from convcompare.experiment.robustness import measure_stored
    from convcompare.output.tables.robustness_table import SHOWN
    from convcompare.store.run_store import RunStore

    kind = chosen_format(format, out)
    shown = one_of(SHOWN, show, f"invalid value for `--show`: {quote(show)}", ", ".join(SHOWN))
    figures = parse_figures(verdict_on) or DEFAULT_FIGURES
    opened = RunStore(store)
    comparison = _against(select(opened, names or []), baseline)
    sources, reporter = default_sources(data_dir, quiet=quiet), ConsoleReporter(quiet)
    measure_stored(comparison, opened, sources, (device, threads), reporter, fresh)
    found = Robustness(comparison, opened)
    assessment = Assessment(replace(comparison, verdict_on=figures), opened)
    emit_robustness(found, assessment, shown, kind, out)
    end(opened)


def _against(comparison: Comparison, baseline: str | None) -> Comparison:
    comparison.require_finished()
    if baseline is None:
        return comparison
    labels = [*comparison.by_label]
    one_of(labels, baseline, f"{quote(baseline)} is not among them", ", ".join(labels))
    return replace(comparison, baseline=baseline)
