"""One side of a paired timing: a process that trains a little each time it is told to.

    python benchmarks/peer.py course|convcompare SPEC DATASET STEPS

Each line read from stdin trains STEPS steps and prints the seconds of one step. Two such processes,
told in turn, share the machine's drift; only one of them works at a time.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable

from convcompare.build import resolve
from convcompare.config import TrainConfig
from convcompare.data import Dataset, Sources, Split
from convcompare.experiment import Entrant, TrialRunner, shape_of
from convcompare.hardware import choose_precision, choose_runtime
from convcompare.load import default_cache, load_dataset
from convcompare.store import RunStore
from course_loop import BATCH_SIZE, CourseLoop


def part(dataset: Dataset, steps: int) -> Dataset:
    """The same data with as many training images as `steps` batches need: a short epoch."""
    images, labels = dataset.train.images, dataset.train.labels
    n = steps * BATCH_SIZE
    train = Split(images[:n].copy(), labels[:n].copy())
    return dataclasses.replace(
        dataset, train=train, test=Split(images[:1].copy(), labels[:1].copy())
    )


def course(spec: str, dataset: Dataset) -> Callable[[], object]:
    return CourseLoop(resolve(spec, shape_of(dataset)).build(0), dataset).epoch


def convcompare(spec: str, dataset: Dataset) -> Callable[[], object]:
    from pathlib import Path

    runtime = choose_runtime("auto", None)
    precision, _ = choose_precision("auto", runtime.device)
    config = TrainConfig(epochs=10**6, batch_size=BATCH_SIZE, precision=precision)
    runner = TrialRunner(RunStore(Path("unused")), runtime, dataset)
    trial = Entrant(spec, resolve(spec, shape_of(dataset)), config).trial(dataset, 0)
    trainer = runner.trainer(trial)
    return lambda: next(iter(trainer))


def main() -> None:
    side, spec, name, steps = *sys.argv[1:4], int(sys.argv[4])
    dataset = part(load_dataset(name, Sources(default_cache())), steps)
    epoch = {"course": course, "convcompare": convcompare}[side](spec, dataset)
    for _ in sys.stdin:
        started = time.perf_counter()
        epoch()
        print((time.perf_counter() - started) / steps, flush=True)


if __name__ == "__main__":
    main()
