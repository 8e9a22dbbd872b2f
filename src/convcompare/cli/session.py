"""From a request on the command line to a finished comparison: check, plan, run, print."""

from __future__ import annotations

import dataclasses
import datetime
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import files, register, units
from ..config import Runtime, recipe, recipe_name
from ..errors import Terminated, UsageError, quote
from ..tables import Column, Table, check_format
from .console import show_warning, talk
from .output import emit_comparison, emit_table

if TYPE_CHECKING:
    from ..build import Builder
    from ..comparison import Comparison, Conditions
    from ..data import Dataset
    from ..experiment import TrialRunner
    from ..run import Run, Trial
    from ..store import RunStore
    from .progress import Tracker


@dataclass(frozen=True)
class Request:
    """A comparison as it was asked for."""

    models: Sequence[str]
    dataset: str
    seeds: Sequence[int]
    recipe: str
    settings: dict[str, str]
    precision: str
    device: str
    threads: int | None
    executor: str
    store: Path
    data_dir: Path | None
    fresh: bool
    dry_run: bool
    format: str
    out: Path | None
    quiet: bool


def perform(request: Request) -> int:
    """Do what was asked; the exit code."""
    kind = check_format(request.format)
    job = prepare(request)
    if not request.quiet:
        say_conditions(job)
    if request.dry_run:
        emit_table(_plan_table(job), kind, request.out)
        return 0
    comparison = run_job(job, request)
    emit_comparison(comparison, kind, request.out)
    return 1 if comparison.failed else 0


@dataclass(frozen=True)
class Job:
    """Everything that was checked before anything runs."""

    dataset: Dataset
    builders: Mapping[str, Builder]
    trials: Sequence[Trial]
    conditions: Conditions
    runtime: Runtime
    store: RunStore
    precision_reason: str


def prepare(request: Request) -> Job:
    """Check everything that can be wrong, so that nothing fails after an hour."""
    config = recipe(request.recipe).replace(request.settings)
    if not request.dry_run:
        files.check_writable(request.store)
    _say_loading(request)
    from ..build import resolve
    from ..comparison import Conditions
    from ..data import Sources
    from ..experiment import check_fit, grid, shape_of
    from ..hardware import choose_precision, choose_runtime
    from ..load import default_cache, load_dataset
    from ..store import RunStore

    _ = register.executor[request.executor]
    runtime = choose_runtime(request.device, request.threads)
    precision, reason = choose_precision(request.precision, runtime.device)
    if "precision" not in request.settings:
        config = config.replace({"precision": precision})
    started = time.perf_counter()
    sources = Sources(default_cache(), request.data_dir, quiet=request.quiet)
    dataset = load_dataset(request.dataset, sources)
    loading_seconds = time.perf_counter() - started
    check_fit(config, dataset)
    shape = shape_of(dataset, config)
    builders = _distinct(request.models, [resolve(text, shape) for text in request.models])
    for label, builder in builders.items():  # each is built: what fails, fails before all runs
        _warn_unreached(label, builder.description.unreached)
    conditions = Conditions(
        dataset=dataset.name,
        train_images=len(dataset.train),
        test_images=len(dataset.test),
        shape=str(shape),
        test_split=dataset.test_split,
        recipe=recipe_name(config),
        epochs=config.epochs,
        precision=config.precision,
        device=_device_words(runtime),
        loading_seconds=loading_seconds,
    )
    trials = grid(builders, dataset, request.seeds, config)
    store = RunStore(request.store)
    return Job(dataset, builders, trials, conditions, runtime, store, reason)


def _distinct(labels: Sequence[str], builders: Sequence[Builder]) -> dict[str, Builder]:
    """Builders by label, each network once."""
    seen: dict[str, str] = {}
    for label, builder in zip(labels, builders, strict=True):
        if builder.spec in seen:
            raise UsageError(
                f"{quote(label)} is the same network as {quote(seen[builder.spec])}",
                "name each network once; `--seeds N` repeats it with other seeds",
            )
        seen[builder.spec] = label
    return dict(zip(labels, builders, strict=True))


def run_job(job: Job, request: Request) -> Comparison:
    """Run what is missing, show it as it runs, and keep a record of the comparison."""
    from ..comparison import Comparison, group_runs
    from ..events import Ended
    from ..experiment import TrialRunner, execute
    from .progress import Tracker, follow

    if request.fresh:
        for trial in job.trials:
            job.store.forget(trial.id)
    ended: dict[str, tuple[Run, bool]] = {}
    runner = TrialRunner(job.store, job.runtime, job.dataset)
    live = talk().is_terminal and not request.quiet
    tracker = Tracker(job.trials, _expected(job, runner) if live else {})
    try:
        with follow(tracker, talk(), request.quiet) as view:
            for event in execute(job.trials, runner, request.executor):
                view.show(event)
                if isinstance(event, Ended):
                    ended[event.run.id] = (event.run, event.reused)
    except (KeyboardInterrupt, Terminated):
        _say_interrupted(tracker)
        raise
    runs = [ended[trial.id][0] for trial in job.trials]
    reused = [ended[trial.id][1] for trial in job.trials]
    now = datetime.datetime.now(datetime.UTC)
    loading = job.conditions.loading_seconds + runner.loading_seconds
    comparison = Comparison(
        dataclasses.replace(job.conditions, loading_seconds=loading),
        tuple(group_runs([trial.label for trial in job.trials], runs, reused)),
        now.isoformat(timespec="seconds"),
        tuple(sys.argv[1:]),
    )
    job.store.add_comparison(now.strftime("%Y%m%dT%H%M%S%f"), comparison.record())
    return comparison


def _expected(job: Job, runner: TrialRunner) -> dict[str, float]:
    """Seconds an epoch takes, by label, from a few steps of each model that has runs to do."""
    missing = [trial for trial in job.trials if not job.store.finished(trial.id)]
    first = {trial.label: trial for trial in reversed(missing)}
    return {label: runner.epoch_seconds(trial, steps=1) for label, trial in first.items()}


def _plan_table(job: Job) -> Table:
    from ..experiment import TrialRunner

    runner = TrialRunner(job.store, job.runtime, job.dataset)
    rows = []
    for label, builder in job.builders.items():
        trials = [trial for trial in job.trials if trial.label == label]
        left = [trial for trial in trials if not job.store.finished(trial.id)]
        seconds = runner.epoch_seconds(trials[0]) * trials[0].config.epochs if left else 0.0
        rows.append(
            {
                "model": label,
                "parameters": builder.description.parameters,
                "macs": builder.description.macs,
                "epochs": trials[0].config.epochs,
                "seeds": len(trials),
                "finished": len(trials) - len(left),
                "estimated_seconds": round(seconds * len(left), 1),
            }
        )
    total = sum(float(str(row["estimated_seconds"])) for row in rows)
    note = f"training takes about {units.about_seconds(total)}, from a few measured steps a model"
    return Table(PLAN_COLUMNS, tuple(rows), (note, "nothing was run: this is the plan"))


PLAN_COLUMNS = (
    Column("model", "model", "left"),
    Column("parameters", "parameters", show=units.count, priority=1),
    Column("macs", "MACs", show=units.large, priority=3),
    Column("epochs", "epochs", priority=4),
    Column("seeds", "seeds", priority=2),
    Column("finished", "already run", priority=5),
    Column("estimated_seconds", "estimated", show=units.about_seconds),
)


def _device_words(runtime: Runtime) -> str:
    if runtime.device != "cpu":
        return f"{runtime.device} ({runtime.reason})"
    return f"cpu, {runtime.threads} thread{'s' if runtime.threads != 1 else ''}"


def _say_loading(request: Request) -> None:
    console = talk()
    if not request.quiet and console.is_terminal and "torch" not in sys.modules:
        console.print("loading torch …", style="dim", end="\r")


def say_conditions(job: Job) -> None:
    """What all runs have in common, in two lines."""
    c, config = job.conditions, job.trials[0].config
    seeds = len(job.trials) // len(job.builders)
    interleaved = ", interleaved" if seeds > 1 and len(job.builders) > 1 else ""
    console = talk()
    pipe = not console.is_terminal
    console.print(
        f"{c.dataset} · {units.count(c.train_images)} train, {units.count(c.test_images)} test · "
        f"{c.shape} · {c.test_split}, last epoch",
        soft_wrap=pipe,
    )
    console.print(
        f"recipe {c.recipe}: {config.optimizer} {config.lr:g}, batch {config.batch_size}, "
        f"{c.epochs} epoch{'s' if c.epochs != 1 else ''} · {c.device}, "
        f"{c.precision} ({job.precision_reason}) · "
        f"{seeds} seed{'s' if seeds != 1 else ''}{interleaved}\n",
        soft_wrap=pipe,
    )


def _warn_unreached(label: str, names: Sequence[str]) -> None:
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        listed = ", ".join(quote(name) for name in names[:5])
        show_warning(
            f"parameters of {quote(label)} that no gradient reaches: {listed}{more}",
            "they are counted, and stay as they were drawn",
        )


def _say_interrupted(tracker: Tracker) -> None:
    row = tracker.current
    where = f"{tracker.done} of {len(tracker.rows)} trials are finished"
    if row and row.epochs:
        where += f", epoch {len(row.epochs)} of {quote(row.label)} (seed {row.trial.seed}) is saved"
    show_warning(f"interrupted: {where}", "the same command goes on from here")
