"""MNIST: fully connected against convolutional and residual networks."""

from __future__ import annotations

from convcompare.core.registry import register

from ..study import FIGURES, Claim, Published, Study, StudyRow, claim, part

TITLE = "MNIST: fully connected, convolutional and residual"
COLUMNS = ("epoch-time", "inference")
BLOCKS = "CNN with residual blocks"
ALIKE_LOSS = 0.01
"""Difference in test loss, in nats, that counts as practically the same on MNIST."""
SHOWN = (*FIGURES, "activations", "feature-maps", "gradients")


def keeps_under_shifts(*networks: str) -> Claim:
    """Return the claim of report 001 about shifted images, for these networks against the FCN."""
    return claim(
        14, "CNNs keep their accuracy and predictions under shifts",
        part(networks, ">", "FCN", "robustness=shift"),
        part(networks, ">", "FCN", "consistency=shift"),
    )  # fmt: skip


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
            claim(
                1, "convolutions beat a fully connected network", part("Simple CNN", ">", "FCN")
            ),
            claim(
                2, "the simple CNN reaches more with fewer parameters",
                part("Simple CNN", ">", "FCN"),
                part("Simple CNN", "<", "FCN", "parameters"),
            ),
            claim(
                3, "the residual network beats the simple one",
                part("Residual CNN", ">", "Simple CNN"),
            ),
            keeps_under_shifts("Simple CNN", "Residual CNN"),
            claim(
                46, "the CNN with residual blocks is the most effective",
                part("Residual CNN", ">", ("FCN", "Simple CNN")),
            ),
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
                BLOCKS, "cnn:layers=32-MP-P-64-MP-P", 513_994,
                Published(513_994, test_accuracy=0.9885, train_accuracy=0.9976, time=231.72,
                          inference=0.21),
            ),
        ),
        COLUMNS,
        SHOWN,
        {"batch_size": "128"},
        (
            claim(
                1, "convolutions beat a fully connected network", part("Simple CNN", ">", "FCN")
            ),
            claim(
                4, "residual blocks bring nothing on MNIST", part(BLOCKS, "=", "Simple CNN")
            ),
            claim(
                4, "residual blocks are no better and take more resources",
                part(BLOCKS, "<=", "Simple CNN"),
                part(BLOCKS, ">", "Simple CNN", "time"),
                part(BLOCKS, ">", "Simple CNN", "parameters"),
            ),
            claim(
                5, "the losses of the two CNNs are practically the same, the fully connected "
                "network's is higher",
                part(BLOCKS, "=", "Simple CNN", "test-loss", margin=ALIKE_LOSS),
                part("FCN", ">", ("Simple CNN", BLOCKS), "test-loss"),
            ),
            claim(
                6, "inference takes the two CNNs the same time, and the fully connected network "
                "no less",
                part(BLOCKS, "=", "Simple CNN", "inference"),
                part("FCN", ">=", ("Simple CNN", BLOCKS), "inference"),
            ),
            claim(
                7, "training takes the fully connected network less than the simple CNN, and that "
                "less than residual blocks",
                part("FCN", "<", "Simple CNN", "time"),
                part("Simple CNN", "<", BLOCKS, "time"),
            ),
            keeps_under_shifts("Simple CNN", BLOCKS),
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
