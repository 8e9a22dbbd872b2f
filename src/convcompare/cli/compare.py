"""``convcompare compare``."""

from __future__ import annotations

from pathlib import Path

import typer

from . import options as o


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

    [bold]convcompare compare fcn simple residual[/bold]

    [bold]convcompare compare --dataset cifar10 residual simple --epochs 2 --seeds 3[/bold]

    [bold]convcompare compare net.py:MyNet simple --dataset folder:photos[/bold]

    [bold]convcompare compare simple residual --match parameters --seeds 5[/bold]

    Finished runs are reused and half-done ones go on; the same command can be stopped and repeated
    at any time.
    """
    from .arguments import (
        parse_columns,
        parse_compile,
        parse_duration,
        parse_jobs,
        parse_rates,
        parse_seeds,
        parse_settings,
        refuse_with_until_clear,
    )
    from .part import parse_shard
    from .request import Request, UntilClear, wanted
    from .session import perform

    plan = None
    if until_clear:
        plan = UntilClear(max_seeds, parse_duration(max_time), margin / 100)
        refuse_with_until_clear({"--seeds": seeds, "--lr-grid": lr_grid}, len(models))
    request = Request(
        models=wanted(models),
        dataset=dataset,
        seeds=parse_seeds(seeds, seed),
        recipe=recipe,
        settings=parse_settings(
            settings,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            optimizer=optimizer,
            image_size=image_size,
            val_fraction=val_fraction,
            select=select,
            devices=devices,
        ),
        precision=precision,
        device=device,
        threads=threads,
        compile=parse_compile(compile),
        executor=executor,
        jobs=parse_jobs(jobs, executor),
        ray_address=ray_address,
        gpu_share=gpu_share,
        weights=weights,
        shard=parse_shard(shard),
        worker=worker,
        store=store,
        data_dir=data_dir,
        fresh=fresh,
        dry_run=dry_run,
        format=format,
        out=out,
        quiet=quiet,
        columns=parse_columns(columns),
        baseline=baseline,
        match=match,
        all_pairs=all_pairs,
        lr_grid=parse_rates(lr_grid),
        until_clear=plan,
    )
    raise typer.Exit(perform(request))
