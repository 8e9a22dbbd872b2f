"""SVHN, house numbers in photographs: http://ufldl.stanford.edu/housenumbers/."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convcompare.core.registry import register

from ..dataset import Dataset, Sources, Split, Splits
from ..sources.checksums import check_file
from ..sources.download import Mirror
from ..sources.fetch import PublishedFiles, published_set

FILES = {
    "train_32x32.mat": "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    "test_32x32.mat": "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
}
"""Published files of cropped digits with their SHA-256."""


def read_svhn(folder: Path) -> Splits | None:
    """Return the splits from the two files in `folder` (torchvision's layout) or in ``SVHN``.

    None if neither folder has one. Raises ValueError or OSError if they are not the published ones.
    """
    for place in (folder, folder / "SVHN"):
        if any((place / name).exists() for name in FILES):
            for name, sha256 in FILES.items():
                check_file(place / name, sha256)
            train, test = (read_mat(place / name) for name in FILES)
            return train, test
    return None


def read_mat(path: Path) -> Split:
    """Return a split from ``X`` (32, 32, 3, n) and ``y`` (n, 1), in which 10 is the digit 0."""
    from scipy.io import loadmat

    content = loadmat(path)
    images, labels = np.asarray(content["X"]), np.asarray(content["y"]).ravel()
    if images.shape[:3] != (32, 32, 3) or images.dtype != np.uint8:
        raise ValueError(f"{path.name} has images of {images.shape}")
    if not np.isin(labels, range(1, 11)).all():
        raise ValueError(f"{path.name} has labels other than 1 to 10")
    pixels = np.ascontiguousarray(images.transpose(3, 2, 0, 1))
    return Split(pixels, labels.astype(np.int64) % 10)


SVHN = PublishedFiles(
    name="svhn",
    title="SVHN",
    sha256=None,
    read=read_svhn,
    origins=(Mirror("http://ufldl.stanford.edu/housenumbers", (*FILES,), 246_316_178),),
)


@register.dataset(
    "svhn", channels=3, image_size=32, classes=10, train=73_257, test=26_032, published=SVHN
)
def svhn(sources: Sources) -> Dataset:
    """Digits of house numbers in photographs, 32×32, colour (Netzer et al. 2011).

    Reading Digits in Natural Images with Unsupervised Feature Learning, NIPS Workshop. The extra
    images are not used. Mean and std are measured on the train split.
    """
    return published_set(SVHN, sources, tuple("0123456789"), "crop")
