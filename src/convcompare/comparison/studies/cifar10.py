"""CIFAR-10: a fully connected network against residual ones, with and without regularisation."""

from __future__ import annotations

from convcompare.core.registry import register

from ..study import FIGURES, Published, Study, StudyRow, claim, part
from .mnist import keeps_under_shifts

TITLE = "CIFAR-10: fully connected, residual, regularised"
COLUMNS = ("epoch-time", "inference")
SHOWN = (*FIGURES, "activations", "feature-maps", "gradients")
REGULARISED = "Regularised residual CNN"
FAR = 0.1
"""Difference in test accuracy that counts as "far behind": 10 points."""
OVERFIT = 0.05
"""Gap between train and test accuracy above which a network counts as overfitting: 5 points."""
MUCH_LONGER = 1.5
"""Factor between training times that separates "fully connected against CNN" from "two CNNs"."""
CNNS_002 = ("Residual CNN", "Regularized Residual CNN")
_CNN_004 = "hidden=0,layers="


@register.study("cifar10")
def cifar10() -> Study:
    """Fully connected against residual and regularised residual on CIFAR-10 (002, table 2)."""
    return Study(
        "002", TITLE, "cifar10",
        (
            StudyRow(
                "FCN", "fcn:hidden=1024x512x256", 3_805_450,
                Published(
                    1_462_538, 1.7803, 0.6946, 0.5340, 0.7507, 247.484,
                    notes=("the printed count is that of the same network on 784 inputs instead "
                           "of 3,072",),
                ),
            ),
            StudyRow(
                "Residual CNN", "residual", 161_482,
                Published(
                    160_906, 0.6454, 0.1486, 0.8193, 0.9483, 363.748,
                    notes=("the printed count is that of the network with one channel instead of "
                           "three",),
                ),
            ),
            StudyRow(
                "Regularized Residual CNN",
                "residual:blocks=32-64/2-64-128/2-128,stem_bias=false,grid=1,dropout2d=0.2,init=he",
                678_058,
                Published(678_058, 0.4998, 0.5074, 0.8349, 0.8224, 407.651),
            ),
        ),
        COLUMNS,
        SHOWN,
        claims=(
            claim(
                8, "the residual network beats the fully connected",
                part("Residual CNN", ">", "FCN"),
            ),
            claim(
                8, "the fully connected network is far behind every CNN",
                part(CNNS_002, ">", "FCN", by=FAR),
            ),
            claim(
                9, "the fully connected network overfits", part("FCN", ">", OVERFIT, "gap")
            ),
            claim(
                10, "the residual network overfits, the regularised one does not",
                part("Residual CNN", ">", OVERFIT, "gap"),
                part("Regularized Residual CNN", "<", OVERFIT, "gap"),
            ),
            claim(
                11, "regularisation raises the test accuracy",
                part("Regularized Residual CNN", ">", "Residual CNN"),
            ),
            keeps_under_shifts(*CNNS_002),
            claim(
                46, "CNNs with residual blocks are the most effective, above all on hard data",
                part(CNNS_002, ">", "FCN", by=FAR),
            ),
        ),
    )  # fmt: skip


@register.study("cifar10-004")
def cifar10_004() -> Study:
    """The same question with other networks, at batch 128 (report 004)."""
    return Study(
        "004", TITLE, "cifar10",
        (
            StudyRow(
                "FCN", "fcn:hidden=512x256x128", None,
                Published(test_accuracy=0.519, train_accuracy=0.536, time=189.64),
                guessed=True,
            ),
            StudyRow(
                "Residual CNN", f"cnn:{_CNN_004}64-MP-P-128-MP-P-256-P", 2_083_850,
                Published(test_accuracy=0.7507, train_accuracy=0.9781, time=292.84),
            ),
            StudyRow(
                REGULARISED,
                f"cnn:norm=batch,dropout=0.5,{_CNN_004}64-MP-P-D0.2-128-MP-P-D0.2-256-P-D0.2",
                2_084_746,
                Published(test_accuracy=0.7950, train_accuracy=0.8427, time=315.26),
            ),
        ),
        COLUMNS,
        SHOWN,
        {"batch_size": "128"},
        (
            claim(
                8, "the fully connected network is far behind every CNN",
                part(("Residual CNN", REGULARISED), ">", "FCN", by=FAR),
            ),
            claim(
                10, "the residual network overfits, the regularised one does not",
                part("Residual CNN", ">", OVERFIT, "gap"),
                part(REGULARISED, "<", OVERFIT, "gap"),
            ),
            claim(
                11, "regularisation raises the test accuracy",
                part(REGULARISED, ">", "Residual CNN"),
            ),
            claim(
                12, "the regularised network is the most expensive to train; the fully connected "
                "one differs more from CNNs than these among themselves",
                part(REGULARISED, ">", ("FCN", "Residual CNN"), "time"),
                part(("Residual CNN", REGULARISED), ">", "FCN", "time", by=MUCH_LONGER),
                part(REGULARISED, "<", "Residual CNN", "time", by=MUCH_LONGER),
            ),
        ),
    )  # fmt: skip


@register.study("cifar10-000")
def cifar10_000() -> Study:
    """A fully connected network and a regularised residual one of report 000."""
    return Study(
        "000", TITLE, "cifar10",
        (
            StudyRow("FCN", "fcn:hidden=1024x512x256", 3_805_450, Published(3_805_450)),
            StudyRow(
                "Regularised residual CNN",
                "residual:blocks=D0.2-32-64/2-D0.3-128/2-128-D0.4", 623_306, Published(623_306),
            ),
        ),
        COLUMNS,
        SHOWN,
    )  # fmt: skip
