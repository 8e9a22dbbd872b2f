"""Small generated data sets, and arrays in the format of MNIST."""

from __future__ import annotations

import numpy as np

from convcompare.data.dataset import Dataset, Split


def make_tiny(train: int = 203, test: int = 57, size: int = 8) -> Dataset:
    """Bright line in row `label` on noise; the sizes are no multiples of any batch size."""
    generator = np.random.Generator(np.random.PCG64(0))

    def split(n: int) -> Split:
        labels = np.arange(n, dtype=np.int64) % 4
        images = generator.integers(0, 60, (n, 1, size, size), dtype=np.uint8)
        images[np.arange(n), 0, 2 * labels] = 220
        return Split(images, labels)

    return Dataset(
        name="tiny",
        train=split(train),
        test=split(test),
        classes=("a", "b", "c", "d"),
        mean=(0.2,),
        std=(0.3,),
        augmentation="crop",
        test_split="made-up test split",
        source="generated",
    )


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes in the IDX format of MNIST's files."""
    sizes = b"".join(side.to_bytes(4, "big") for side in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.astype(np.uint8).tobytes()
