"""The trainer: an iterator of epochs, readable from top to bottom.

    trainer = Trainer(model, train, test, config, seed)
    for epoch in trainer:
        print(epoch.test_accuracy)

An epoch is a pure function of (weights, optimizer state, seed, epoch): stopping after any epoch and
resuming from its `state` gives the same bits. There are no callbacks: saving, measuring and early
stopping are ordinary code in the body of the loop.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcompare.core.config import LAST_EPOCHS, TrainConfig
from convcompare.core.errors import TrialError
from convcompare.core.seeding import TrialSeeds
from convcompare.data.dataset import Augmentation
from convcompare.models import devices
from convcompare.models.randomness import seeded
from convcompare.store.run import Epoch, TrainEvaluation

from . import model_hooks
from .augmentation import mirrored
from .batches import Batches
from .cpu_contention import Interference
from .evaluation import Evaluator, loss_and_accuracy
from .memory_format import channels_last
from .optim import learning_rate, make_optimizer, set_rate
from .progress import StepProgress
from .state import restore, state_of

TRAIN_IMAGES = 10_000
"""Maximum number of training images in the evaluation of the final network, which then costs as
much as a test epoch."""
CHECK_STEPS = 16
"""Steps between checks of the loss if several processes train together on the CPU, where a check is
a sum over all of them. A single process checks each step. Other devices check once per epoch, since
each check is a synchronisation."""
BEST = ("val_accuracy", "test_logits")
"""Data of the best epoch that are kept in addition to its weights."""


class Diverged(TrialError):
    """The loss became NaN or infinite."""


class Trainer:
    """Trains one network on the `train` batches and evaluates it on the `test` batches."""

    def __init__(
        self,
        model: nn.Module,
        train: Batches,
        test: Batches,
        config: TrainConfig,
        seed: int,
        augmentation: Augmentation = "none",
    ) -> None:
        self.device, self.devices = train.device, train.devices
        self.model = channels_last(model, self.device)
        self.seeds = TrialSeeds(seed)
        train = train.cut(config.train_images, self.seeds.train_images)
        train, held_out = train.held_out(config.val_fraction, self.seeds.validation)
        self.train_batches = train.resized(config.image_size)
        self.val_batches = held_out.resized(config.image_size) if held_out else None
        self.test_batches = test.resized(config.image_size)
        self.config = config
        self.evaluate = Evaluator(
            self.model, self.device, self.devices, config.precision, augmentation,
            self.seeds.evaluation,
        )  # fmt: skip
        self.augmentation: Augmentation = augmentation if config.augment else "none"
        model_hooks.initialise(self.model, self.train_batches, self.seeds)
        self.optimizer = make_optimizer(config, self.model.parameters())
        self.averaging: nn.Module | None = None
        """During an epoch on several devices, the network that averages gradients over them."""
        self.compiled: Callable[[Tensor], Tensor] | None = None
        """Compiled form of the network for whole batches; None if steps are not compiled."""
        self.epoch, self.lr = 0, config.lr
        self.steps = -(-len(self.train_batches) // config.batch_size)
        self.total = config.steps or self.steps * config.epochs
        """Steps of the whole training; the last epoch has the remaining ones."""
        self.progress = StepProgress(steps=self._steps_left())
        self.test_logits = torch.empty(0)
        self.best: dict[str, Tensor] = {}
        """Accuracy, weights and test logits of the epoch that is best on the held-out images;
        empty unless the best epoch is selected."""

    def __iter__(self) -> Iterator[Epoch]:
        while self._steps_left():
            yield self._next_epoch()

    def finish(self) -> Tensor:
        """Load the weights of the selected epoch into the network.

        Returns:
            Its test logits, float32 (n, classes).
        """
        if self.best:
            weights = {name: tensor for name, tensor in self.best.items() if name not in BEST}
            self.model.load_state_dict(weights)
            self.test_logits = self.best["test_logits"]
        if not len(self.test_logits):  # nothing was left to train
            self.test_logits = self.evaluate(self.test_batches)
        return self.test_logits

    def tta_accuracy(self) -> float:
        """Return the test accuracy of the logits averaged over the views of each image."""
        logits = self.evaluate(self.test_batches, averaged=True)
        return loss_and_accuracy(logits, self.test_batches)[1]

    def train_evaluation(self) -> TrainEvaluation:
        """Evaluate the final network on training images, without augmentation."""
        chosen = self.train_batches.evenly(TRAIN_IMAGES)
        loss, accuracy = loss_and_accuracy(self.evaluate(chosen), chosen)
        return TrainEvaluation(len(chosen), loss, accuracy)

    def held_out_logits(self) -> Tensor | None:
        """Return the final network's logits of the held-out images; None if there are none."""
        return None if self.val_batches is None else self.evaluate(self.val_batches)

    def state(self) -> dict[str, Tensor]:
        """Return weights, buffers and optimizer state by name, as they are after the last epoch."""
        state = state_of(self.model, self.optimizer)
        return state | {f"best.{name}": tensor for name, tensor in self.best.items()}

    def restore(self, epoch: int, state: Mapping[str, Tensor]) -> None:
        """Resume after `epoch` epochs from what `state` returned then."""
        restore(self.model, self.optimizer, state)
        best = {name: tensor for name, tensor in state.items() if name.startswith("best.")}
        self.best = {name.removeprefix("best."): tensor for name, tensor in best.items()}
        self.epoch = epoch

    def _next_epoch(self) -> Epoch:
        model_hooks.begin_epoch(self.model, self.epoch, self.config.freeze)
        self.model.train()
        self.progress.step, self.progress.steps = 0, self._steps_left()
        share = self._images_of_the_pass() / len(self.train_batches)
        draws = self.seeds.dropout(self.epoch, self.devices.rank)
        with Interference() as training:
            with seeded(draws, self.device):
                loss, accuracy = self._pass()
            self.synchronise()
        trained = time.perf_counter()
        val_loss, val_accuracy = self._validate()
        best = self._is_best(val_accuracy)
        test_loss, test_accuracy = self._test() if best or self._counts() else (None, None)
        if best and val_accuracy is not None:
            self._keep(val_accuracy)
        self.epoch += 1
        return Epoch(
            epoch=self.epoch,
            train_loss=loss,
            train_accuracy=accuracy,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            lr=self.lr,
            train_seconds=training.seconds,
            evaluation_seconds=time.perf_counter() - trained,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            share=share,
            waited_seconds=training.waited,
            stopped_seconds=training.stopped,
        )

    def _steps_left(self) -> int:
        """Return the number of steps of the next epoch; 0 at the end."""
        return max(0, min(self.steps, self.total - self.epoch * self.steps))

    def _images_of_the_pass(self) -> int:
        return min(self._steps_left() * self.config.batch_size, len(self.train_batches))

    def _counts(self) -> bool:
        """Return whether the configuration evaluates the test images after this epoch."""
        last = -(-self.total // self.steps)
        return self.config.evaluate == "every" or self.epoch >= last - LAST_EPOCHS

    def _test(self) -> tuple[float, float]:
        """Return loss and accuracy on the test images.

        Raises:
            Diverged: if the loss is not finite.
        """
        self.test_logits = self.evaluate(self.test_batches)
        loss, accuracy = loss_and_accuracy(self.test_logits, self.test_batches)
        if not math.isfinite(loss):
            raise Diverged(
                f"the test loss was {loss} after epoch {self.epoch + 1}, step {self.steps}, "
                f"learning rate {self.lr:.3g}"
            )
        return loss, accuracy

    def _validate(self) -> tuple[float | None, float | None]:
        """Return loss and accuracy on the held-out images; None if there are none."""
        if self.val_batches is None:
            return None, None
        return loss_and_accuracy(self.evaluate(self.val_batches), self.val_batches)

    def _is_best(self, val_accuracy: float | None) -> bool:
        """Return whether the best epoch is selected and this is the best so far."""
        if self.config.select != "best" or val_accuracy is None:
            return False
        return not self.best or val_accuracy > self.best["val_accuracy"].item()

    def _keep(self, val_accuracy: float) -> None:
        """Keep this epoch as the best so far."""
        weights = {name: t.detach().clone() for name, t in self.model.state_dict().items()}
        reached = torch.tensor(val_accuracy, dtype=torch.float64)
        self.best = {**weights, "val_accuracy": reached, "test_logits": self.test_logits}

    def _pass(self) -> tuple[float, float]:
        """Train on every image once, with one synchronisation; return mean loss and accuracy.

        The last pass may have fewer steps.
        """
        steps, images_of_pass = self._steps_left(), self._images_of_the_pass()
        losses = torch.zeros(steps, device=self.device)
        hits = torch.zeros((), dtype=torch.int64, device=self.device)
        sizes = torch.full((steps,), self.config.batch_size, dtype=torch.float64)
        sizes[-1] = images_of_pass - (steps - 1) * self.config.batch_size
        shares = [self.devices.shard(int(size)).share for size in sizes]
        self.devices.broadcast(self.model)
        self.averaging = self.devices.averaging(self.model)
        for step, (images, labels) in enumerate(itertools.islice(self.batches(self.epoch), steps)):
            self.lr = self._rate(step)
            set_rate(self.optimizer, self.lr)
            losses[step], correct = self.step(self.optimizer, images, labels, shares[step])
            if shares[step]:
                hits += correct
            self.progress.step = step + 1
            if self.device.type == "cpu" and (self.devices.size == 1 or step % CHECK_STEPS == 0):
                seen = self.devices.mean(losses[: step + 1], shares)
                self.progress.loss = seen[step].item()
                if self.devices.size > 1 or not math.isfinite(self.progress.loss):
                    self._check(seen)
        self.averaging = None
        self.devices.broadcast(self.model)
        losses, hits = self.devices.mean(losses, shares), self.devices.sum(hits)
        self._check(losses)
        mean = (losses.cpu().double() * sizes).sum() / sizes.sum()
        return mean.item(), hits.item() / images_of_pass

    def step(
        self, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, share: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Make one step of gradient descent.

        Args:
            optimizer: Optimizer of the network's parameters.
            images: float32 (n, c, h, w).
            labels: int64 (n,).
            share: Share of the images in their batch; the rest is on other devices.

        Returns:
            Mean cross-entropy and number of correct predictions, on the device.
        """
        with self.autocast():
            logits = self._network(len(images))(images)
        logits = logits.float()
        smoothing = self.config.label_smoothing
        loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        optimizer.zero_grad(set_to_none=True)
        weight = 1.0 if self.averaging is None else share * self.devices.size
        (loss if weight == 1 else weight * loss).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            shown = F.cross_entropy(logits, labels) if smoothing else loss.detach()
            return shown, (logits.argmax(1) == labels).sum()

    def _network(self, images: int) -> Callable[[Tensor], Tensor]:
        """Return the network for a batch of `images` images.

        A smaller last batch takes the plain network, as it would be compiled again.
        """
        if self.averaging is not None:
            return self.averaging
        whole = images == self.config.batch_size
        return self.compiled if self.compiled is not None and whole else self.model

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the training batches of an epoch, in its order and with its augmentation."""
        return self.train_batches.shuffled(
            self.config.batch_size,
            self.seeds.order(epoch),
            self.augmentation,
            self.seeds.augmentation(epoch),
            self._flip(epoch),
        )

    def _flip(self, epoch: int) -> Tensor | None:
        """Return which images are mirrored in an epoch; None if each batch draws it."""
        if self.config.augment != "alternating" or self.augmentation == "none":
            return None
        images = len(self.train_batches)
        flip = mirrored(images, self.seeds.flip, epoch)
        return flip if self.augmentation == "flip-crop" else torch.zeros_like(flip)

    def _check(self, losses: Tensor) -> None:
        finite = torch.isfinite(losses)
        if not finite.all():
            step = int((~finite).int().argmax())
            raise Diverged(
                f"the loss was {losses[step].item()} in epoch {self.epoch + 1}, step {step + 1}, "
                f"learning rate {self._rate(step):.3g}"
            )

    def _rate(self, step: int) -> float:
        """Return the learning rate of a step of this epoch."""
        return learning_rate(self.config, self.epoch * self.steps + step, self.total)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context manager that applies the precision of the trial."""
        return self.evaluate.autocast()

    def synchronise(self) -> None:
        """Wait until the device has finished all work, so that a clock can be read."""
        devices.synchronise(self.device)
