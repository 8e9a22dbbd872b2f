"""Catalogue of the figures that verdicts can be about, by name, including metrics of plugins."""

from __future__ import annotations

import math
from collections.abc import Iterable

from convcompare.core.corruptions import corruption
from convcompare.core.errors import UsageError, did_you_mean, invalid, quote
from convcompare.core.registry import register

from .. import robustness, run_figures
from ..cost_contrasts import SAME
from ..predictions import log_losses
from ..quantity import ACCURACY, TRAIN_SECONDS
from ..run_figures import gradient_of_run, seconds_per_image
from . import quantities as q
from . import values
from .measure import EVERY_EPOCH, Measure

ALIASES = {
    "test-accuracy": "accuracy",
    "train-seconds": "time",
    "epoch-seconds": "epoch-time",
    "peak-memory": "memory",
    "accuracy-gap": "gap",
}
"""Names of figures in the JSON object that differ from the catalogue."""
AS_FAST = math.log(SAME)
MEASURED = "--columns robustness"
"""Option that measures runs on damaged images, without training them again."""
MEASURES = (
    Measure("accuracy", ACCURACY, "accuracy", lambda run, _: run.test_accuracy),
    Measure("test-loss", q.TEST_LOSS, "mean", lambda run, _: run.figure("test_loss"),
            of_images=log_losses),
    Measure("gap", q.GAP, "mean", values.accuracy_gap),
    Measure("loss-gap", q.LOSS_GAP, "mean", values.loss_gap),
    Measure("accuracy-area", q.AREA, "mean", values.accuracy_area, recorded_by=EVERY_EPOCH),
    Measure("tta-accuracy", q.TTA, "mean", lambda run, _: run.tta_accuracy,
            recorded_by="--set tta=true"),
    Measure("stability", q.STABILITY, "spread", lambda run, _: run.test_accuracy),
    Measure("gradient-start", q.GRADIENT_START, "ratio",
            lambda run, store: gradient_of_run(run, store, 0), untrained=True),
    Measure("gradient-end", q.GRADIENT_END, "ratio",
            lambda run, store: gradient_of_run(run, store, -1)),
    Measure("gradient-fall", q.GRADIENT_FALL, "ratio", values.gradient_fall),
    Measure("gradient-ratio", q.GRADIENT_RATIO, "ratio", values.gradient_ratio),
    Measure("activation-spread", q.UNEVEN, "ratio", values.activation_spread),
    Measure("convergence", q.CONVERGENCE, "ratio", values.convergence, recorded_by=EVERY_EPOCH),
    Measure("time", TRAIN_SECONDS, "ratio", lambda run, _: run.train_seconds, AS_FAST),
    Measure("epoch-time", q.EPOCH_TIME, "ratio", lambda run, _: run.epoch_seconds, AS_FAST),
    Measure("inference", q.INFERENCE, "ratio",
            lambda run, _: seconds_per_image(run, single=True), AS_FAST),
    Measure("inference-batch", q.INFERENCE_BATCH, "ratio",
            lambda run, _: seconds_per_image(run, single=False), AS_FAST),
    Measure("memory", q.MEMORY, "counted", lambda run, _: run.cost.peak_memory, on_device=True),
    Measure("parameters", q.PARAMETERS, "counted", lambda run, _: run.cost.parameters),
    Measure("macs", q.MACS, "counted", lambda run, _: run.cost.macs, recorded_by=None),
    Measure("robustness", q.on_damaged(), "mean", robustness.accuracy(), recorded_by=MEASURED),
    Measure("consistency", q.consistency(), "mean", robustness.consistency(),
            recorded_by=MEASURED),
    Measure("shift-consistency", q.SHIFT_CONSISTENCY, "mean", robustness.pair_consistency,
            recorded_by=MEASURED),
    Measure("receptive-field", q.FIELD, "counted", values.field_area),
    Measure("receptive-field-width", q.WIDTH, "counted", values.field_width),
)  # fmt: skip
BY_EPOCH = {
    "gradient-norm": ("mean gradient norm", values.gradient_norm),
    "gradient-rise": ("rise of the gradient norm", values.gradient_rise),
}
"""Figures of a given epoch: the mean gradient norm over the layers after it, and the ratio of that
after the last epoch to it."""
BY_DAMAGE = {
    "robustness": (q.on_damaged, robustness.accuracy),
    "consistency": (q.consistency, robustness.consistency),
}
"""Figures of a given kind of damage."""
_BY_NAME = {one.name: one for one in MEASURES}


def named(name: str) -> Measure:
    """Return the figure of this name.

    Names are those of `MEASURES`, ``epochs-to=LEVEL``, those of `BY_EPOCH` with an epoch, those of
    `BY_DAMAGE` with a kind of damage, and registered metrics.

    Raises:
        UsageError: if there is no such figure, or if verdicts on it would mislead.
    """
    plain = name.strip().replace("_", "-")
    plain = ALIASES.get(plain, plain)
    if plain in _BY_NAME:
        return _BY_NAME[plain]
    word, equals, level = plain.partition("=")
    if word == "epochs-to" and equals:
        return _epochs_to(level)
    if word in BY_EPOCH and equals:
        return _by_epoch(word, level)
    if word in BY_DAMAGE and equals:
        return _by_damage(word, level)
    for one in (name.strip(), plain):
        if one in register.metric:
            return _metric(one)
    raise UsageError(
        f"there is no figure {quote(name)} to give a verdict on",
        did_you_mean(plain, [*names(), *ALIASES]) or f"figures: {', '.join(names())}",
    )


def names() -> list[str]:
    """Return the names of all figures that verdicts can be about, metrics last."""
    metrics = [one.name for one in register.metric if "no_verdict" not in one.info]
    return [
        *_BY_NAME,
        "epochs-to=0.98",
        *(f"{name}=8" for name in BY_EPOCH),
        *(f"{name}=blur" for name in BY_DAMAGE),
        *(name for name in metrics if name not in _BY_NAME),
    ]


def check_figures(requested: Iterable[str]) -> tuple[str, ...]:
    """Return the requested names without duplicates, as spelt in the catalogue.

    Raises:
        UsageError: if verdicts cannot be about one of them.
    """
    return tuple(dict.fromkeys(named(name).name for name in requested))


def _metric(name: str) -> Measure:
    """Return a metric of the stored logits, with the better end and unit of its registration."""
    entry = register.metric[name]
    if reason := entry.info.get("no_verdict"):
        raise UsageError(
            f"no verdict is given on {quote(name)}: {reason}",
            f"`--columns {name}` shows it; `--verdict-on test-loss,brier-score` compares "
            "probabilities by proper scores",
        )
    noun, unit = name.replace("-", " ").replace("brier", "Brier"), str(entry.info.get("unit", ""))
    quantity = q.difference(name, noun, entry.info.get("best"), unit)
    scores = values.IMAGE_SCORES.get(name)
    undefined = str(entry.info.get("undefined", ""))
    return Measure(
        name, quantity, "mean", values.metric(entry), of_images=scores, undefined=undefined
    )


def _epochs_to(text: str) -> Measure:
    level = run_figures.accuracy_of(text)
    quantity = q.epochs(level)
    return Measure(
        quantity.name,
        quantity,
        "times",
        lambda run, _: run_figures.epochs_to(run, level),
        recorded_by=EVERY_EPOCH,
    )


def _by_epoch(word: str, text: str) -> Measure:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise invalid(word, text, f"an epoch: `{word}=8`")
    noun, reader_of = BY_EPOCH[word]
    quantity = q.gradients(f"{word}={int(text)}", f"{noun} after epoch {int(text)}")
    epochs = int(text) + (word == "gradient-rise")
    return Measure(quantity.name, quantity, "ratio", reader_of(int(text)), epochs=epochs)


def _by_damage(word: str, name: str) -> Measure:
    quantity_of, reader_of = BY_DAMAGE[word]
    kind = corruption(name).name
    return Measure(
        f"{word}={kind}", quantity_of(kind), "mean", reader_of(kind), recorded_by=MEASURED
    )
