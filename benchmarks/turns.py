"""What every side of a paired timing has in common: short epochs, taken in turn when told to.

A line on stdin begins an epoch; its figures, seconds a step, come back as JSON on stdout. So only
one of several processes works at a time, and all of them share the machine's drift.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time

from convcompare.data.dataset import Dataset, Split

BATCH_SIZE = 64
LEARNING_RATE = 1e-3


class Turns:
    """The clock of one side: `begin` waits to be told, `end` says how long the epoch took."""

    def __init__(self, steps: int) -> None:
        self.steps, self.started = steps, 0.0
        self.out = sys.stdout  # a live display takes its place

    def begin(self) -> None:
        """Wait for a line; the process ends where there are no more."""
        if not sys.stdin.readline():
            raise SystemExit
        self.started = time.perf_counter()

    def end(self, apart: float = 0.0, **parts: float) -> None:
        """Seconds a step since `begin`, less `apart`; and seconds that are given by name."""
        seconds = {"step": time.perf_counter() - self.started - apart, **parts}
        a_step = {name: value / self.steps for name, value in seconds.items()}
        print(json.dumps(a_step), file=self.out, flush=True)


def part(dataset: Dataset, steps: int, test_images: int = 1) -> Dataset:
    """The same data with as many training images as `steps` batches need: a short epoch."""
    train, test, n = dataset.train, dataset.test, steps * BATCH_SIZE
    return dataclasses.replace(
        dataset,
        train=Split(train.images[:n].copy(), train.labels[:n].copy()),
        test=Split(test.images[:test_images].copy(), test.labels[:test_images].copy()),
    )
