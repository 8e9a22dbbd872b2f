"""One training step of every classification network of torchvision, or of timm's modules.

python benchmarks/library_training.py torchvision
python benchmarks/library_training.py timm

Each network runs in its own process, so that crashes are counted too. It is resolved for images of
3×S×S, with the smallest accepted S of 32, 64, 96, 128 and its default size, and makes one step with
two images of noise. Prints a line for each network, and the counts.
"""

from __future__ import annotations

import collections
import multiprocessing
import sys
import warnings
from collections.abc import Iterator

import numpy as np

from convcompare.core.config import TrainConfig
from convcompare.core.errors import ModelError
from convcompare.data.dataset import Dataset, Split
from convcompare.models.build import Builder, resolve
from convcompare.models.library_network import default_shape
from convcompare.models.shape import Shape
from convcompare.models.torchvision_import import import_torchvision
from convcompare.training.batches import Batches
from convcompare.training.trainer import Trainer

SIDES = (32, 64, 96, 128)
CLASSES = 10


def names(library: str) -> Iterator[str]:
    """Iterate over specs: torchvision's classification networks, or one of each module of timm."""
    models = import_torchvision().models
    if library == "torchvision":
        yield from (f"torchvision:{name}" for name in models.list_models(module=models))
        return
    import timm

    for module in timm.list_modules():
        found = [n for n in timm.list_models(module=module) if not n.startswith("test_")]
        yield from (f"timm:{name}" for name in sorted(found, key=len)[:1])


def fitting(name: str) -> Builder:
    """Return the network at the smallest accepted size; raise the last ModelError if none fits."""
    own = default_shape(name)
    sides = [*SIDES, own.image_size if own else 224]
    for place, side in enumerate(sides):
        builder = resolve(name, Shape(3, side, CLASSES))
        try:
            _ = builder.description
        except ModelError:
            if place == len(sides) - 1:
                raise
            continue
        return builder
    raise AssertionError


def dataset(side: int) -> Dataset:
    """Return four images of noise for training and for testing."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (4, 3, side, side), dtype=np.uint8)
    split = Split(images, np.arange(4) % CLASSES)
    return Dataset(
        name="noise",
        train=split,
        test=split,
        classes=tuple(map(str, range(CLASSES))),
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        augmentation="none",
        test_split="noise",
        source="generated",
    )


def step(builder: Builder) -> float:
    """Return the loss of one step."""
    import torch

    data = dataset(builder.shape.image_size)
    batches = Batches(data.train, data, torch.device("cpu"))
    config = TrainConfig(epochs=1, batch_size=2)
    trainer = Trainer(builder.build(0), batches, batches, config, 0)
    images, labels = next(trainer.batches(0))
    loss, _ = trainer.step(trainer.optimizer, images, labels)
    return loss.item()


def outcome(name: str) -> tuple[str, str]:
    """Return the result for a network, and the reason."""
    try:
        builder = fitting(name)
    except ModelError as error:
        return "refused", f"{error.message} ({error.hint})"
    try:
        loss = step(builder)
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"
    return ("trained", "") if np.isfinite(loss) else ("trained", f"loss {loss}")


def apart(name: str) -> tuple[str, str]:
    """Return the result from a separate process, which may crash."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe()
    process = context.Process(target=lambda: sender.send(outcome(name)))
    process.start()
    sender.close()
    try:
        found: tuple[str, str] = receiver.recv()
    except EOFError:
        process.join()
        return "crashed", f"exit code {process.exitcode}"
    process.join()
    return found


def main() -> None:
    """Train all networks of a library, and print the counts."""
    warnings.simplefilter("ignore")
    counts: collections.Counter[str] = collections.Counter()
    for name in names(sys.argv[1]):
        result, reason = apart(name)
        counts[result] += 1
        print(f"{name}: {result}{reason and f': {reason}'}", flush=True)
    print(", ".join(f"{result} {number}" for result, number in counts.most_common()))


if __name__ == "__main__":
    main()
