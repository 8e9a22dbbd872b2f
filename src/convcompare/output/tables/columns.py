"""The columns of a comparison's table, by name.

The default columns are those of the reports; ``--columns`` adds the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from convcompare.comparison import robustness, run_figures
from convcompare.comparison.comparison import Comparison
from convcompare.comparison.estimate_words import plus_minus, share
from convcompare.comparison.figures import values
from convcompare.comparison.run_figures import seconds_per_image
from convcompare.comparison.score import Score
from convcompare.comparison.stats.censored import NEVER
from convcompare.core import formatting
from convcompare.core.errors import UsageError, did_you_mean, quote
from convcompare.core.registry import register
from convcompare.store.run import Run

from . import cells
from .cells import Figure
from .table import Column

DEFAULT = (
    Figure(
        Column("parameters", "parameters", show=formatting.count, priority=2),
        lambda g, _: g.parameters,
    ),
    Figure(
        Column("test_loss", "test loss", show=cells.fraction, best="low", priority=5),
        lambda g, _: g.shown("test_loss"),
    ),
    Figure(
        Column("train_loss", "train loss", show=cells.fraction, best="low", priority=7),
        lambda g, _: g.shown("train_loss"),
    ),
    Figure(
        Column("test_accuracy", "test accuracy", show=share, best="high", priority=-1),
        lambda g, c: g.test_accuracy(c.comparison.conditions.test_images),
    ),
    Figure(
        Column("train_accuracy", "train accuracy", show=cells.fraction, best="high", priority=6),
        lambda g, _: g.shown("train_accuracy"),
    ),
    Figure(
        Column("time", "time (s)", show=plus_minus, best="low", priority=1),
        lambda g, _: g.mean(lambda run: run.train_seconds),
        "time",
    ),
)
EXTRA: Mapping[str, tuple[Figure, ...]] = {
    "epochs": (
        Figure(Column("epochs", "epochs", show=formatting.epochs, priority=1), cells.epochs),
    ),
    "train-images": (
        Figure(Column("train_images", "images", show=formatting.count, priority=1), cells.images),
    ),
    "epoch-time": (
        Figure(
            Column("epoch_time", "s/epoch", show=plus_minus, best="low", priority=3),
            lambda g, _: g.mean(lambda run: run.epoch_seconds),
            "time",
        ),
    ),
    "inference": (
        Figure(
            Column("inference", "ms/image", show=cells.milliseconds, best="low", priority=3),
            lambda g, _: g.mean_of_measured(lambda run: seconds_per_image(run, single=True)),
            "time",
        ),
        Figure(
            Column("inference_batch", "ms/image batched", show=cells.milliseconds, best="low",
                   priority=4),
            lambda g, _: g.mean_of_measured(lambda run: seconds_per_image(run, single=False)),
            "time",
        ),
    ),
    "lr": (
        Figure(
            Column("lr", "learning rate", show="{:g}".format, priority=3),
            lambda g, _: g.runs[0].trial.config.lr,
        ),
    ),
    "gaps": (
        Figure(
            Column("accuracy_gap", "accuracy gap", show=cells.fraction, best="low", priority=3),
            lambda g, _: g.mean(run_figures.accuracy_gap),
        ),
        Figure(
            Column("loss_gap", "loss gap", show=cells.fraction, best="low", priority=3),
            lambda g, _: g.mean(run_figures.loss_gap),
        ),
    ),
    "macs": (
        Figure(Column("macs", "MACs", show=formatting.large, best="low", priority=3,
                      missing="not counted"),
               lambda g, _: g.macs, "network"),
    ),
    "receptive-field": (
        Figure(Column("receptive_field", "receptive field", priority=3), cells.field),
    ),
    "gradients": (
        Figure(
            Column("gradient_start", "first |g|, start", show="{:.1e}".format, priority=3),
            cells.first_gradient(0),
        ),
        Figure(
            Column("gradient_end", "first |g|, end", show="{:.1e}".format, priority=3),
            cells.first_gradient(-1),
        ),
    ),
    "memory": (
        Figure(
            Column("memory", "peak memory", show=formatting.size, best="low", priority=3),
            cells.memory,
            "network",
        ),
    ),
    "tta": (
        Figure(
            Column("tta_accuracy", "test accuracy, TTA", show=share, best="high",
                   priority=2),
            lambda g, c: g.tta_accuracy(c.comparison.conditions.test_images),
        ),
    ),
    "robustness": (
        Figure(
            Column("robustness", "damaged images", show=share, best="high", priority=2),
            cells.stored_figure(robustness.accuracy()),
        ),
        Figure(
            Column("consistency", "consistency", show=share, best="high", priority=3),
            cells.stored_figure(robustness.consistency()),
        ),
    ),
    "published": (
        Figure(
            Column("published_accuracy", "published accuracy", show=formatting.fraction,
                   priority=1),
            cells.published("test_accuracy"),
        ),
        Figure(
            Column("published_parameters", "published parameters",
                   show=lambda n: formatting.count(int(n)), priority=4),
            cells.published("parameters"),
        ),
    ),
}  # fmt: skip
NOTES: Mapping[str, str] = {
    "train-images": "training images of an epoch",
    "epoch-time": "s/epoch: training, median of the epochs",
    "inference": (
        "ms/image: forward pass in eval mode, median of up to 100, one image at a time and in "
        "batches of 100"
    ),
    "macs": "MACs: multiply-accumulates of one image, conv and linear, no bias; FLOPs are twice",
    "receptive-field": "receptive field: pixels seen by the features before the head",
    "gradients": "|g|: mean absolute gradient of the first layer, initialisation and last epoch",
    "gaps": "gaps of overfitting: train − test accuracy, test − train loss (as report 000 logs)",
    "memory": "peak memory: tensors held at once in a training step, without the data set",
    "tta": (
        "TTA: logits averaged over up to six views of each test image (itself, shifted by a pixel, "
        "mirrored); the test accuracy beside it is of the plain image"
    ),
    "robustness": (
        "damaged images: test accuracy, mean over the kinds of damage and their severities; "
        "consistency: share of predictions that the damage leaves (`convcompare robustness`)"
    ),
    "published": "published: as printed in the report, one run on other hardware",
}
"""Meaning of the columns, for the notes under the table."""


def check_columns(names: Iterable[str]) -> None:
    """Check that the columns exist.

    Raises:
        UsageError: If there is no such column.
    """
    for name in names:
        named(name)


def chosen(names: Sequence[str], comparison: Comparison) -> list[Figure]:
    """Return the default columns, those of `names`, and settings in which the models differ."""
    configs = [run.trial.config for run in comparison.runs]
    settings: dict[str, set[Any]] = {
        "train-images": {c.train_images for c in configs},
        "epochs": {(c.epochs, c.steps) for c in configs},
        "lr": {c.lr for c in configs},
    }
    differing = [name for name, values in settings.items() if len(values) > 1]
    extra = [figure for name in dict.fromkeys([*differing, *names]) for figure in named(name)]
    return [*DEFAULT[:-1], *_score(comparison), DEFAULT[-1], *extra]


def _score(comparison: Comparison) -> list[Figure]:
    """Return the column of the score if there are several seeds and it covers several epochs."""
    score = Score.parse(comparison.conditions.score)
    if score.epochs == 1 or comparison.seeds < 2:
        return []
    column = Column("score", "score", show=share, best="high", priority=1)
    return [Figure(column, lambda g, _: g.mean(score.of))]


def named(name: str) -> tuple[Figure, ...]:
    """Return the columns of a name: of EXTRA, a metric, or ``epochs-to=0.98``.

    Raises:
        UsageError: If there are none.
    """
    if name in EXTRA:
        return EXTRA[name]
    if name in register.metric:
        return (_metric(name),)
    word, equals, text = name.partition("=")
    if word == "epochs-to" and equals:
        return (_epochs_to(text),)
    known = [*EXTRA, *(entry.name for entry in register.metric), "epochs-to=0.98"]
    raise UsageError(
        f"there is no column {quote(name)}",
        did_you_mean(name, known) or f"columns: {', '.join(known)}",
    )


def _metric(name: str) -> Figure:
    """Return the column of a metric of the stored predictions, as the mean over the runs."""
    entry = register.metric[name]
    column = Column(
        name, name.replace("-", " "), show=cells.fraction, best=entry.info.get("best"), priority=3
    )
    return Figure(column, cells.stored_figure(values.metric(entry)))


def _epochs_to(text: str) -> Figure:
    """Return the column of the first epoch that reaches a test accuracy, as the mean over the runs.

    None if a run never reaches it, or was not evaluated after every epoch.
    """
    reached = run_figures.accuracy_of(text)

    def epoch(run: Run) -> float | None:
        found = run_figures.epochs_to(run, reached)
        return None if found == NEVER else found

    column = Column(
        f"epochs-to-{text}",
        f"epochs to {reached:g}",
        show=plus_minus,
        best="low",
        priority=3,
    )
    return Figure(column, lambda g, _: g.mean(epoch))
