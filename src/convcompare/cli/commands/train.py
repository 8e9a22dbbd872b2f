"""``convcompare train``: a comparison of one network."""

from __future__ import annotations

from typing import Annotated

import typer

from convcompare.experiment.request import Request, model_requests

from .. import options as o
from ..arguments import build_request
from ..option_groups import (
    MachineOptions,
    OutputOptions,
    SeedOptions,
    StoreOptions,
    TrainingOptions,
    grouped,
)


@grouped
def train(
    model: o.Model,
    *,
    dataset: o.Dataset = Request.dataset,
    seed: Annotated[
        int, o.option("--seed", "-s", panel=o.TRAINING, min=0, help="Seed [default: 0].")
    ] = 0,
    training: TrainingOptions,
    machine: MachineOptions,
    store: StoreOptions,
    output: OutputOptions,
) -> None:
    """Train one network once.

    $ convcompare train simple
    $ convcompare train residual:width=64 -d cifar10 --recipe modern --epochs 10
    $ convcompare train net.py:MyNet --seed 3
    """
    from ..run_comparison import perform

    request = build_request(
        model_requests([model]),
        dataset,
        seeds=SeedOptions(seed=seed),
        training=training,
        machine=machine,
        store=store,
        output=output,
    )
    raise typer.Exit(perform(request, output))
