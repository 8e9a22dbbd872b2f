"""``convcompare compare``."""

from __future__ import annotations

import typer

from convcompare.experiment.request import Request, model_requests

from .. import options as o
from ..arguments import build_request
from ..option_groups import (
    ContrastOptions,
    ExecutorOptions,
    MachineOptions,
    OutputOptions,
    SeedOptions,
    StoreOptions,
    TrainingOptions,
    grouped,
)


@grouped
def compare(
    models: o.Models,
    *,
    dataset: o.Dataset = Request.dataset,
    seeds: SeedOptions,
    contrasts: ContrastOptions,
    training: TrainingOptions,
    machine: MachineOptions,
    executor: ExecutorOptions,
    store: StoreOptions,
    output: OutputOptions,
) -> None:
    """Train networks under the same conditions, and print a table with verdicts.

    $ convcompare compare fcn simple residual
    $ convcompare compare --dataset cifar10 residual simple --epochs 2 --seeds 3
    $ convcompare compare net.py:MyNet simple --dataset folder:photos
    $ convcompare compare simple residual --match parameters --seeds 5

    Finished runs are reused and incomplete ones resume: stop and repeat the command at any time.
    """
    from ..run_comparison import perform

    request = build_request(
        model_requests(models),
        dataset,
        seeds=seeds,
        contrasts=contrasts,
        training=training,
        machine=machine,
        executor=executor,
        store=store,
        output=output,
    )
    raise typer.Exit(perform(request, output))
