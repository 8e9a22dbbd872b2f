"""Test images of data sets without a test split: a share of each class, drawn by a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import NAMED, DataError, listed

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HoldOut:
    """How to make a test split: a `share` of each class, drawn by `seed`."""

    share: float
    seed: int

    @property
    def words(self) -> str:
        """Description of the test split, for tables."""
        return hold_out_words(self.share, self.seed)

    def rows(
        self, labels: npt.NDArray[Any], where: str, name: Callable[[Any], str] = str
    ) -> npt.NDArray[np.bool_]:
        """Return which images are test images, bool (n,).

        Args:
            labels: labels (n,) of any type.
            where: name of the data set in errors.
            name: returns the name of a class in errors.

        Raises:
            DataError: if a class has only one image.
        """
        known, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        check_two_each([name(one) for one in known[counts < 2].tolist()], where)
        return rows_for_test(codes.astype(np.int64), self.share, self.seed)


def drawn_for_test(images: int, share: float, seed: int) -> Rows:
    """Draw the test images of a class of `images`: at least one of two or more, never all."""
    count = min(max(1, round(share * images)), images - 1)
    raw = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(images)
    return np.argsort(raw, kind="stable")[:count]


def rows_for_test(labels: Rows, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return which images are test images, bool (n,), by their labels (n,)."""
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen[rows[drawn_for_test(len(rows), share, seed)]] = True
    return chosen


def check_two_each(single: Sequence[str], where: str) -> None:
    """Raise DataError if there are classes with a `single` image, too few for two splits."""
    if single:
        noun = "class" if len(single) == 1 else "classes"
        verb = "has one image" if len(single) == 1 else "have one image each"
        raise DataError(
            f"{noun} {listed(single, NAMED)} in {where} {verb}, too few for two splits",
            "two images or more per class, or a test split of its own",
        )


def hold_out_words(share: float, seed: int) -> str:
    """Return the description of the test split, for tables."""
    return f"{100 * share:g} % held out of each class, split seed {seed}"
