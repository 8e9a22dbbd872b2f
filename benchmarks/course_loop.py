"""The training loop of most courses, as the peer to measure against.

A torchvision-style data set that turns one image at a time into a normalised tensor, a DataLoader
in the main process, Adam, float32, `.item()` each step. Nothing here is slowed down on purpose, and
nothing is sped up: it is what a student copies from a tutorial.

    python benchmarks/course_loop.py simple mnist
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from convcompare import torchvision_import
from convcompare.build import resolve
from convcompare.data import Dataset, Sources, Split
from convcompare.experiment import shape_of
from convcompare.load import default_cache, load_dataset

BATCH_SIZE = 64
LEARNING_RATE = 1e-3


class ImageSet(TorchDataset[tuple[Tensor, int]]):
    """What torchvision's MNIST and CIFAR10 do: keep arrays, make a PIL image, apply a transform."""

    def __init__(self, split: Split, transform: Callable[[Image.Image], Tensor]) -> None:
        rows = split.images.transpose(0, 2, 3, 1)
        self.images = rows[..., 0] if rows.shape[-1] == 1 else rows
        self.labels = split.labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


class CourseLoop:
    """One network, trained the usual way; `epoch` gives its mean loss."""

    def __init__(self, model: nn.Module, dataset: Dataset) -> None:
        transforms = torchvision_import.import_torchvision("torchvision.transforms")
        transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(dataset.mean, dataset.std)]
        )
        images = ImageSet(dataset.train, transform)
        self.loader = DataLoader(images, batch_size=BATCH_SIZE, shuffle=True)
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        self.criterion = nn.CrossEntropyLoss()

    def epoch(self) -> float:
        self.model.train()
        running_loss, correct, total = 0.0, 0, 0
        for images, labels in self.loader:
            self.optimizer.zero_grad()
            outputs = self.model(images)
            loss = self.criterion(outputs, labels)
            loss.backward()
            self.optimizer.step()
            running_loss += loss.item() * images.size(0)
            _, predicted = outputs.max(1)
            total += labels.size(0)
            correct += predicted.eq(labels).sum().item()
        return running_loss / total


def main() -> None:
    spec, name = sys.argv[1:3]
    dataset = load_dataset(name, Sources(default_cache()))
    torch.manual_seed(0)
    loop = CourseLoop(resolve(spec, shape_of(dataset)).build(0), dataset)
    started = time.perf_counter()
    loss = loop.epoch()
    print(f"{spec} on {name}: loss {loss:.4f}, {time.perf_counter() - started:.1f} s an epoch")


if __name__ == "__main__":
    main()
