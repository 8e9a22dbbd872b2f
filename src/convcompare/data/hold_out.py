"""Test images of data sets without a test split: a share of each class, drawn by a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import NAMED, DataError, listed

from .data_notes import DataNote


@dataclass(frozen=True)
class HoldOut:
    """How to make a test split: a `share` of each class, drawn by `seed`."""

    share: float = 0.2
    seed: int = 0

    def unused(self) -> list[DataNote]:
        """Return a warning for a data set with splits of its own if other values were chosen."""
        usual = HoldOut()
        pairs = (("test", self.share, usual.share), ("seed", self.seed, usual.seed))
        given = [f"`{name}={value:g}`" for name, value, default in pairs if value != default]
        if not given:
            return []
        text = f"{' and '.join(given)}, not used: the data set has a test split of its own"
        return [DataNote("unused", text, hint="leave it out")]

    @property
    def words(self) -> str:
        """Description of the test split, for tables."""
        return f"{100 * self.share:g} % held out of each class, split seed {self.seed}"

    def rows(
        self, labels: npt.NDArray[Any], where: str, name: Callable[[Any], str]
    ) -> npt.NDArray[np.bool_]:
        """Return which images are test images, bool (n,): of each class at least one, never all.

        Args:
            labels: labels (n,) of any type.
            where: name of the data set in errors.
            name: returns the name of a class in errors.

        Raises:
            DataError: if a class has only one image.
        """
        known, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        _check_two_each([name(one) for one in known[counts < 2].tolist()], where)
        chosen = np.zeros(len(labels), bool)
        for rows in np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1]):
            raw = np.random.PCG64(np.random.SeedSequence(self.seed)).random_raw(len(rows))
            drawn = min(max(1, round(self.share * len(rows))), len(rows) - 1)
            chosen[rows[np.argsort(raw, kind="stable")[:drawn]]] = True
        return chosen


def _check_two_each(single: Sequence[str], where: str) -> None:
    """Raise DataError if there are classes with a `single` image, too few for two splits."""
    if single:
        noun = "class" if len(single) == 1 else "classes"
        verb = "has one image" if len(single) == 1 else "have one image each"
        raise DataError(
            f"{noun} {listed(single, NAMED)} in {where} {verb}, too few for two splits",
            "two images or more per class, or a test split of its own",
        )
