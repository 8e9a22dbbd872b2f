"""The options that mean the same in every command, declared once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer


def _names(kind: str) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        from convcompare.core.registry import register

        names = getattr(register, kind).names()
        return [name for name in names if name.startswith(incomplete)]

    return complete


model_names = _names("model")
dataset_names = _names("dataset")
plot_names = _names("plot")
study_names = _names("study")
export_names = _names("export")


def run_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids of the runs of the store, and ``latest``."""
    from convcompare.store.run_store import RunStore

    store = ctx.params.get("store") or os.environ.get("CONVCOMPARE_STORE") or "runs"
    names = ["latest", *RunStore(Path(store)).ids()]
    return [name for name in names if name.startswith(incomplete)]


def selected_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """What a figure or a report may be of: studies, networks, runs."""
    named = [*study_names(incomplete), *model_names(incomplete)]
    return [*named, *run_names(ctx, incomplete)]


TRAINING = "Training"
COMPARISON = "Comparison"
MACHINE = "Machine"
STORE = "Runs and data"
OUTPUT = "Output"


def option(*names: str, panel: str, **more: Any) -> Any:
    more.setdefault("metavar", VALUES.get(names[0]))
    return typer.Option(*names, rich_help_panel=panel, show_default=False, **more)


VALUES = {
    "--seed": "N",
    "--threads": "N",
    "--images": "N",
    "--epochs": "N",
    "--image-size": "PIXELS",
    "--dataset": "NAME",
    "--format": "NAME",
    "--figure-format": "NAME",
    "--layer": "NAME",
    "--measure": "NAME",
    "--run": "RUN",
    "--store": "DIR",
    "--data-dir": "DIR",
    "--out": "PATH",
}
"""What stands for the value of an option that means the same in every command."""


Models = Annotated[
    list[str],
    typer.Argument(
        help="Networks: NAME, NAME:option=value, file.py:Net or package.module:Net.",
        metavar="MODEL...",
        autocompletion=model_names,
        show_default=False,
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        help="A network: NAME, NAME:option=value, file.py:Net or package.module:Net.",
        autocompletion=model_names,
        show_default=False,
    ),
]
Selection = Annotated[
    list[str] | None,
    typer.Argument(
        help="A study, models, or runs by their ids (the latest comparison).",
        metavar="[STUDY | MODEL | RUN]...",
        autocompletion=selected_names,
    ),
]
Dataset = Annotated[
    str,
    option(
        "--dataset",
        "-d",
        panel=TRAINING,
        help="mnist (the default); `convcompare datasets` lists them, folder:PATH takes your own "
        "images.",
        autocompletion=dataset_names,
    ),
]
Seeds = Annotated[
    str | None,
    option(
        "--seeds",
        "-s",
        metavar="N",
        panel=TRAINING,
        help="How many seeds (1), or a list: 0,1,7.",
    ),
]
FirstSeed = Annotated[int, option("--seed", panel=TRAINING, min=0, help="The first seed.")]
Epochs = Annotated[
    str | None,
    option("--epochs", "-e", metavar="N", panel=TRAINING, help="Passes over the images (5)."),
]
BatchSize = Annotated[
    str | None,
    option("--batch-size", "-b", metavar="N", panel=TRAINING, help="Images a step (64)."),
]
LearningRate = Annotated[
    str | None, option("--lr", metavar="RATE", panel=TRAINING, help="Learning rate (1e-3).")
]
Optimizer = Annotated[
    str | None,
    option(
        "--optimizer",
        metavar="NAME",
        panel=TRAINING,
        help="adam (the default), adamw, sgd or muon.",
    ),
]
Recipe = Annotated[
    str,
    option(
        "--recipe", metavar="NAME", panel=TRAINING, help="report (the default), modern or speedrun."
    ),
]
ValFraction = Annotated[
    str | None,
    option(
        "--val-fraction",
        metavar="SHARE",
        panel=TRAINING,
        help="Hold out this share of the training images, to select by.",
    ),
]
Select = Annotated[
    str | None,
    option(
        "--select",
        metavar="EPOCH",
        panel=TRAINING,
        help="last (the default), or best: the epoch that is best on the images held out.",
    ),
]
ImageSize = Annotated[
    str | None,
    option(
        "--image-size",
        metavar="PIXELS",
        panel=TRAINING,
        help="Resize the images to this side, in pixels.",
    ),
]
Settings = Annotated[
    list[str] | None,
    option("--set", panel=TRAINING, metavar="NAME=VALUE", help="Any other training setting."),
]
Baseline = Annotated[
    str | None,
    option(
        "--baseline",
        metavar="MODEL",
        panel=COMPARISON,
        help="The network that the others are held against (the first).",
    ),
]
Match = Annotated[
    str | None,
    option(
        "--match",
        metavar="COST",
        panel=COMPARISON,
        help="Scale the width of the others until they cost what the baseline does: parameters or "
        "macs.",
    ),
]
RateGrid = Annotated[
    str | None,
    option(
        "--lr-grid",
        metavar="RATES",
        panel=COMPARISON,
        help="Train each network at all of these rates and take its best on the images held out.",
    ),
]
UntilClear = Annotated[
    bool,
    option(
        "--until-clear",
        panel=COMPARISON,
        help="Add seeds until every contrast is decided, without more false verdicts.",
    ),
]
MostSeeds = Annotated[
    int,
    option(
        "--max-seeds", metavar="N", panel=COMPARISON, min=2, help="With it: at most so many (20)."
    ),
]
MostTime = Annotated[
    str | None,
    option(
        "--max-time",
        metavar="TIME",
        panel=COMPARISON,
        help="With it: begin no round after so long (90s, 30m, 2h).",
    ),
]
Margin = Annotated[
    float,
    option(
        "--margin",
        metavar="POINTS",
        panel=COMPARISON,
        min=0.01,
        help="With it: networks that differ by less are called alike (0.5).",
    ),
]
AllPairs = Annotated[
    bool,
    option("--all-pairs", panel=COMPARISON, help="Compare every two networks, and show a matrix."),
]
Precision = Annotated[
    str,
    option("--precision", metavar="NAME", panel=MACHINE, help="auto (the default), fp32 or bf16."),
]
Device = Annotated[
    str,
    option(
        "--device", metavar="DEVICE", panel=MACHINE, help="auto (the default), cpu, cuda or cuda:1."
    ),
]
Threads = Annotated[
    int | None,
    option(
        "--threads",
        panel=MACHINE,
        min=1,
        help="Threads of each trial (all cores, fewer for a small network).",
    ),
]
Compile = Annotated[
    str,
    option(
        "--compile",
        metavar="WHEN",
        panel=MACHINE,
        help="Use torch.compile: auto (the default: where it pays within a long training), on or "
        "off.",
    ),
]
Jobs = Annotated[
    str | None,
    option(
        "--jobs",
        "-j",
        metavar="N",
        panel=MACHINE,
        help="Trials at a time, each in a process of its own (1), or auto; their times are "
        "measured afterwards, one alone.",
    ),
]
Devices = Annotated[
    str | None,
    option(
        "--devices",
        metavar="N",
        panel=MACHINE,
        help="Train each network on so many devices together, GPUs or processes on the CPU, each "
        "with a part of every batch (1).",
    ),
]
Executor = Annotated[
    str | None,
    option(
        "--executor",
        metavar="NAME",
        panel=MACHINE,
        help="How trials are run: local (here, the default), processes, torchrun or ray.",
    ),
]
RayAddress = Annotated[
    str | None,
    option(
        "--ray-address",
        metavar="HOST:PORT",
        panel=MACHINE,
        envvar="RAY_ADDRESS",
        help="With `--executor ray`: the cluster (one of this command's own).",
    ),
]
GpuShare = Annotated[
    float,
    option(
        "--gpu-share",
        metavar="S",
        panel=MACHINE,
        min=0.01,
        max=1.0,
        help="With `--executor ray --device cuda`: the part of a GPU that each trial takes (1).",
    ),
]
KeepWeights = Annotated[
    bool,
    option(
        "--weights/--no-weights",
        panel=STORE,
        help="Keep the final weights of each run (yes); tables and figures do not read them.",
    ),
]
Shard = Annotated[
    str | None,
    option(
        "--shard",
        metavar="I/N",
        panel=STORE,
        help="Run the I-th of N parts of the trials, and print no table: for arrays of jobs.",
    ),
]
Worker = Annotated[bool, typer.Option("--worker", hidden=True)]
Store = Annotated[
    Path,
    option(
        "--store",
        panel=STORE,
        envvar="CONVCOMPARE_STORE",
        help="Folder of the run records (runs).",
    ),
]
DataDir = Annotated[
    Path | None,
    option(
        "--data-dir",
        panel=STORE,
        envvar="CONVCOMPARE_DATA",
        help="Folder with data sets that you have, laid out as torchvision does.",
    ),
]
Fresh = Annotated[
    bool, option("--fresh", panel=STORE, help="Train again what has finished before.")
]
DryRun = Annotated[bool, option("--dry-run", "-n", panel=OUTPUT, help="Print the plan and stop.")]
Format = Annotated[
    str,
    option(
        "--format", "-f", metavar="NAME", panel=OUTPUT, help="table, json, csv, markdown or latex."
    ),
]
Columns = Annotated[
    str | None,
    option(
        "--columns",
        metavar="NAMES",
        panel=OUTPUT,
        help="More columns, with commas: epoch-time, inference, macs, receptive-field, gradients, "
        "memory, gaps, tta, published, epochs, epochs-to=0.98, metrics such as log-loss, or all.",
    ),
]
Out = Annotated[
    Path | None, option("--out", "-o", panel=OUTPUT, help="Write the result to a file.")
]
Quiet = Annotated[bool, option("--quiet", "-q", panel=OUTPUT, help="No progress, only results.")]
