"""Test images of data sets that have no test split: a share of each class, drawn by a seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def drawn_for_test(images: int, share: float, seed: int) -> Rows:
    """Which of the `images` of a class are test images: at least one, and not all of several."""
    count = min(max(1, round(share * images)), images - 1)
    raw = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(images)
    return np.argsort(raw, kind="stable")[:count]


def rows_for_test(labels: Rows, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which images are test images, bool (n,), by their labels (n,)."""
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen[rows[drawn_for_test(len(rows), share, seed)]] = True
    return chosen


def hold_out_words(share: float, seed: int) -> str:
    """What the test split is, for tables."""
    return f"{100 * share:g} % held out of each class, split seed {seed}"
