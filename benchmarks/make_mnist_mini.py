"""Make the digits that are shipped with the tool: python benchmarks/make_mnist_mini.py."""

from __future__ import annotations

import numpy as np

from convcompare.data.dataset import Sources, Split, fingerprint
from convcompare.data.datasets.mnist_mini import FILE
from convcompare.data.load import default_cache, load_dataset


def first_of_each_class(split: Split, count: int) -> Split:
    """Return the first `count` images of each class, in the order of `split`."""
    chosen = [np.flatnonzero(split.labels == label)[:count] for label in range(10)]
    order = np.sort(np.concatenate(chosen))
    return Split(split.images[order], split.labels[order])


if __name__ == "__main__":
    full = load_dataset("mnist", Sources(default_cache()))
    train, test = first_of_each_class(full.train, 1000), first_of_each_class(full.test, 200)
    np.savez_compressed(
        FILE,
        train_images=train.images,
        train_labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
    )
    print(f"{FILE}: {FILE.stat().st_size} bytes, fingerprint {fingerprint((train, test))}")
