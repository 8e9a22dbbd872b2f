"""Kernel size: 3×3, 5×5, 7×7, and 1×1 before 3×3."""

from __future__ import annotations

from convcompare.core.registry import register

from ..study import FIGURES, Published, Study, StudyRow, claim, part

TITLE = "Kernel size"
COLUMNS = ("epoch-time", "macs", "receptive-field")
SHOWN = (*FIGURES, "receptive-field", "activations")
FIELD = "receptive-field-width"
ABOUT = 1.1
"""Factor within which a receptive field has the published width: 10 %."""
LITTLE_LONGER = 1.2
"""Ratio of training times below which training takes "little longer"."""
BALANCED = claim(
    15, "3×3 is the best balanced",
    part("3×3", ">", ("5×5", "7×7", "1×1+3×3")).or_("<", "macs"),
)  # fmt: skip
LONGER = claim(
    16, "5×5 and 7×7 take longer to train", part(("5×5", "7×7"), ">", "3×3", "time")
)  # fmt: skip
SMALLER = claim(
    18, "1×1+3×3 has fewer parameters at the same quality",
    part("1×1+3×3", "<", "3×3", "parameters"),
    part("1×1+3×3", "=", "3×3"),
)  # fmt: skip
_RESIDUAL = "residual:stem_bias=false,dropout=0.25,kernel="
_CNN_003 = "hidden=256,dropout=0.25"
_FORMULA = "the printed field is 2k + 2; that of two k×k convolutions with a pool behind each is"


@register.study("kernel-size")
def kernel_size() -> Study:
    """Kernels of 3×3, 5×5, 7×7 and 1×1+3×3 in a residual network (report 002, table 3)."""
    return Study(
        "002", TITLE, "cifar10",
        (
            StudyRow(
                "3×3", f"{_RESIDUAL}3", 161_450,
                Published(
                    161_450, 0.5521, 0.2682, 0.9035, 0.9035, 385.42,
                    notes=("the printed test accuracy repeats the train accuracy; the learning "
                           "curve of the report ends near 0.827",),
                ),
            ),
            StudyRow(
                "5×5", f"{_RESIDUAL}5", 177_834,
                Published(
                    161_450, 0.5939, 0.2791, 0.8089, 0.9017, 395.982,
                    notes=("the printed count repeats that of 3×3",),
                ),
            ),
            StudyRow(
                "7×7", f"{_RESIDUAL}7", 202_410,
                Published(202_410, 0.6282, 0.2776, 0.8067, 0.9016, 436.56),
            ),
            StudyRow(
                "1×1+3×3", f"{_RESIDUAL}1+3", 142_154,
                Published(142_154, 0.6413, 0.2997, 0.8038, 0.8925, 378.796),
            ),
        ),
        COLUMNS,
        SHOWN,
        claims=(
            claim(15, "3×3 beats 5×5", part("3×3", ">", "5×5")),
            claim(15, "3×3 beats 7×7", part("3×3", ">", "7×7")),
            BALANCED,
            LONGER,
            claim(
                17, "larger kernels do not bring accuracy", part(("5×5", "7×7"), "<=", "3×3")
            ),
            claim(18, "1×1+3×3 is as good as 3×3", part("1×1+3×3", "=", "3×3")),
            claim(18, "1×1+3×3 has fewer parameters", part("1×1+3×3", "<", "3×3", "parameters")),
            SMALLER,
        ),
    )  # fmt: skip


@register.study("kernel-size-003")
def kernel_size_003() -> Study:
    """Kernels of two convolutions with a wide head (report 003)."""
    accuracy = "the printed runs of 3×3 and 7×7 diverged: their accuracy is exactly 10.00 %"
    return Study(
        "003", TITLE, "cifar10",
        (
            StudyRow(
                "3×3", f"cnn:layers=32-MP-64-MP,{_CNN_003},kernel=3", 1_070_794,
                Published(receptive_field=10, about=True, notes=(accuracy,)),
            ),
            StudyRow(
                "5×5", f"cnn:layers=32-MP-64-MP,{_CNN_003},kernel=5", 1_105_098,
                Published(receptive_field=15, about=True),
            ),
            StudyRow(
                "7×7", f"cnn:layers=32-MP-64-MP,{_CNN_003},kernel=7", 1_156_554,
                Published(receptive_field=20, about=True),
            ),
            StudyRow(
                "1×1+3×3", f"cnn:layers=3@1-32-MP-64-MP,{_CNN_003}", 1_070_806,
                Published(receptive_field=10, about=True),
            ),
        ),
        COLUMNS,
        SHOWN,
        claims=(
            BALANCED,
            SMALLER,
            claim(19, "3×3 and 7×7 perform badly", part(("3×3", "7×7"), "<", "5×5")),
            claim(
                19, "1×1+3×3 is the most accurate, 5×5 the next",
                part("1×1+3×3", ">", "5×5"),
                part("5×5", ">", ("3×3", "7×7")),
            ),
            claim(
                20, "3×3 trains fastest, 5×5 and 7×7 little longer, 1×1+3×3 longest",
                part("3×3", "<", ("5×5", "7×7"), "time"),
                part(("5×5", "7×7"), "<", "3×3", "time", by=LITTLE_LONGER),
                part("1×1+3×3", ">", ("3×3", "5×5", "7×7"), "time"),
            ),
            claim(
                21, "fields of about 20 (7×7), 15 (5×5) and 10 (3×3 and 1×1+3×3)",
                part("7×7", "=", 20, FIELD, margin=ABOUT),
                part("5×5", "=", 15, FIELD, margin=ABOUT),
                part(("3×3", "1×1+3×3"), "=", 10, FIELD, margin=ABOUT),
            ),
            claim(
                22, "first-layer activations of 7×7 are less even than those of 3×3",
                part("7×7", ">", "3×3", "activation-spread"),
            ),
        ),
    )  # fmt: skip


@register.study("kernel-size-004")
def kernel_size_004() -> Study:
    """Kernels of two convolutions, at batch 128 (report 004, which leaves the width open)."""
    return Study(
        "004", TITLE, "cifar10",
        (
            StudyRow(
                "3×3", "cnn:layers=32-MP-64-MP,kernel=3", None,
                Published(test_accuracy=0.782, epoch_time=45, receptive_field=8), guessed=True,
            ),
            StudyRow(
                "5×5", "cnn:layers=32-MP-64-MP,kernel=5", None,
                Published(test_accuracy=0.765, epoch_time=52, receptive_field=12,
                          notes=(f"{_FORMULA} 3k − 1 = 14 before the last pool",)),
                guessed=True,
            ),
            StudyRow(
                "7×7", "cnn:layers=32-MP-64-MP,kernel=7", None,
                Published(test_accuracy=0.741, epoch_time=65, receptive_field=16,
                          notes=(f"{_FORMULA} 3k − 1 = 20 before the last pool",)),
                guessed=True,
            ),
            StudyRow(
                "1×1+3×3", "cnn:layers=3@1-32-MP-64-MP", None,
                Published(test_accuracy=0.798, epoch_time=48, receptive_field=8), guessed=True,
            ),
        ),
        COLUMNS,
        SHOWN,
        {"batch_size": "128"},
        (
            BALANCED,
            LONGER,
            claim(17, "3×3 beats 7×7", part("3×3", ">", "7×7")),
            claim(
                17, "larger kernels do not bring accuracy", part(("5×5", "7×7"), "<=", "3×3")
            ),
            claim(
                23, "1×1+3×3 is the best of all", part("1×1+3×3", ">", ("3×3", "5×5", "7×7"))
            ),
            claim(23, "7×7 is the worst of all", part("7×7", "<", ("3×3", "5×5", "1×1+3×3"))),
        ),
    )  # fmt: skip


@register.study("kernel-size-000")
def kernel_size_000() -> Study:
    """Kernels of three convolutions whose width falls as they grow (report 000)."""
    layers = "cnn:layers=32@1-64-MP-64@1-128-MP-128@1-256-MP,hidden=512"
    field_000 = "a field of 8 is printed for a network that sees more"
    return Study(
        "000", TITLE, "cifar10",
        (
            StudyRow(
                "3×3", "cnn:layers=64-MP-128-MP-256-MP,hidden=512", 2_473_610,
                Published(2_473_610, notes=(field_000,)),
            ),
            StudyRow(
                "5×5", "cnn:layers=48-MP-96-MP-192-MP,hidden=384,kernel=5", 1_763_818,
                Published(1_763_818),
            ),
            StudyRow(
                "7×7", "cnn:layers=32-MP-64-MP-128-MP,hidden=256,kernel=7", 1_033_802,
                Published(1_033_802),
            ),
            StudyRow("1×1+3×3", layers, 2_511_114, Published(2_511_114), guessed=True),
        ),
        COLUMNS,
        SHOWN,
    )  # fmt: skip
