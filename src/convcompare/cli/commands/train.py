"""``convcompare train``: a comparison of one network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from .. import options as o
from .compare import compare


def train(
    model: o.Model,
    dataset: o.Dataset = "mnist",
    seed: Annotated[
        int, o.option("--seed", "-s", panel=o.TRAINING, min=0, help="The seed (0).")
    ] = 0,
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
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    fresh: o.Fresh = False,
    dry_run: o.DryRun = False,
    columns: o.Columns = None,
    format: o.Format = "table",
    out: o.Out = None,
    quiet: o.Quiet = False,
) -> None:
    """Train one network once.

    $ convcompare train simple
    $ convcompare train residual:width=64 -d cifar10 --recipe modern --epochs 10
    $ convcompare train net.py:MyNet --seed 3
    """
    given = {**locals(), "models": [model]}
    del given["model"]
    compare(**given)
