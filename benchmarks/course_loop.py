"""A standard tutorial loop, as the reference of the benchmarks.

A torchvision-style data set that converts one image at a time into a normalised tensor, a
DataLoader in the main process, Adam, float32, `.item()` in each step: typical tutorial code,
neither slowed down nor optimised.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from turns import BATCH_SIZE, LEARNING_RATE, Turns

from convcompare.data.dataset import Dataset, Split
from convcompare.experiment.shapes import shape_of
from convcompare.models import devices, torchvision_import
from convcompare.models.build import resolve


class ImageSet(TorchDataset[tuple[Tensor, int]]):
    """Like torchvision's sets: stores arrays, makes a PIL image, applies a transform."""

    def __init__(self, split: Split, transform: Callable[[Image.Image], Tensor]) -> None:
        rows = split.images.transpose(0, 2, 3, 1)
        self.images = rows[..., 0] if rows.shape[-1] == 1 else rows
        self.labels = split.labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def image_set(split: Split, dataset: Dataset) -> ImageSet:
    """Return a split with the usual transforms: to tensor, then normalise."""
    transforms = torchvision_import.import_torchvision("torchvision.transforms")
    normalise = transforms.Normalize(dataset.mean, dataset.std)
    return ImageSet(split, transforms.Compose([transforms.ToTensor(), normalise]))


class CourseLoop:
    """One network and its training; `epoch` returns the mean loss."""

    def __init__(self, spec: str, dataset: Dataset) -> None:
        torch.manual_seed(0)
        images = image_set(dataset.train, dataset)
        self.loader = DataLoader(images, batch_size=BATCH_SIZE, shuffle=True)
        self.device = torch.device(devices.accelerator() or "cpu")
        self.model = resolve(spec, shape_of(dataset)).build(0).to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        self.criterion = nn.CrossEntropyLoss()

    def epoch(self) -> float:
        self.model.train()
        running_loss, correct, total = 0.0, 0, 0
        for images, labels in self.loader:
            images, labels = images.to(self.device), labels.to(self.device)
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


def take_turns(spec: str, dataset: Dataset, turns: Turns) -> None:
    loop = CourseLoop(spec, dataset)
    while True:
        turns.begin()
        loop.epoch()
        turns.end()


def accuracy(model: nn.Module, dataset: Dataset) -> float:
    """Return the share of test images that a network classifies correctly."""
    hits = 0
    with torch.inference_mode():
        for images, labels in DataLoader(image_set(dataset.test, dataset), batch_size=500):
            hits += int((model.eval()(images).argmax(1) == labels).sum())
    return hits / len(dataset.test)


def test_accuracy(spec: str, dataset: Dataset, epochs: int) -> float:
    loop = CourseLoop(spec, dataset)
    for _ in range(epochs):
        loop.epoch()
    return accuracy(loop.model, dataset)
