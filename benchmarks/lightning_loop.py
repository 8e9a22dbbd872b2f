"""PyTorch Lightning's Trainer in typical use, as a peer of the benchmarks.

A LightningModule that logs loss and accuracy, a DataLoader with two persistent workers, the
transforms of the tutorial loop applied on the fly, Adam, float32. Logger, checkpoints, progress bar
and summary are off. An epoch lasts from Lightning's start hook to the end of its hooks.
"""

from __future__ import annotations

import warnings
from typing import Any

from course_loop import accuracy, image_set
from torch import Tensor, nn, optim
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from turns import BATCH_SIZE, LEARNING_RATE, Turns

from convcompare.data.dataset import Dataset
from convcompare.experiment.shapes import shape_of
from convcompare.models.build import resolve
from convcompare.models.torchvision_import import import_torchvision

import_torchvision()  # Lightning also imports it, and the import may need a workaround
import lightning  # noqa: E402

WORKERS = 2
ENDLESS = 10**6


class Classifier(lightning.LightningModule):
    """A network with its loss, its metrics and its optimizer."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, labels = batch
        logits = self.model(images)
        loss = cross_entropy(logits, labels)
        hits = (logits.argmax(1) == labels).float().mean()
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        self.log("train_accuracy", hits, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self) -> optim.Optimizer:
        return optim.Adam(self.parameters(), lr=LEARNING_RATE)


class InTurn(lightning.Callback):
    """Runs one epoch per turn."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def on_train_epoch_start(self, *given: Any) -> None:
        self.turns.begin()

    def on_train_epoch_end(self, *given: Any) -> None:
        self.turns.end()


def fit(spec: str, dataset: Dataset, epochs: int, *callbacks: lightning.Callback) -> nn.Module:
    """Return the network after `epochs` epochs."""
    warnings.filterwarnings("ignore")
    lightning.seed_everything(0, verbose=False)
    module = Classifier(resolve(spec, shape_of(dataset)).build(0))
    loader = DataLoader(
        image_set(dataset.train, dataset),
        batch_size=BATCH_SIZE,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
    )
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
    )
    trainer.fit(module, loader)
    return module.model


def take_turns(spec: str, dataset: Dataset, turns: Turns) -> None:
    fit(spec, dataset, ENDLESS, InTurn(turns))


def test_accuracy(spec: str, dataset: Dataset, epochs: int) -> float:
    return accuracy(fit(spec, dataset, epochs), dataset)
