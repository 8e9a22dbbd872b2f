"""Groups of options that several commands take; each option is declared once, with its default.

    @grouped
    def compare(models: o.Models, training: TrainingOptions, output: OutputOptions) -> None:
        print(training.epochs, output.format)

A parameter whose type is a group represents all its options; the parser gets them one by one.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from convcompare.experiment.request import Request

from . import options as o

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class SeedOptions:
    """Seeds of each network."""

    seeds: o.Seeds = None
    seed: o.FirstSeed = 0


@dataclass(frozen=True)
class ContrastOptions:
    """What is compared, and how many seeds are added."""

    name: o.Name = Request.name
    baseline: o.Baseline = Request.baseline
    match: o.Match = Request.match
    budget: o.Budget = Request.budget
    all_pairs: o.AllPairs = Request.all_pairs
    score: o.Score = Request.score
    verdict_on: o.VerdictOn = None
    lr_grid: o.RateGrid = None
    until_clear: o.UntilClear = False
    max_seeds: o.MaxSeeds = None
    max_time: o.MaxTime = None
    margin: o.Margin = None


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is trained."""

    epochs: o.Epochs = None
    batch_size: o.BatchSize = None
    lr: o.LearningRate = None
    optimizer: o.Optimizer = None
    recipe: o.Recipe = Request.recipe
    image_size: o.ImageSize = None
    channels: o.Channels = None
    train_images: o.TrainImages = None
    val_fraction: o.ValFraction = None
    select: o.Select = None
    evaluate: o.Evaluate = None
    freeze: o.Freeze = None
    settings: o.Settings = None


@dataclass(frozen=True)
class MachineOptions:
    """Device, threads and precision of a trial."""

    device: o.Device = Request.device
    precision: o.Precision = Request.precision
    threads: o.Threads = Request.threads
    compile: o.Compile = Request.compile
    devices: o.Devices = None


@dataclass(frozen=True)
class ExecutorOptions:
    """How many trials run at a time and where, and which of them this command runs."""

    jobs: o.Jobs = None
    executor: o.Executor = Request.executor
    ray_address: o.RayAddress = Request.ray_address
    gpu_share: o.GpuShare = Request.gpu_share
    weights: o.KeepWeights = Request.weights
    shard: o.Shard = None
    worker: o.Worker = Request.worker


@dataclass(frozen=True)
class StoreOptions:
    """Folders of runs and data."""

    store: o.Store = Request.store
    data_dir: o.DataDir = Request.data_dir
    fresh: o.Fresh = Request.fresh


@dataclass(frozen=True)
class OutputOptions:
    """What is printed, and how."""

    dry_run: o.DryRun = Request.dry_run
    columns: o.Columns = None
    format: o.Format = "table"
    out: o.Out = None
    quiet: o.Quiet = False
    sort: o.Sort = None
    verbose: o.Verbose = False


def grouped(function: F) -> F:
    """Return `function` with each group of options replaced by its options, for the parser."""
    hints = get_type_hints(function, include_extras=True)
    parameters: list[inspect.Parameter] = []
    members: dict[str, tuple[Any, list[str]]] = {}
    for parameter in inspect.signature(function).parameters.values():
        kind = hints[parameter.name]
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
            plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
            parameters.append(parameter.replace(annotation=kind, kind=plain))
            continue
        inner = get_type_hints(kind, include_extras=True)
        names = [one.name for one in dataclasses.fields(kind)]
        members[parameter.name] = (kind, names)
        defaults = kind()
        parameters += [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=getattr(defaults, name),
                annotation=inner[name],
            )
            for name in names
        ]

    @functools.wraps(function)
    def flat(**given: Any) -> Any:
        for group, (kind, names) in members.items():
            given[group] = kind(**{name: given.pop(name) for name in names})
        return function(**given)

    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {one.name: one.annotation for one in parameters}
    del flat.__wrapped__
    return flat  # type: ignore[return-value]
