"""Fashion-MNIST, Zalando's articles in MNIST's format: arXiv:1708.07747."""

from __future__ import annotations

from pathlib import Path

from convcompare.core.registry import register

from ..dataset import Dataset, Sources
from ..sources.download import Mirror
from ..sources.fetch import PublishedFiles, published_set
from ..sources.idx import PACKED, read_idx_folder

FASHION_MNIST = PublishedFiles(
    name="fashion-mnist",
    title="Fashion-MNIST",
    sha256="a06d3266794aa0147787f49603795ec5e8a32fac55270d9b4ac38d415b342e8c",
    read=lambda folder: read_idx_folder(folder, ("FashionMNIST",)),
    origins=(
        Mirror("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", PACKED, 30_878_645),
        Mirror(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            PACKED,
            30_878_645,
        ),
    ),
    system=(Path("/usr/share/datasets/fashion-mnist"),),
    advice="on Debian and Ubuntu `apt install dataset-fashion-mnist` installs it",
)
CLASSES = (
    "t-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


@register.dataset(
    "fashion-mnist",
    channels=1,
    image_size=28,
    classes=10,
    train=60_000,
    test=10_000,
    published=FASHION_MNIST,
)
def fashion_mnist(sources: Sources) -> Dataset:
    """Clothes, shoes and bags, 28×28, grey (Xiao et al. 2017).

    arXiv:1708.07747. Mean and std are the constants usual in the field.
    """
    return published_set(
        FASHION_MNIST, sources, CLASSES, "flip-crop", normalisation=((0.2860,), (0.3530,))
    )
