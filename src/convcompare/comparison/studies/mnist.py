"""MNIST: fully connected against convolutional and residual networks."""

from __future__ import annotations

from convcompare.core.registry import register

from ..study import FIGURES, Claim, Published, Study, StudyRow

TITLE = "MNIST: fully connected, convolutional and residual"
COLUMNS = ("epoch-time", "inference")
SHOWN = (*FIGURES, "activations", "feature-maps", "gradients")


@register.study("mnist")
def mnist() -> Study:
    """Fully connected against convolutional and residual on MNIST (report 002, table 1)."""
    return Study(
        "002", TITLE, "mnist",
        (
            StudyRow(
                "FCN", "fcn", 109_386,
                Published(109_386, 0.0801, 0.0204, 0.9834, 0.9944, 237.937),
            ),
            StudyRow(
                "Simple CNN", "simple", 421_642,
                Published(421_642, 0.0326, 0.0082, 0.9928, 0.9971, 246.039),
            ),
            StudyRow(
                "Residual CNN", "residual", 160_906,
                Published(160_906, 0.0205, 0.0068, 0.9940, 0.9977, 332.674),
            ),
        ),
        COLUMNS,
        SHOWN,
        claims=(
            Claim("convolutions beat a fully connected network", "Simple CNN", ">", "FCN"),
            Claim("the residual network beats the simple one", "Residual CNN", ">", "Simple CNN"),
        ),
    )  # fmt: skip


@register.study("mnist-004")
def mnist_004() -> Study:
    """The same question with other networks, at batch 128 (report 004)."""
    return Study(
        "004", TITLE, "mnist",
        (
            StudyRow(
                "FCN", "fcn:hidden=512x256x128", 567_434,
                Published(567_434, test_accuracy=0.9772, train_accuracy=0.9956, time=188.42,
                          inference=0.23),
            ),
            StudyRow(
                "Simple CNN", "simple:dropout=0", 421_642,
                Published(421_642, test_accuracy=0.9896, train_accuracy=0.9983, time=206.19,
                          inference=0.21),
            ),
            StudyRow(
                "CNN with residual blocks", "cnn:layers=32-MP-P-64-MP-P", 513_994,
                Published(513_994, test_accuracy=0.9885, train_accuracy=0.9976, time=231.72,
                          inference=0.21),
            ),
        ),
        COLUMNS,
        SHOWN,
        {"batch_size": "128"},
        (
            Claim(
                "residual blocks bring nothing on MNIST",
                "CNN with residual blocks", "=", "Simple CNN",
            ),
        ),
    )  # fmt: skip


@register.study("mnist-003")
def mnist_003() -> Study:
    """The fully connected network of report 003 on MNIST."""
    row = StudyRow("FCN", "fcn:hidden=512x256x128,dropout=0.25", 567_434, Published(567_434))
    return Study("003", TITLE, "mnist", (row,), COLUMNS, SHOWN)


@register.study("mnist-000")
def mnist_000() -> Study:
    """The fully connected network of report 000 on MNIST."""
    row = StudyRow("FCN", "fcn:hidden=512x256x128", 567_434, Published(567_434))
    return Study("000", TITLE, "mnist", (row,), COLUMNS, SHOWN)
