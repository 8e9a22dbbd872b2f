"""Units and words of the figures that verdicts can be about."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from convcompare.core import formatting

from ..quantity import TRAIN_SECONDS, Quantity
from .values import pixels, side

POINTS = "points"
"""Unit of shares: percentage points."""
Best = Literal["high", "low"] | None


def difference(
    name: str, noun: str, best: Best, unit: str = "", words: tuple[str, str] = ("higher", "lower")
) -> Quantity:
    """Return a figure compared by differences; `words` are those for more and for less of it."""
    more, less = (f"{word} {noun}" for word in words)
    factor = 100 if unit == POINTS else 1
    return Quantity(name, "difference", best, unit, factor, higher=more, lower=less, noun=noun)


def time(name: str, noun: str, doing: str) -> Quantity:
    """Return a time; `doing` is the activity: ``1.8 times slower at inference``."""
    return replace(
        TRAIN_SECONDS,
        name=name,
        noun=noun,
        higher=f"slower {doing}",
        lower=f"faster {doing}",
        alike=f"as fast {doing}",
    )


def gradient(name: str, when: str) -> Quantity:
    """Return the mean absolute gradient of the first layer at one moment."""
    return replace(gradients(name, f"first-layer gradient {when}"), show="{:.1e}".format)


def gradients(name: str, noun: str) -> Quantity:
    """Return a figure of gradients, which is compared by ratios and has no better end."""
    return Quantity(name, "ratio", higher=f"larger {noun}", lower=f"smaller {noun}", noun=noun,
                    show="{:.3g}".format)  # fmt: skip


def epochs(level: float) -> Quantity:
    """Return the number of epochs until the test accuracy is `level`, a fraction."""
    noun = f"epochs to {100 * level:.6g} %"
    return Quantity(f"epochs-to={level:g}", "ratio", "low", noun=noun, verb="needs")


TEST_LOSS = difference("test_loss", "test loss", "low", "nats")
GAP = difference("accuracy_gap", "gap between train and test accuracy", "low", POINTS,
                 ("larger", "smaller"))  # fmt: skip
LOSS_GAP = difference("loss_gap", "gap between train and test loss", "low", "nats",
                      ("larger", "smaller"))  # fmt: skip
AREA = difference("accuracy_area", "mean accuracy over the epochs", "high", POINTS)
TTA = difference("tta_accuracy", "accuracy with test-time augmentation", "high", POINTS)
STABILITY = Quantity(
    "stability", "ratio", "low", noun="seed-to-seed spread of accuracy", verb="has"
)
GRADIENT_START = gradient("gradient_start", "at initialisation")
GRADIENT_END = gradient("gradient_end", "after training")
EPOCH_TIME = time("epoch_seconds", "time per epoch", "per epoch")
INFERENCE = time("inference", "inference time of one image", "for one image")
INFERENCE_BATCH = time("inference_batch", "inference time in batches", "at inference in batches")
MEMORY = Quantity("peak_memory", "exact", "low", higher="more", lower="less", noun="memory",
                  show=formatting.size, verb="needs")  # fmt: skip
PARAMETERS = Quantity("parameters", "exact", higher="more", lower="fewer", noun="parameters",
                      show=formatting.count, verb="has")  # fmt: skip
MACS = Quantity("macs", "exact", higher="more", lower="fewer", noun="MACs",
                show=formatting.large, verb="needs")  # fmt: skip
FIELD = Quantity("receptive_field", "exact", higher="larger", lower="smaller",
                 noun="receptive field", show=pixels)  # fmt: skip
WIDTH = replace(FIELD, name="receptive_field_width", show=side)
GRADIENT_FALL = gradients("gradient_fall", "fall of the first-layer gradient in training")
GRADIENT_RATIO = gradients("gradient_ratio", "gradient norm of the last layer over the first")
UNEVEN = Quantity("activation_spread", "ratio", higher="more uneven in first-layer activation",
                  lower="more even in first-layer activation",
                  noun="unevenness of first-layer activation over its channels",
                  show="{:.2f}".format)  # fmt: skip
CONVERGENCE = Quantity("convergence", "ratio", "low", noun="epochs to converge", verb="needs",
                       show="{:.3g}".format)  # fmt: skip


def on_damaged(name: str = "") -> Quantity:
    """Return the accuracy on damaged images, of one kind of damage if it is named."""
    noun = f"accuracy under {name}" if name else "accuracy on damaged images"
    return difference(f"robustness={name}" if name else "robustness", noun, "high", POINTS)


def consistency(name: str = "") -> Quantity:
    """Return the share of predictions that damage does not change."""
    noun = f"consistency of predictions under {name or 'damage'}"
    return difference(f"consistency={name}" if name else "consistency", noun, "high", POINTS)


SHIFT_CONSISTENCY = difference(
    "shift-consistency", "consistency of predictions between two shifts", "high", POINTS
)
