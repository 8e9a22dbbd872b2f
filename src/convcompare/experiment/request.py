"""A comparison as requested: every option with its default, check and description.

The command line and `convcompare.compare` both build a `Request`, so that both accept the same
options and make the same trials. Errors name options as spelt in a shell; `api.py` converts them to
Python's spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from convcompare.core.config import Compile
from convcompare.core.corruptions import on_damaged_images
from convcompare.core.errors import UsageError, exclusive, invalid, one_of, quote
from convcompare.core.registry import register

from .budget import MATCHES, Budget, Unit
from .shard import Shard
from .until_clear import UntilClear, not_with_until_clear

LARGEST_SEED = 1_000_000
_NAME = re.compile(r"[^\W\d][\w.-]{0,63}")
MOST_JOBS = 256
CHANNELS_HINT = "3 repeats grey images, 1 averages colour images"
JOBS_HINT = f"a number from 1 to {MOST_JOBS}, or auto"
HELP: Mapping[str, str] = {
    "dataset": "Data set: mnist, fashion-mnist, kmnist, emnist, cifar10, cifar100, svhn, "
    "mnist-mini, shapes, torchvision:NAME, hf:OWNER/NAME, parquet:PATH, folder:PATH for your own "
    "images, or npz:FILE for arrays; `convcompare datasets` lists them [default: mnist].",
    "seeds": "Number of seeds, or a list such as 0,1,7 [default: 1].",
    "seed": "First seed [default: 0].",
    "epochs": "Passes over the training images [default: 5].",
    "batch_size": "Images per step [default: 64].",
    "lr": "Learning rate [default: 1e-3].",
    "optimizer": "adam, adamw, sgd or muon [default: adam].",
    "recipe": "Training recipe: report, modern or speedrun [default: report].",
    "image_size": "Resize the images to this side, in pixels.",
    "channels": "Channels of the images: 3 repeats grey ones, 1 averages colours, weighted by "
    "their luminance in a folder of images [default: those of the data set].",
    "train_images": "Number of training images, equally many of each class, drawn by the seed; "
    "with commas, each network is trained on each number [default: all].",
    "val_fraction": "Share of the training images to hold out for selection [default: 0].",
    "select": "Epoch whose figures count: last, or best on the images held out [default: last].",
    "evaluate": "Epochs after which the test images are evaluated: every, or the last 5 (last), "
    "for long trainings [default: every].",
    "freeze": "Freeze the parameters whose names match this regular expression.",
    "settings": "Any other training setting; may be repeated.",
    "name": "Name of the comparison, for `plot`, `report` and `runs`.",
    "baseline": "Reference network [default: the first].",
    "match": "Match the baseline: parameters or macs scale the width of the others; training-macs "
    "or time set how long they are trained.",
    "budget": "Train each network for as many steps as a budget pays for: macs=1e15 or time=2m.",
    "all_pairs": "Compare every pair of networks, and print a matrix.",
    "verdict_on": "Figures that verdicts are about, adjusted together: accuracy, test-loss, gap, "
    "time, memory, inference, stability, robustness, robustness=blur, epochs-to=0.98, metrics such "
    "as brier-score "
    "[default: accuracy].",
    "lr_grid": "Train each network at each of these learning rates, and keep the best on the "
    "images held out.",
    "until_clear": "Add seeds until every contrast is decided, with a controlled false-positive "
    "rate.",
    "max_seeds": "Maximum number of seeds for --until-clear [default: 20].",
    "max_time": "Start no new round of --until-clear after this time (90s, 30m, 2h).",
    "score": "Figure of the verdicts: last, or mean:5, the mean of the last 5 epochs [default: "
    "mean:5 under a constant rate and 10 epochs or more].",
    "margin": "Equivalence margin of --until-clear, in percentage points [default: 0.5].",
    "device": "auto, cpu, cuda, mps, xpu or KIND:N [default: auto].",
    "precision": "auto, fp32 or bf16 [default: auto].",
    "threads": "Threads per trial [default: all cores, fewer for a small network].",
    "compile": "Use torch.compile: auto, on or off [default: auto, if it pays within a long "
    "training].",
    "devices": "Devices per network (data-parallel): GPUs, or processes on the CPU [default: 1].",
    "jobs": "Parallel trials: a number, or auto, the fastest; each run is then timed alone "
    "[default: auto].",
    "executor": "local, processes, torchrun or ray [default: local; processes if parallel].",
    "ray_address": "Address of the Ray cluster for --executor ray [default: a temporary cluster].",
    "gpu_share": "Share of a GPU per trial for --executor ray --device cuda [default: 1].",
    "weights": "Keep the final weights of each run; tables and figures do not need them "
    "[default: keep].",
    "shard": "Run part I of N of the trials, without a table: for job arrays.",
    "store": "Folder of the run records, or a pack of it [default: runs].",
    "data_dir": "Folder with data sets in torchvision's layout.",
    "fresh": "Train finished runs again.",
    "dry_run": "Print the plan and stop.",
    "columns": "Further columns, separated by commas: epoch-time, inference, macs, "
    "receptive-field, gradients, memory, gaps, tta, robustness, published, epochs, "
    "epochs-to=0.98, metrics such as log-loss, or all.",
}
"""Description of each option, by its name in Python."""


@dataclass(frozen=True)
class ModelRequest:
    """A requested network: its label in tables, its spec, and its own settings."""

    label: str
    spec: str
    settings: Mapping[str, str] = field(default_factory=dict)


def model_requests(specs: Iterable[str]) -> tuple[ModelRequest, ...]:
    """Return networks that are labelled by their specs."""
    return tuple(ModelRequest(spec, spec) for spec in specs)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A comparison as requested; `HELP` describes each option.

    Whether the networks, data sets and devices exist is checked by `planning.prepare`.

    Raises:
        UsageError: if an option has an invalid value, or two options cannot be combined.
    """

    models: tuple[ModelRequest, ...]
    dataset: str = "mnist"
    channels: int | None = None
    seeds: tuple[int, ...] = (0,)
    recipe: str = "report"
    settings: Mapping[str, str] = field(default_factory=dict)
    """Training settings (`TrainConfig`) by name, as text."""
    name: str | None = None
    baseline: str | None = None
    match: str | None = None
    budget: str | None = None
    all_pairs: bool = False
    score: str | None = None
    verdict_on: tuple[str, ...] = ()
    """Names of the figures that verdicts are about; empty for accuracy alone."""
    lr_grid: tuple[str, ...] = ()
    """Learning rates as shown in labels; they are tried in increasing order."""
    until_clear: UntilClear | None = None
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    compile: Compile = "auto"
    jobs: int | None = None
    """Parallel trials; None chooses their number."""
    executor: str | None = None
    ray_address: str | None = None
    gpu_share: float = 1.0
    weights: bool = True
    shard: Shard | None = None
    worker: bool = False
    """Whether it runs the trials that no other worker runs, and prints no table."""
    store: Path = Path("runs")
    data_dir: Path | None = None
    fresh: bool = False
    dry_run: bool = False
    columns: tuple[str, ...] = ()
    study: str | None = None
    """Name of the study that the networks belong to; None for any other comparison."""
    command: tuple[str, ...] = ()
    """Arguments as typed in a shell; empty for a call from Python."""

    @property
    def is_part(self) -> bool:
        """Whether other commands run the rest of the trials."""
        return self.worker or self.shard is not None

    @property
    def budget_unit(self) -> Unit | None:
        """Unit in which training is equally long for all networks; None for equal settings."""
        if self.budget is not None:
            return Budget.parse(self.budget).unit
        return MATCHES.get(self.match or "")

    @property
    def sizes(self) -> tuple[str, ...]:
        """Numbers of training images in increasing order if there are several; otherwise empty."""
        found = self.settings.get("train_images", "").split(",")
        return tuple(sorted(map(str.strip, found), key=_whole)) if len(found) > 1 else ()

    def __post_init__(self) -> None:
        if not self.models:
            raise no_network()
        _check_seeds(self.seeds)
        _check_name(self.name)
        if self.channels not in (None, 1, 3):
            raise invalid("--channels", self.channels, CHANNELS_HINT)
        if self.threads is not None and self.threads < 1:
            raise invalid("--threads", self.threads, "a whole number, at least 1")
        message = f"invalid value for `--compile`: {quote(self.compile)}"
        one_of(get_args(Compile), self.compile, message, "allowed: auto, on, off")
        if self.jobs is not None and not 1 <= self.jobs <= MOST_JOBS:
            raise invalid("--jobs", self.jobs, JOBS_HINT)
        if not 0 < self.gpu_share <= 1:
            raise invalid("--gpu-share", self.gpu_share, "a number above 0, at most 1")
        _check_rates(self.lr_grid)
        self._check_once()
        self._check_until_clear()
        self._check_budget()
        self._check_sizes()
        self._check_part()
        if not self.weights and on_damaged_images((*self.columns, *self.verdict_on)):
            raise UsageError(
                "`--no-weights` and figures of robustness cannot be combined",
                "they are measured with the final weights of each run",
            )

    def _check_once(self) -> None:
        """Check that no training setting is given in two places, of which one would be ignored."""
        if self.lr_grid and "lr" in self.settings:
            raise exclusive("--lr-grid", "--lr", "leave one out")
        if self.precision not in ("auto", self.settings.get("precision", self.precision)):
            raise exclusive("--precision", "--set precision", "leave one out")

    def _check_budget(self) -> None:
        if self.budget is not None:
            if self.match in MATCHES:
                hint = "each sets the length of training: use one"
                raise exclusive("--budget", f"--match {self.match}", hint)
            if "epochs" in self.settings:
                raise exclusive("--budget", "--epochs", "the budget sets the length of training")
        unit = self.budget_unit
        if {"epochs", "steps"} <= {*self.settings}:
            raise exclusive("--epochs", "--set steps", "leave one out")
        if unit and "steps" in self.settings:
            raise UsageError("`--set steps` already sets the length of training", "leave it out")
        if unit == "time" and self.is_part:
            raise UsageError(
                "a time budget cannot be shared by several commands",
                "its steps differ between machines: use `--budget macs=1e15`",
            )

    def _check_until_clear(self) -> None:
        if self.until_clear is None:
            return
        self.until_clear.check()
        if self.lr_grid:
            raise not_with_until_clear("--lr-grid")
        if set(self.verdict_on) - {"accuracy"}:
            raise exclusive(
                "--verdict-on",
                "--until-clear",
                "seeds are added until the accuracy is decided; `--seeds N` fixes their number "
                "for other figures",
            )
        if len(self.seeds) > 1:
            raise not_with_until_clear("--seeds")
        if len(self.models) < 2:
            raise UsageError(
                "`--until-clear` needs two networks or more",
                "one network has no other to be compared with",
            )

    def _check_sizes(self) -> None:
        numbers = [_whole(text) for text in self.sizes]
        if not numbers:
            return
        if len(set(numbers)) < len(numbers) or min(numbers) < 1:
            text = self.settings["train_images"]
            raise invalid("--train-images", text, "numbers with commas, each once: 100,1000,10000")
        together = {"--lr-grid": self.lr_grid, "--until-clear": self.until_clear}
        for option in (name for name, given in together.items() if given):
            raise UsageError(
                f"several numbers of `--train-images` and `{option}` cannot be combined",
                "one number of images at a time",
            )

    def _check_part(self) -> None:
        """Check that a part of the trials is not combined with options that need all of them."""
        if not self.is_part:
            return
        part = "`convcompare worker`" if self.worker else "`--shard`"
        if self.until_clear:
            raise UsageError(
                f"{part} and `--until-clear` cannot be combined",
                "which seeds are added depends on the results of all parts; `--seeds N` says how "
                "many",
            )
        if self.worker and (self.fresh or self.shard):
            raise UsageError(
                f"{part} takes no {'`--fresh`' if self.fresh else '`--shard`'}",
                "it does what no other worker has done; `--shard I/N` is for `compare` and `study`",
            )


def no_network() -> UsageError:
    """Return the error for a command that needs a network and was given none."""
    return UsageError("no network given", "`convcompare models` lists them")


def seed_list(seeds: int | Sequence[int], first: int) -> tuple[int, ...]:
    """Return `seeds` consecutive seeds from `first`, or the seeds of a list.

    Raises:
        UsageError: if there is no seed.
    """
    if not isinstance(seeds, int):
        if max(seeds, default=0) > LARGEST_SEED:
            raise invalid("--seeds", ",".join(map(str, seeds)), SEEDS_HINT)
        return tuple(seeds)
    if not 1 <= seeds <= LARGEST_SEED:
        raise invalid("--seeds", seeds, SEEDS_HINT)
    return tuple(range(first, first + seeds))


SEEDS_HINT = "a number of seeds (5) or a list of seeds (0,1,7), each once"


def _check_seeds(seeds: Sequence[int]) -> None:
    text = ",".join(map(str, seeds))
    if not seeds or min(seeds) < 0:
        raise invalid("--seeds", text, SEEDS_HINT)
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"`--seeds` {quote(text)} repeats a seed", SEEDS_HINT)


def _check_name(name: str | None) -> None:
    """Check that a name cannot be confused with a run, a study or ``latest``."""
    if name is None:
        return
    if name == "latest":
        raise UsageError("`latest` is the latest comparison", "choose another name")
    if not _NAME.fullmatch(name):
        raise invalid("--name", name, "letters, digits, - and _, a letter first: --name kernels")
    if name in register.study.names() or name in register.model.names():
        raise UsageError(f"{quote(name)} is the name of a study or a network", "choose another")


def parse_jobs(text: str | None) -> int | None:
    """Return the number of parallel trials; None for ``auto``, the default."""
    if text is None or text == "auto":
        return None
    if not (text.isascii() and text.isdigit()):
        raise invalid("--jobs", text, JOBS_HINT)
    return int(text)


def _whole(text: str) -> int:
    """Return the whole number in a text; 0 if it has none."""
    return int(text) if text.isascii() and text.isdigit() else 0


def _check_rates(rates: Sequence[str]) -> None:
    try:
        distinct = {float(rate) for rate in rates}
    except ValueError:
        distinct = set()
    if rates and (len(rates) < 2 or len(distinct) < len(rates)):
        hint = "learning rates with commas, each once: 3e-4,1e-3,3e-3"
        raise invalid("--lr-grid", ",".join(rates), hint)
