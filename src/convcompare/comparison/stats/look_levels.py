"""Levels of the usual looks, by `benchmarks/look_levels.py`: not written by hand."""

from __future__ import annotations

from collections.abc import Mapping

KNOWN: Mapping[tuple[int, ...], tuple[tuple[float, ...], ...]] = {
    (3, 5, 8, 13, 20): (
        (0.0075, 0.005784, 0.008956, 0.01576, 0.02498),
        (0.00375, 0.002776, 0.00428, 0.007483, 0.01171),
        (0.0025, 0.001818, 0.002795, 0.004863, 0.007556),
        (0.001875, 0.001348, 0.00207, 0.003593, 0.005554),
        (0.0015, 0.00107, 0.00164, 0.002844, 0.004379),
        (0.00125, 0.0008871, 0.001357, 0.002349, 0.003611),
    ),
}
"""By the numbers of seeds: the level of each look for one hypothesis, for each of two, of three…"""
