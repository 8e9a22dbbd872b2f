"""Depth: two, four and six convolutions against a residual network."""

from __future__ import annotations

from convcompare.core.registry import register
from convcompare.store.gradient_record import THRESHOLD

from ..study import FIGURES, Claim, Published, Study, StudyRow, claim, part

TITLE = "Depth"
COLUMNS = ("epoch-time", "receptive-field", "gradients")
SHOWN = (*FIGURES, "gradients", "receptive-field")
_HEAD_003 = "hidden=256,dropout=0.25"
RESIDUAL = "residual, 6 layers"
PLAIN = ("2 layers", "4 layers", "6 layers")
VERY_MUCH = 0.1
"""Difference in test accuracy that counts as "very much": 10 points."""
ABOUT = 1.5
"""Factor within which a gradient norm is as published, with one digit."""
ORDER = 10**0.5
"""Factor within which a gradient has the published order of magnitude."""


def two_layers(residual: str) -> Claim:
    """Return the claim of all reports about two layers; `residual` is the residual network."""
    others = ("4 layers", "6 layers", residual)
    return claim(
        24, "two layers are fast and the least accurate",
        part("2 layers", "<", others, "time"),
        part("2 layers", "<", others),
    )  # fmt: skip


def vanishing(residual: str) -> tuple[Claim, ...]:
    """Return the claims of all reports about vanishing gradients.

    The ratio is that of `convcompare gradients`, 100.
    """
    sentence = "the first layer's gradient vanishes with depth"
    return (
        claim(
            26, f"{sentence} at initialisation",
            part("6 layers", "<", "2 layers", "gradient-start"),
        ),
        claim(
            26, f"{sentence} after the training",
            part("6 layers", "<", "2 layers", "gradient-end"),
        ),
        claim(
            26, "the gradients of the residual network do not vanish",
            part(residual, "<", THRESHOLD, "gradient-ratio"),
        ),
    )  # fmt: skip


def most_accurate(
    residual: str, sentence: str = "the residual network is the most accurate"
) -> Claim:
    """Return the claim of all reports about the residual network."""
    return claim(29, sentence, part(residual, ">", PLAIN))


@register.study("depth")
def depth() -> Study:
    """Two, four and six convolutions against a residual network (report 002, table 4)."""
    return Study(
        "002", TITLE, "cifar10",
        (
            StudyRow(
                "2 layers", "cnn:depth=2", 545_098,
                Published(545_098, 1.1359, 0.2986, 0.7227, 0.8905, 258.607),
            ),
            StudyRow(
                "4 layers", "cnn:depth=4", 1_439_818,
                Published(1_439_818, 1.0578, 0.1069, 0.7918, 0.9626, 299.096),
            ),
            StudyRow(
                "6 layers", "cnn:depth=6", 814_122,
                Published(814_122, 1.1912, 0.1405, 0.7576, 0.9506, 299.874),
            ),
            StudyRow(
                "residual", "residual:blocks=32-64/2-128/2", 327_882,
                Published(327_882, 0.8364, 0.0504, 0.8147, 0.9836, 370.106),
            ),
        ),
        COLUMNS,
        SHOWN,
        claims=(
            claim(
                13, "residual blocks raise accuracy and generalisation",
                part("residual", ">", "6 layers"),
                part("residual", "<", "6 layers", "gap"),
            ),
            claim(24, "four layers beat two", part("4 layers", ">", "2 layers")),
            two_layers("residual"),
            claim(25, "six layers are worse than four", part("6 layers", "<", "4 layers")),
            *vanishing("residual"),
            most_accurate("residual", "the residual network beats all plain ones"),
            claim(
                39, "basic residual blocks help deep networks and add parameters",
                part("residual", ">", "6 layers"),
                part("residual", ">", "6 layers", "parameters"),
            ),
        ),
    )  # fmt: skip


@register.study("depth-003")
def depth_003() -> Study:
    """The same question with other networks (report 003)."""
    return Study(
        "003", TITLE, "cifar10",
        (
            StudyRow("2 layers", f"cnn:layers=32-MP-64-MP,{_HEAD_003}", 1_070_794,
                Published(test_accuracy=0.7347)),
            StudyRow("4 layers", "cnn:layers=32-MP-64-MP-128-MP-256-MP,hidden=256", 653_386,
                Published(test_accuracy=0.7679)),
            StudyRow("6 layers", "cnn:layers=32-32-MP-64-64-MP-128-128-MP,hidden=256", 814_122,
                Published(test_accuracy=0.7840)),
            StudyRow("residual", "residual", 161_482, Published(test_accuracy=0.8106)),
        ),
        COLUMNS,
        SHOWN,
        claims=(
            two_layers("residual"),
            claim(25, "six layers are better than four", part("6 layers", ">", "4 layers")),
            claim(
                28, "gradient norms of two and four layers settle at about 0.1 within 8 epochs",
                part(PLAIN[:2], "=", 0.1, "gradient-norm=8", margin=ABOUT),
                part(PLAIN[:2], "=", 0.1, "gradient-norm=15", margin=ABOUT),
            ),
            claim(
                28, "the gradient norm of six layers rises later, that of the residual network "
                "most",
                part(("6 layers", "residual"), ">", 1, "gradient-rise=8"),
                part("residual", ">", PLAIN, "gradient-rise=8"),
            ),
            most_accurate("residual"),
            claim(
                30, "training takes 2 < 4 < 6 layers, the residual network longest",
                part("2 layers", "<", "4 layers", "time"),
                part("4 layers", "<", "6 layers", "time"),
                part("6 layers", "<", "residual", "time"),
            ),
        ),
    )  # fmt: skip


@register.study("depth-004")
def depth_004() -> Study:
    """The same question for 30 epochs at batch 128 (report 004, which leaves the networks open)."""

    def row(name: str, spec: str, *figures: float) -> StudyRow:
        parameters, accuracy, epoch_time, start, end = figures
        published = Published(
            parameters,
            test_accuracy=accuracy,
            epoch_time=epoch_time,
            gradient_start=start,
            gradient_end=end,
            about=True,
        )
        return StudyRow(name, spec, None, published, epochs=30, guessed=True)

    return Study(
        "004", TITLE, "cifar10",
        (
            row("2 layers", "cnn:depth=2", 800_000, 0.723, 28, 1e-2, 1e-4),
            row("4 layers", "cnn:depth=4", 1_100_000, 0.786, 39, 1e-3, 1e-5),
            row("6 layers", "cnn:depth=6", 1_300_000, 0.684, 53, 1e-5, 1e-8),
            row(RESIDUAL, "residual:blocks=32-64/2-128/2", 1_400_000, 0.821, 57,
                1e-3, 1e-5),
        ),
        COLUMNS,
        SHOWN,
        {"batch_size": "128"},
        (
            two_layers(RESIDUAL),
            claim(25, "six layers are worse than four", part("6 layers", "<", "4 layers")),
            *vanishing(RESIDUAL),
            claim(
                27, "the first layer's gradient falls by three orders without residual connections",
                part("6 layers", "=", 1000, "gradient-fall", margin=ORDER),
            ),
            most_accurate(RESIDUAL),
            claim(
                31, "without residual connections deep networks lose very much accuracy",
                part(RESIDUAL, ">", "6 layers", by=VERY_MUCH),
            ),
        ),
    )  # fmt: skip


@register.study("depth-000")
def depth_000() -> Study:
    """Pairs of convolutions with BatchNorm against a residual network (report 000)."""
    plain = "cnn:norm=batch,layers="
    return Study(
        "000", TITLE, "cifar10",
        (
            StudyRow("2 layers", f"{plain}32-64-MP,grid=4,hidden=128", 152_074, Published(152_074),
                guessed=True),
            StudyRow("4 layers", f"{plain}32-64-MP-128-128-MP,grid=2,hidden=256", 375_434,
                Published(375_434), guessed=True),
            StudyRow("6 layers", f"{plain}32-64-MP-128-128-MP-256-256-MP,grid=2,hidden=512",
                1_657_738, Published(1_657_738), guessed=True),
            StudyRow("residual",
                "residual:stem_bias=false,grid=2,blocks=2x32-2x64/2-2x128/2-2x256/2", 2_805_290,
                Published(2_805_290), guessed=True),
        ),
        COLUMNS,
        SHOWN,
    )  # fmt: skip
