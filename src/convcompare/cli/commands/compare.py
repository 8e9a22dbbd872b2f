"""``convcompare compare``."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import typer

from .. import options as o

if TYPE_CHECKING:
    from ..request import Request

SETTINGS = (
    "epochs",
    "batch_size",
    "lr",
    "optimizer",
    "image_size",
    "val_fraction",
    "select",
    "devices",
)
"""The settings of a training that have an option of their own."""


def compare(
    models: o.Models,
    dataset: o.Dataset = "mnist",
    seeds: o.Seeds = None,
    seed: o.FirstSeed = 0,
    baseline: o.Baseline = None,
    match: o.Match = None,
    all_pairs: o.AllPairs = False,
    lr_grid: o.RateGrid = None,
    until_clear: o.UntilClear = False,
    max_seeds: o.MostSeeds = 20,
    max_time: o.MostTime = None,
    margin: o.Margin = 0.5,
    epochs: o.Epochs = None,
    batch_size: o.BatchSize = None,
    lr: o.LearningRate = None,
    optimizer: o.Optimizer = None,
    recipe: o.Recipe = "report",
    image_size: o.ImageSize = None,
    val_fraction: o.ValFraction = None,
    select: o.Select = None,
    settings: o.Settings = None,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    threads: o.Threads = None,
    compile: o.Compile = "auto",
    devices: o.Devices = None,
    jobs: o.Jobs = None,
    executor: o.Executor = None,
    ray_address: o.RayAddress = None,
    gpu_share: o.GpuShare = 1.0,
    weights: o.KeepWeights = True,
    shard: o.Shard = None,
    worker: o.Worker = False,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    fresh: o.Fresh = False,
    dry_run: o.DryRun = False,
    columns: o.Columns = None,
    format: o.Format = "table",
    out: o.Out = None,
    quiet: o.Quiet = False,
) -> None:
    """Train networks under the same conditions and print the table of the reports.

    $ convcompare compare fcn simple residual
    $ convcompare compare --dataset cifar10 residual simple --epochs 2 --seeds 3
    $ convcompare compare net.py:MyNet simple --dataset folder:photos
    $ convcompare compare simple residual --match parameters --seeds 5

    Finished runs are reused and half-done ones go on; the same command can be stopped and repeated
    at any time.
    """
    given = locals()
    from ..session import perform

    raise typer.Exit(perform(request(given)))


def request(given: dict[str, Any]) -> Request:
    """What was asked for, by the parameters of `compare`."""
    from ..arguments import (
        parse_columns,
        parse_compile,
        parse_duration,
        parse_jobs,
        parse_rates,
        parse_seeds,
        parse_settings,
        refuse_with_until_clear,
    )
    from ..part import parse_shard
    from ..request import Request, UntilClear, wanted

    asked, rest = SimpleNamespace(**given), dict(given)
    settings = {name: rest.pop(name) for name in SETTINGS}
    for name in ("seed", "max_seeds", "max_time", "margin"):
        del rest[name]
    plan = None
    if asked.until_clear:
        plan = UntilClear(asked.max_seeds, parse_duration(asked.max_time), asked.margin / 100)
        refuse_with_until_clear(
            {"--seeds": asked.seeds, "--lr-grid": asked.lr_grid}, len(asked.models)
        )
    read = {
        "models": wanted(asked.models),
        "seeds": parse_seeds(asked.seeds, asked.seed),
        "settings": parse_settings(asked.settings, **settings),
        "compile": parse_compile(asked.compile),
        "jobs": parse_jobs(asked.jobs, asked.executor),
        "shard": parse_shard(asked.shard),
        "columns": parse_columns(asked.columns),
        "lr_grid": parse_rates(asked.lr_grid),
        "until_clear": plan,
    }
    return Request(**{**rest, **read})
