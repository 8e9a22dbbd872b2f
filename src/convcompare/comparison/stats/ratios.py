"""Ratios of two positive figures, paired by seed, tested on the logarithmic scale."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace

from . import paired
from .paired import PairedTest

LARGEST = math.log(sys.float_info.max)


def logs(values: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Return the logarithms of the ratios, (n,). Raises ValueError unless all are positive."""
    if not all(value > 0 for value in (*values, *baseline)):
        raise ValueError("only positive figures have ratios")
    return [math.log(a) - math.log(b) for a, b in zip(values, baseline, strict=True)]


def log_ratio(values: Sequence[float], baseline: Sequence[float]) -> PairedTest:
    """Return the geometric mean of the ratios, with the paired t-test of their logarithms.

    Logarithms give twice and half as much the same weight (Fleming and Wallace 1986,
    doi:10.1145/5666.5673; Student 1908, doi:10.1093/biomet/6.1.1).

    Args:
        values: Positive figures of the model by seed, (n,), with n at least 2.
        baseline: Positive figures of the baseline for the same seeds, (n,).

    Returns:
        The test, with the ratio as ``difference`` and the ``effect_size`` of the logarithms.

    Raises:
        ValueError: if a figure is not positive, or for fewer than two seeds.
    """
    test = paired.t_test(logs(values, baseline)).mapped(factor)
    method = test.difference.method.replace("paired t", "paired t of log ratios")
    return replace(test, difference=replace(test.difference, method=method))


def factor(log: float) -> float:
    """Return the exponential of a logarithm; infinity if it overflows."""
    return math.inf if log > LARGEST else math.exp(log)
