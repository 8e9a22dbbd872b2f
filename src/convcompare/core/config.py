"""Configuration of a trial: `TrainConfig` may change the results, `Runtime` only the speed.

A recipe is a named `TrainConfig`. ``report`` is the configuration of the student reports,
``modern`` follows current practice, and ``speedrun`` is made for few epochs on CIFAR-10
(docs/concepts/speedrun.md). Every field can also be set separately (``--lr``, ``--set
schedule=cosine``).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from .errors import UsageError, did_you_mean, invalid, one_of, quote
from .spec import Above, AtLeast, Between, Count, Probability, options_of

Precision = Literal["fp32", "bf16"]
Compile = Literal["auto", "on", "off"]
SETTINGS = (
    *("epochs", "batch_size", "lr", "optimizer"),
    *("image_size", "train_images", "val_fraction", "select", "evaluate", "freeze", "devices"),
)
"""Fields of `TrainConfig` that have an option of their own."""
TRAINING_PASSES = 3
"""Cost of a training step in forward passes: one, and two for the gradients of weights and
activations (Hobbhahn and Sevilla 2021, "What's the backward-forward FLOP ratio for neural
networks?")."""
NonNegative = Annotated[float, AtLeast(0)]
LAST_EPOCHS = 5
"""Number of final epochs that ``evaluate`` ``last`` evaluates on the test images: those whose mean
is the score of a comparison (`comparison.score`)."""
HOLD_OUT_HINT = "`--val-fraction 0.1` holds out training images to select by"
"""Hint to make a validation split."""
OF_EVERY_EPOCH = ("accuracy-area", "convergence", "epochs-to")
"""Columns and figures of verdicts that need the test accuracy after every epoch."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that may change the results of a trial, except the network, the data and the seed.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step, over all devices.
        optimizer: Optimizer. ``muon`` updates convolutions with `lr` and all other parameters with
            `other_lr`.
        lr: Highest learning rate of the schedule.
        schedule: Learning rate as a function of the step: ``constant``, ``cosine`` (to zero),
            ``one-cycle`` (linear warm-up over the first 30 % of the steps, then linear to zero;
            Smith and Topin 2017, arXiv:1708.07120) or ``triangle`` (linear from 20 % of its peak
            over the first 10 % of the steps, then linear to zero; after arXiv:2404.00498).
        augment: Whether training images are augmented as the data set allows: shifts by up to 1/8
            of the side, and mirror images if they keep the class. ``alternating`` shifts by up to
            1/16 and mirrors each image every other epoch.
        image_size: Side in pixels to which images are resized on the device, for networks that need
            larger ones.
        precision: Type of matrix products and convolutions; weights and optimizer are always
            float32.
        val_fraction: Share of the training images of each class that is held out.
        select: Epoch whose figures count: ``last``, or ``best`` on the held-out images.
        other_lr: Learning rate of ``muon`` for parameters that are not convolutions; `lr` if None.
        tta: Whether the test accuracy is also measured with test-time augmentation.
        devices: Number of devices that train one network together, each on its part of every batch;
            `lr` is not scaled. The order of summation and BatchNorm, which sees one part at a time,
            change the results.
        train_images: Number of training images, equally many of each class as far as the class has
            them, drawn by the seed; a smaller subset is part of a larger one.
        steps: Number of steps after which training ends, within its last epoch; schedules end with
            it.
        freeze: Regular expression; parameters whose names contain a match are not trained. The
            running statistics of BatchNorm are not parameters and are still updated.
        evaluate: ``every``, or ``last`` to evaluate the test images only after the last
            `LAST_EPOCHS` epochs, and after each that is the best so far if `select` is ``best``.
            Weights do not depend on it.
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
        """Return this configuration with some fields set from text.

        Raises:
            UsageError: for an unknown or invalid setting, or settings that cannot be combined.
        """
        options = options_of(TrainConfig)
        values = dataclasses.asdict(self)
        for name, text in settings.items():
            if name not in options:
                raise UsageError(
                    f"there is no setting {quote(name)}",
                    did_you_mean(name, options)
                    or f"settings: {', '.join(options)}; options of a network follow its "
                    f"name: `NETWORK:{name}=VALUE`",
                )
            try:
                values[name] = options[name].cast(text)
            except ValueError:
                option = option_name(name) if name in SETTINGS else name
                raise invalid(option, text, f"allowed: {options[name].allowed}") from None
        config = TrainConfig(**values)
        config.check()
        return config

    def check(self) -> None:
        """Raise UsageError for settings that cannot be combined, or an invalid pattern."""
        if self.other_lr is not None and self.optimizer != "muon":
            raise UsageError(
                "`other_lr` is a setting that only the optimizer `muon` has",
                "`--set other_lr=none`",
            )
        if self.select == "best" and not self.val_fraction:
            raise UsageError("an epoch cannot be selected by the test images", HOLD_OUT_HINT)
        if self.freeze is not None:
            _check_pattern(self.freeze)
        if self.devices > self.batch_size:
            raise UsageError(
                f"a batch of {self.batch_size} cannot be split among {self.devices} devices",
                f"`--devices` takes at most {self.batch_size} here",
            )

    def identity(self) -> dict[str, Any]:
        """Return the fields for the trial's id; newer fields only if they have an effect."""
        does = {name: value for name, value in vars(self).items() if value != LATER.get(name, ...)}
        if self.epochs <= LAST_EPOCHS:
            does.pop("evaluate", None)  # the last epochs are all of them
        return does


def option_name(name: str) -> str:
    """Return an option, given by its name in Python, as spelt in a shell."""
    return f"--{name.replace('_', '-')}"


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
"""Settings that older records lack, with the value that has no effect."""

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
    """Return the configuration of a recipe.

    Raises:
        UsageError: if there is no recipe of that name.
    """
    hint = f"recipes: {', '.join(RECIPES)}"
    return RECIPES[one_of(tuple(RECIPES), name, f"there is no recipe {quote(name)}", hint)]


def recipe_name(config: TrainConfig) -> str:
    """Return the closest recipe to `config`, with the settings that differ.

    Epochs, steps, precision, devices, image size and evaluation of the test images are not part of
    a recipe's name.
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
    """Where and how fast a trial runs; nothing of it is part of a trial's identity."""

    device: str = "cpu"
    threads: int = 1
    reason: str = ""
    """Why this device was chosen."""
    jobs: int = 1
    """Parallel trials."""
    job_threads: int | None = None
    """Threads per parallel trial; `threads` is for a trial that has the machine to itself."""
    commands: int = 1
    """Number of commands that may run trials on the machine at a time, `jobs` each."""
    address: str | None = None
    """Address of the Ray cluster that runs the trials; None for one that the command starts."""
    gpu_share: float = 1.0
    """Share of a GPU per trial on such a cluster."""
    devices: int = 1
    """Devices that train a network together; each of their processes has `threads` threads."""
    fitted: bool = False
    """Whether a network that is too small for all `threads` takes fewer."""
    compile: Compile = "auto"
    """Whether ``torch.compile`` is used; ``auto`` decides by timing a few steps."""
    weights: bool = True
    """Whether the final weights are kept, wherever the trial runs."""

    def of_a_job(self) -> Runtime:
        """Return the runtime of each of several parallel trials."""
        return dataclasses.replace(self, threads=self.job_threads or self.threads)
