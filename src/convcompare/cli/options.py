"""Options that mean the same in every command, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from convcompare.experiment.request import HELP

from . import completions as c

TRAINING = "Training"
COMPARISON = "Comparison"
MACHINE = "Machine"
STORE = "Runs and data"
OUTPUT = "Output"


def option(*names: str, panel: str, **more: Any) -> Any:
    """Return an option of the parser; its help is in `HELP` unless `help` is given."""
    long = names[0].removeprefix("--").partition("/")[0].replace("-", "_")
    more.setdefault("metavar", VALUES.get(names[0]))
    more.setdefault("autocompletion", COMPLETIONS.get(names[0]))
    more.setdefault("help", HELP.get("settings" if long == "set" else long))
    return typer.Option(*names, rich_help_panel=panel, show_default=False, **more)


VALUES = {
    "--seed": "N",
    "--threads": "N",
    "--images": "N",
    "--epochs": "N",
    "--image-size": "PIXELS",
    "--channels": "N",
    "--dataset": "NAME",
    "--format": "NAME",
    "--figure-format": "NAME",
    "--layer": "NAME",
    "--measure": "NAME",
    "--run": "RUN",
    "--comparison": "NAME",
    "--device": "DEVICE",
    "--store": "DIR",
    "--data-dir": "DIR",
    "--out": "PATH",
}
"""Placeholders for values of options that mean the same in every command."""
COMPLETIONS = {
    "--dataset": c.dataset_names,
    "--baseline": c.model_names,
    "--comparison": c.comparison_names,
    "--optimizer": c.one_of("adam", "adamw", "sgd", "muon"),
    "--recipe": c.one_of("report", "modern", "speedrun"),
    "--select": c.one_of("last", "best"),
    "--evaluate": c.one_of("every", "last"),
    "--match": c.one_of("parameters", "macs", "training-macs", "time"),
    "--score": c.one_of("last", "mean:5"),
    "--precision": c.one_of("auto", "fp32", "bf16"),
    "--device": c.one_of("auto", "cpu", "cuda", "mps", "xpu"),
    "--compile": c.one_of("auto", "on", "off"),
    "--executor": c.executor_names,
    "--format": c.one_of("table", "json", "csv", "markdown", "latex"),
    "--columns": c.column_lists,
    "--sort": c.sortable,
    "--verdict-on": c.figure_lists,
}
"""Completers of option values."""


_MODELS = typer.Argument(
    help="Networks: NAME, NAME:option=value, file.py:Net or package.module:Net.",
    metavar="MODEL...",
    autocompletion=c.model_names,
    show_default=False,
)
Models = Annotated[list[str], _MODELS]
OptionalModels = Annotated[list[str] | None, _MODELS]
Model = Annotated[
    str,
    typer.Argument(
        help="A network: NAME, NAME:option=value, file.py:Net or package.module:Net.",
        autocompletion=c.model_names,
        show_default=False,
    ),
]
Selection = Annotated[
    list[str] | None,
    typer.Argument(
        help="A comparison by its name, a study, networks, or runs by the beginnings of their ids "
        "[default: the latest comparison].",
        metavar="[STUDY | MODEL | RUN]...",
        autocompletion=c.selected_names,
    ),
]
Dataset = Annotated[str, option("--dataset", "-d", panel=TRAINING)]
Seeds = Annotated[str | None, option("--seeds", "-s", metavar="N", panel=TRAINING)]
FirstSeed = Annotated[int, option("--seed", panel=TRAINING, min=0)]
Epochs = Annotated[str | None, option("--epochs", "-e", panel=TRAINING)]
BatchSize = Annotated[str | None, option("--batch-size", "-b", metavar="N", panel=TRAINING)]
LearningRate = Annotated[str | None, option("--lr", metavar="RATE", panel=TRAINING)]
Optimizer = Annotated[str | None, option("--optimizer", metavar="NAME", panel=TRAINING)]
Recipe = Annotated[str, option("--recipe", metavar="NAME", panel=TRAINING)]
TrainImages = Annotated[str | None, option("--train-images", metavar="N", panel=TRAINING)]
ValFraction = Annotated[str | None, option("--val-fraction", metavar="SHARE", panel=TRAINING)]
Select = Annotated[str | None, option("--select", metavar="EPOCH", panel=TRAINING)]
Evaluate = Annotated[str | None, option("--evaluate", metavar="EPOCHS", panel=TRAINING)]
Freeze = Annotated[str | None, option("--freeze", metavar="REGEX", panel=TRAINING)]
ImageSize = Annotated[str | None, option("--image-size", panel=TRAINING)]
Channels = Annotated[str | None, option("--channels", panel=TRAINING)]
Settings = Annotated[list[str] | None, option("--set", panel=TRAINING, metavar="NAME=VALUE")]
Name = Annotated[str | None, option("--name", metavar="NAME", panel=COMPARISON)]
Baseline = Annotated[str | None, option("--baseline", metavar="MODEL", panel=COMPARISON)]
Match = Annotated[str | None, option("--match", metavar="COST", panel=COMPARISON)]
Budget = Annotated[str | None, option("--budget", metavar="COST", panel=COMPARISON)]
RateGrid = Annotated[str | None, option("--lr-grid", metavar="RATES", panel=COMPARISON)]
UntilClear = Annotated[bool, option("--until-clear", panel=COMPARISON)]
MaxSeeds = Annotated[int | None, option("--max-seeds", metavar="N", panel=COMPARISON, min=2)]
MaxTime = Annotated[str | None, option("--max-time", metavar="TIME", panel=COMPARISON)]
Margin = Annotated[float | None, option("--margin", metavar="POINTS", panel=COMPARISON, min=0.01)]
Score = Annotated[str | None, option("--score", metavar="FIGURE", panel=COMPARISON)]
VerdictOn = Annotated[str | None, option("--verdict-on", metavar="NAMES", panel=COMPARISON)]
AllPairs = Annotated[bool, option("--all-pairs", panel=COMPARISON)]
Precision = Annotated[str, option("--precision", metavar="NAME", panel=MACHINE)]
Device = Annotated[str, option("--device", panel=MACHINE)]
Threads = Annotated[int | None, option("--threads", panel=MACHINE, min=1)]
Compile = Annotated[str, option("--compile", metavar="WHEN", panel=MACHINE)]
Jobs = Annotated[str | None, option("--jobs", "-j", metavar="N", panel=MACHINE)]
Devices = Annotated[str | None, option("--devices", metavar="N", panel=MACHINE)]
Executor = Annotated[str | None, option("--executor", metavar="NAME", panel=MACHINE)]
RayAddress = Annotated[
    str | None, option("--ray-address", metavar="HOST:PORT", panel=MACHINE, envvar="RAY_ADDRESS")
]
GpuShare = Annotated[float, option("--gpu-share", metavar="S", panel=MACHINE, min=0.01, max=1.0)]
KeepWeights = Annotated[bool, option("--weights/--no-weights", panel=STORE)]
Shard = Annotated[str | None, option("--shard", metavar="I/N", panel=STORE)]
Worker = Annotated[bool, typer.Option("--worker", hidden=True)]
Store = Annotated[Path, option("--store", panel=STORE, envvar="CONVCOMPARE_STORE")]
DataDir = Annotated[Path | None, option("--data-dir", panel=STORE, envvar="CONVCOMPARE_DATA")]
Fresh = Annotated[bool, option("--fresh", panel=STORE)]
DryRun = Annotated[bool, option("--dry-run", "-n", panel=OUTPUT)]
Format = Annotated[
    str,
    option("--format", "-f", panel=OUTPUT, help="table, json, csv, markdown or latex."),
]
Columns = Annotated[str | None, option("--columns", metavar="NAMES", panel=OUTPUT)]
Sort = Annotated[
    str | None,
    option(
        "--sort",
        metavar="COLUMN",
        panel=OUTPUT,
        help="Sort the table by a column: model, test-accuracy, time, parameters …",
    ),
]
Verbose = Annotated[
    bool, option("--verbose", panel=OUTPUT, help="Show all notes, and a warning per network.")
]
Out = Annotated[
    Path | None, option("--out", "-o", panel=OUTPUT, help="Write the result to a file.")
]
Quiet = Annotated[
    bool, option("--quiet", "-q", panel=OUTPUT, help="Print results only, no progress.")
]
