"""Shared by all sides of a paired timing: short epochs, run in turn on request.

A line on stdin starts an epoch; its figures, seconds per step, are printed as JSON on stdout. So
only one of several processes runs at a time, and all share the machine's drift.
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
    """The clock of one side: `begin` waits for a request, `end` prints the duration."""

    def __init__(self, steps: int) -> None:
        self.steps, self.started = steps, 0.0
        self.out = sys.stdout  # a live display replaces it

    def begin(self) -> None:
        """Wait for a line; exit at the end of input."""
        if not sys.stdin.readline():
            raise SystemExit
        self.started = time.perf_counter()

    def end(self, apart: float = 0.0, **parts: float) -> None:
        """Print the seconds per step since `begin`, less `apart`, and the named seconds."""
        seconds = {"step": time.perf_counter() - self.started - apart, **parts}
        per_step = {name: value / self.steps for name, value in seconds.items()}
        print(json.dumps(per_step), file=self.out, flush=True)


def part(dataset: Dataset, steps: int, test_images: int = 1) -> Dataset:
    """Return the data with as many training images as `steps` batches need: a short epoch."""
    train, test, n = dataset.train, dataset.test, steps * BATCH_SIZE
    return dataclasses.replace(
        dataset,
        train=Split(train.images[:n].copy(), train.labels[:n].copy()),
        test=Split(test.images[:test_images].copy(), test.labels[:test_images].copy()),
    )
