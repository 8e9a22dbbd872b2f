"""How a trial is trained: `TrainConfig` may change the numbers, `Runtime` only the speed.

A recipe is a named `TrainConfig`. ``report`` is what the student reports used, ``modern`` what the
field uses today, ``speedrun`` what is made for few epochs on CIFAR-10 (docs/concepts/speedrun.md);
every field can be set apart (``--lr``, ``--set schedule=cosine``).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from .errors import UsageError, did_you_mean, one_of, quote
from .spec import Above, AtLeast, Between, Count, Probability, options_of

Precision = Literal["fp32", "bf16"]
Compile = Literal["auto", "on", "off"]
SETTINGS = (
    *("epochs", "batch_size", "lr", "optimizer"),
    *("image_size", "train_images", "val_fraction", "select", "evaluate", "freeze", "devices"),
)
"""The settings of a training (`TrainConfig`) that have an option of their own."""
TRAINING_PASSES = 3
"""A training step costs so many forward passes: one, and two for the gradients of weights and
activations (Hobbhahn and Sevilla 2021, "What's the backward-forward FLOP ratio for neural
networks?")."""
NonNegative = Annotated[float, AtLeast(0)]
LAST_EPOCHS = 5
"""Epochs at the end of a training that ``evaluate`` ``last`` measures on the test images: those
whose mean is the score of a comparison (`comparison.score`)."""
OF_EVERY_EPOCH = ("accuracy-area", "convergence", "epochs-to")
"""Columns and figures of verdicts that are read from the test accuracy after every epoch."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that may change the numbers of a trial, but the network, the data and the seed.

    ``schedule`` is a function of the step: ``constant``, ``cosine`` (to zero), ``one-cycle``
    (linear warm-up over the first 30 % of the steps, then linear to zero; Smith and Topin 2017,
    arXiv:1708.07120) or ``triangle`` (linear from 20 % of its peak over the first 10 % of the
    steps, then linear to zero; after arXiv:2404.00498); `lr` is its highest value. ``augment`` asks
    for what the data allows: shifts by up to 1/8 of the side, and mirror images where they keep the
    class; ``alternating`` shifts by up to 1/16 and mirrors each image every other epoch. ``muon``
    turns convolutions by `lr` a step and trains all else by ``other_lr`` (`lr` where it is none).
    ``tta`` measures the test accuracy also by several views of each image, beside the plain one.
    ``image_size`` is the side that images are resized to on the device, for networks that need more
    pixels. ``precision`` is the type of matrix products and convolutions; weights and optimizer are
    always float32.
    ``steps`` ends the training after so many, within its last epoch; schedules end with it.
    ``train_images`` cuts the training split to so many images, equally many of each class as far as
    the class has them, drawn by the seed: fewer of them are a part of more. ``val_fraction`` of the
    training images, of each class alike, are held out: they choose the
    epoch whose figures count where ``select`` is ``best``; else it is the last.
    ``evaluate`` ``last`` measures the test images after the last `LAST_EPOCHS` epochs alone, and
    after each that is the best so far where one is selected; it changes no weights.
    ``freeze`` is a regular expression: parameters in whose names it is found do not train. The
    running statistics of BatchNorm are none, and move with every step of the training.
    ``devices`` train one network together, each on its part of every batch: `batch_size` is that of
    the whole batch and `lr` stays what it is. The order of summation and BatchNorm, which sees one
    part at a time, change the numbers.
    """

    epochs: Count = 5
    batch_size: Count = 64
    optimizer: Literal["adam", "adamw", "sgd", "muon"] = "adam"
    lr: Annotated[float, Above(0)] = 1e-3
    schedule: Literal["constant", "cosine", "one-cycle", "triangle"] = "constant"
    momentum: Probability = 0.9
    weight_decay: NonNegative = 0.0
    label_smoothing: Annotated[float, Between(0, 1)] = 0.0
    augment: bool | Literal["alternating"] = False
    image_size: Count | None = None
    precision: Precision = "fp32"
    val_fraction: Probability = 0.0
    select: Literal["last", "best"] = "last"
    other_lr: Annotated[float, Above(0)] | None = None
    tta: bool = False
    devices: Count = 1
    train_images: Count | None = None
    steps: Count | None = None
    freeze: str | None = None
    evaluate: Literal["every", "last"] = "every"

    def replace(self, settings: Mapping[str, str]) -> TrainConfig:
        """This configuration with some fields set from text; UsageError names what is wrong."""
        options = options_of(TrainConfig)
        values = dataclasses.asdict(self)
        for name, text in settings.items():
            if name not in options:
                raise UsageError(
                    f"there is no setting {quote(name)}",
                    did_you_mean(name, options)
                    or f"settings: {', '.join(options)}; options of a network stand behind its "
                    f"name: `NETWORK:{name}=VALUE`",
                )
            try:
                values[name] = options[name].cast(text)
            except ValueError:
                raise UsageError(
                    f"invalid value for `{_option(name)}`: {quote(text)}",
                    f"allowed: {options[name].allowed}",
                ) from None
        config = TrainConfig(**values)
        if config.other_lr is not None and config.optimizer != "muon":
            raise UsageError(
                "`other_lr` is a setting that only the optimizer `muon` has",
                "`--set other_lr=none`",
            )
        if config.select == "best" and not config.val_fraction:
            raise UsageError(
                "an epoch cannot be selected by the test images",
                "`--val-fraction 0.1` holds out training images to select by",
            )
        if config.freeze is not None:
            _check_pattern(config.freeze)
        if config.devices > config.batch_size:
            raise UsageError(
                f"a batch of {config.batch_size} cannot be split among {config.devices} devices",
                f"`--devices` takes at most {config.batch_size} here",
            )
        return config

    def identity(self) -> dict[str, Any]:
        """What a trial's id is made of: settings that came later count where they do something."""
        does = {name: value for name, value in vars(self).items() if value != LATER.get(name, ...)}
        if self.epochs <= LAST_EPOCHS:
            does.pop("evaluate", None)  # they are all of its epochs
        return does


def _option(setting: str) -> str:
    """Its option as a shell spells it; its name if it has none of its own."""
    return f"--{setting.replace('_', '-')}" if setting in SETTINGS else setting


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"invalid value for `--freeze`: {quote(pattern)} ({error})",
            "a regular expression for names of parameters, such as '^layer[12]'",
        ) from None


LATER: Mapping[str, Any] = {
    "val_fraction": 0.0,
    "select": "last",
    "other_lr": None,
    "tta": False,
    "devices": 1,
    "train_images": None,
    "steps": None,
    "freeze": None,
    "evaluate": "every",
}
"""Settings that older records do not have, with the value that changes nothing."""

RECIPES: Mapping[str, TrainConfig] = {
    "report": TrainConfig(),
    "modern": TrainConfig(
        batch_size=128,
        optimizer="adamw",
        lr=3e-3,
        schedule="one-cycle",
        weight_decay=0.05,
        label_smoothing=0.1,
        augment=True,
    ),
    "speedrun": TrainConfig(
        epochs=12,
        batch_size=512,
        optimizer="muon",
        lr=0.2,
        other_lr=0.03,
        schedule="triangle",
        momentum=0.6,
        weight_decay=0.1,
        label_smoothing=0.2,
        augment="alternating",
        tta=True,
    ),
}


def recipe(name: str) -> TrainConfig:
    """The configuration of a named recipe."""
    hint = f"recipes: {', '.join(RECIPES)}"
    return RECIPES[one_of(tuple(RECIPES), name, f"there is no recipe {quote(name)}", hint)]


def recipe_name(config: TrainConfig) -> str:
    """The recipe that `config` follows, with the settings in which it differs from it.

    Epochs, steps, precision, devices, the size of the images and when the test images are evaluated
    are not part of a recipe's name.
    """
    apart = ("epochs", "steps", "precision", "image_size", "devices", "evaluate")
    described = {}
    for name, base in RECIPES.items():
        described[name] = [
            f"{field.name}={getattr(config, field.name)}"
            for field in dataclasses.fields(config)
            if field.name not in apart and getattr(config, field.name) != getattr(base, field.name)
        ]
    name = min(described, key=lambda name: len(described[name]))
    return ", ".join([name, *described[name]])


@dataclass(frozen=True)
class Runtime:
    """Where and how fast a trial runs: none of it is part of a trial's identity."""

    device: str = "cpu"
    threads: int = 1
    reason: str = ""
    """Why this device was chosen, in words."""
    jobs: int = 1
    """Trials that run at a time."""
    job_threads: int | None = None
    """Threads of each of several; `threads` are those of a trial that has the machine alone."""
    commands: int = 1
    """Commands that may run trials on the machine at a time, each so many."""
    address: str | None = None
    """Of the Ray cluster that runs the trials; None for one of this command's own."""
    gpu_share: float = 1.0
    """The part of a GPU that a trial asks such a cluster for."""
    devices: int = 1
    """Devices that train a network together; `threads` are those of each of their processes."""
    fitted: bool = False
    """Whether a network too small for so many `threads` takes fewer."""
    compile: Compile = "auto"
    """Whether ``torch.compile`` is used: ``auto`` where a few steps show that it pays."""
    weights: bool = True
    """Whether the final weights are kept, wherever the trial runs."""

    def of_a_job(self) -> Runtime:
        """The runtime of each of the trials that run at a time."""
        return dataclasses.replace(self, threads=self.job_threads or self.threads)
