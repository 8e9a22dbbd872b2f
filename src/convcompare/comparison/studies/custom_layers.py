"""Custom layers: a convolution, attention, an activation function and a pooling layer."""

from __future__ import annotations

from convcompare.core.registry import register

from ..study import FIGURES, Published, Study, StudyRow, claim, part

TITLE = "Custom layers"
COLUMNS = ("epoch-time", "inference")
SHOWN = (*FIGURES, "activations", "filters", "activation-statistics")


@register.study("custom-layers")
def custom_layers() -> Study:
    """One layer of a small network exchanged for one of one's own (report 002, table 5)."""
    return Study(
        "002", TITLE, "cifar10",
        (
            StudyRow(
                "custom layers", "cnn:conv=scaled", 268_650,
                Published(268_650, 1.5861, 0.1838, 0.6730, 0.9345, 254.547),
            ),
            StudyRow(
                "attention", "cnn:attention=se", 268_810,
                Published(268_810, 1.2919, 0.2197, 0.7069, 0.9230, 264.053),
            ),
            StudyRow(
                "custom activation", "cnn:activation=silu+relu", 268_650,
                Published(
                    268_810, 2.1056, 0.0519, 0.6774, 0.9838, 261.071,
                    notes=("the printed count repeats that of attention",),
                ),
            ),
            StudyRow(
                "custom pooling", "cnn:pool=lp", 268_650,
                Published(268_650, 1.6854, 0.1489, 0.6878, 0.9471, 291.747),
            ),
        ),
        COLUMNS,
        SHOWN,
        claims=(
            claim(
                37, "attention is the best of the four",
                part("attention", ">", ("custom layers", "custom activation", "custom pooling")),
            ),
            claim(
                37, "attention beats the custom convolution",
                part("attention", ">", "custom layers"),
            ),
        ),
    )  # fmt: skip


@register.study("custom-layers-003")
def custom_layers_003() -> Study:
    """The custom layers of report 003 in the same small network."""
    rows = (
        ("standard", "cnn"),
        ("custom convolution", "cnn:conv=affine"),
        ("attention", "cnn:attention=cbam"),
        ("custom activation", "cnn:activation=swish"),
        ("custom pooling", "cnn:pool=lp-mean,p=1.5"),
    )
    guessed = tuple(StudyRow(name, spec, None, guessed=True) for name, spec in rows)
    return Study("003", TITLE, "cifar10", guessed, COLUMNS, SHOWN)


@register.study("custom-layers-004")
def custom_layers_004() -> Study:
    """Each custom layer of report 004 beside the standard one, in the same small network."""
    return Study(
        "004", TITLE, "cifar10",
        (
            StudyRow("standard", "cnn", None, Published(test_accuracy=0.921), guessed=True),
            StudyRow("custom convolution", "cnn:conv=scaled", None, guessed=True),
            StudyRow("attention", "cnn:attention=se", None, Published(test_accuracy=0.934),
                guessed=True),
            StudyRow("Swish", "cnn:activation=swish", None, Published(test_accuracy=0.928),
                guessed=True),
            StudyRow("custom activation", "cnn:activation=silu+relu", None,
                Published(test_accuracy=0.932), guessed=True),
            StudyRow("Lp pooling", "cnn:pool=lp", None, guessed=True),
            StudyRow("average pooling", "cnn:pool=average", None, guessed=True),
        ),
        COLUMNS,
        SHOWN,
        {"batch_size": "128"},
        (
            claim(
                33, "attention gives 1 to 2 % more",
                part("attention", "=", "standard", by=0.015, margin=0.005),
            ),
            claim(
                34, "attention adds 0.5 % of parameters",
                part("attention", "=", "standard", "parameters", by=1.005, margin=1.0005),
            ),
            claim(35, "Swish beats ReLU", part("Swish", ">", "standard")),
            claim(
                35, "the custom activation beats ReLU", part("custom activation", ">", "standard")
            ),
            claim(
                35, "Swish converges in fewer epochs than ReLU, the custom activation in still "
                "fewer",
                part("Swish", "<", "standard", "convergence"),
                part("custom activation", "<", "Swish", "convergence"),
            ),
            claim(
                36, "Lp pooling lies between max and average pooling",
                part("Lp pooling", ">", "standard").or_(">", than="average pooling"),
                part("Lp pooling", "<", "standard").or_("<", than="average pooling"),
            ),
        ),
    )  # fmt: skip


@register.study("custom-layers-mnist-004")
def custom_layers_mnist_004() -> Study:
    """The custom convolution of report 004 beside the standard one on MNIST."""
    custom, standard = "custom convolution", "standard"
    return Study(
        "004", f"{TITLE} on MNIST", "mnist",
        (
            StudyRow(standard, "cnn", None, guessed=True),
            StudyRow(custom, "cnn:conv=scaled", None, guessed=True),
        ),
        COLUMNS,
        SHOWN,
        {"batch_size": "128"},
        (
            claim(
                32, "a custom convolution reaches 0.3 points less and takes 15 % longer",
                part(custom, "=", standard, by=-0.003, margin=0.002),
                part(custom, "=", standard, "time", by=1.15),
            ),
        ),
    )  # fmt: skip


@register.study("custom-layers-000")
def custom_layers_000() -> Study:
    """The custom layers of report 000 in the same small network."""
    rows = (
        ("standard", "cnn"),
        ("custom convolution", "cnn:conv=affine"),
        ("attention", "cnn:attention=se,reduction=4"),
        ("custom activation", "cnn:activation=softplus"),
        ("custom pooling", "cnn:pool=mixed"),
    )
    guessed = tuple(StudyRow(name, spec, None, guessed=True) for name, spec in rows)
    return Study("000", TITLE, "cifar10", guessed, COLUMNS, SHOWN)
