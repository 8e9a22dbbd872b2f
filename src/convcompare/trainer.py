"""The trainer: an iterator of epochs, readable from top to bottom.

    trainer = Trainer(model, train, test, config, seed)
    for epoch in trainer:
        print(epoch.test_accuracy)

An epoch is a pure function of (weights, optimizer state, seed, epoch): stopping after any of them
and going on from its `state` gives the same bits. There are no callbacks: saving, measuring and
stopping early are ordinary code in the body of the loop.
"""

from __future__ import annotations

import copy
import functools
import itertools
import math
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import checkpoint
from .analyses.inference import BATCHES, inference
from .analyses.memory import bytes_of, peak_of
from .batches import Batches
from .config import TrainConfig
from .data import Augmentation
from .errors import TrialError
from .events import Pulse
from .layout import channels_last
from .optim import learning_rate, make_optimizer
from .run import Epoch, Latency
from .seeding import derive

EVALUATION_BATCH = 500
EVALUATION_PIXELS = EVALUATION_BATCH * 32**2
"""An evaluation batch is smaller for larger images, so that its activations fit in memory."""
WARM_UP_STEPS = 3
PULSE = 16
"""On the CPU, the loss is looked at every so many steps; on other devices once an epoch."""


class Diverged(TrialError):
    """The loss became NaN or infinite."""


class Trainer:
    """Trains one network on the `train` batches and measures it on the `test` batches."""

    def __init__(
        self,
        model: nn.Module,
        train: Batches,
        test: Batches,
        config: TrainConfig,
        seed: int,
        augmentation: Augmentation = "none",
    ) -> None:
        self.device = train.device
        self.model = channels_last(model, self.device)
        self.train_batches = train.resized(config.image_size)
        self.test_batches = test.resized(config.image_size)
        self.config, self.seed = config, seed
        self.augmentation: Augmentation = augmentation if config.augment else "none"
        self.optimizer = make_optimizer(config, self.model.parameters())
        self.epoch = 0
        self.steps = -(-len(train) // config.batch_size)
        self.pulse = Pulse(steps=self.steps)
        self.test_logits = torch.empty(0)

    def __iter__(self) -> Iterator[Epoch]:
        while self.epoch < self.config.epochs:
            yield self._next_epoch()

    def warm_up(self, steps: int = WARM_UP_STEPS) -> float:
        """Train a copy for a few steps, so that kernels are chosen and memory is there.

        The median of the seconds that a step took, the first left out; the network is untouched.
        """
        seconds = []
        with self._rehearsal() as optimizer:
            for images, labels in itertools.islice(self._batches(epoch=0), steps + 1):
                started = time.perf_counter()
                self._step(optimizer, images, labels)
                self._synchronise()
                seconds.append(time.perf_counter() - started)
        return statistics.median(seconds[1:] or seconds)

    def peak_memory(self) -> int:
        """The most bytes of tensors held at once in a step, from the second of a copy.

        Weights, buffers, gradients, the optimizer's averages, the batch and its activations; the
        data set, which lies in memory as a whole, is not counted.
        """
        with self._rehearsal() as optimizer:
            images, labels = next(self._batches(epoch=0))
            self._step(optimizer, images, labels)
            optimizer.zero_grad(set_to_none=True)
            held = [images, labels, *checkpoint.state_of(self.model, optimizer).values()]
            step = functools.partial(self._step, optimizer, images, labels)
            return bytes_of(held) + peak_of(step, self.device)

    @contextmanager
    def _rehearsal(self) -> Iterator[torch.optim.Optimizer]:
        """Within it a copy is trained, by the optimizer that it gives."""
        weights = self.model
        self.model = copy.deepcopy(weights).train()
        try:
            with torch.random.fork_rng(self._cuda()):
                yield make_optimizer(self.config, self.model.parameters())
        finally:
            self.model = weights

    def inference(self) -> tuple[Latency, ...]:
        """How long the network takes for its answer, in the precision that it was trained in."""
        count = min(max(BATCHES), len(self.test_batches))
        images, _ = self.test_batches.take(torch.arange(count, device=self.device))
        return inference(self.model, images, self._autocast())

    def final_logits(self) -> Tensor:
        """The logits of the test split after the last epoch: float32 (n, classes)."""
        if not len(self.test_logits):  # nothing was left to train
            self.test_logits = self.evaluate(self.test_batches)
        return self.test_logits

    def evaluate(self, batches: Batches) -> Tensor:
        """The logits of every image in its order: float32 (n, classes), on the CPU."""
        self.model.eval()
        with torch.inference_mode(), self._autocast():
            size = max(16, min(EVALUATION_BATCH, EVALUATION_PIXELS // batches.image_size**2))
            logits = [self.model(x).float() for x, _ in batches.in_order(size)]
        return torch.cat(logits).cpu()

    def state(self) -> dict[str, Tensor]:
        """Weights, buffers and optimizer state by name, as they are after the last epoch."""
        return checkpoint.state_of(self.model, self.optimizer)

    def restore(self, epoch: int, state: Mapping[str, Tensor]) -> None:
        """Go on after `epoch` epochs from what `state` was then."""
        checkpoint.restore(self.model, self.optimizer, state)
        self.epoch = epoch

    def _next_epoch(self) -> Epoch:
        self.model.train()
        started = time.perf_counter()
        with torch.random.fork_rng(self._cuda()):
            torch.manual_seed(derive(self.seed, "dropout", self.epoch))
            loss, accuracy = self._pass()
        self._synchronise()
        trained = time.perf_counter()
        self.test_logits = self.evaluate(self.test_batches)
        labels = self.test_batches.labels.cpu()
        test_loss = F.cross_entropy(self.test_logits.double(), labels).item()
        if not math.isfinite(test_loss):
            raise Diverged(f"the test loss is {test_loss} after epoch {self.epoch + 1}")
        self.epoch += 1
        return Epoch(
            epoch=self.epoch,
            train_loss=loss,
            train_accuracy=accuracy,
            test_loss=test_loss,
            test_accuracy=(self.test_logits.argmax(1) == labels).double().mean().item(),
            lr=self.optimizer.param_groups[0]["lr"],
            train_seconds=trained - started,
            evaluation_seconds=time.perf_counter() - trained,
        )

    def _pass(self) -> tuple[float, float]:
        """Train on every image once, with one synchronisation: mean loss and accuracy."""
        losses = torch.zeros(self.steps, device=self.device)
        hits = torch.zeros((), dtype=torch.int64, device=self.device)
        sizes = torch.full((self.steps,), self.config.batch_size, dtype=torch.float64)
        sizes[-1] = len(self.train_batches) - (self.steps - 1) * self.config.batch_size
        for step, (images, labels) in enumerate(self._batches(self.epoch)):
            total = self.steps * self.config.epochs
            self._set_lr(learning_rate(self.config, self.epoch * self.steps + step, total))
            losses[step], correct = self._step(self.optimizer, images, labels)
            hits += correct
            self.pulse.step = step + 1
            if step % PULSE == 0 and self.device.type == "cpu":
                self.pulse.loss = losses[step].item()
                self._check(losses[: step + 1])
        self._check(losses)
        mean = (losses.cpu().double() * sizes).sum() / sizes.sum()
        return mean.item(), hits.item() / len(self.train_batches)

    def _step(
        self, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step of gradient descent; cross-entropy and number of hits, still on the device."""
        with self._autocast():
            logits = self.model(images)
        logits = logits.float()
        smoothing = self.config.label_smoothing
        loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            shown = F.cross_entropy(logits, labels) if smoothing else loss.detach()
            return shown, (logits.argmax(1) == labels).sum()

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self.train_batches.shuffled(
            self.config.batch_size,
            derive(self.seed, "order", epoch),
            self.augmentation,
            derive(self.seed, "augmentation", epoch),
        )

    def _check(self, losses: Tensor) -> None:
        finite = torch.isfinite(losses)
        if not finite.all():
            step = int((~finite).int().argmax())
            raise Diverged(
                f"the loss was {losses[step].item()} in epoch {self.epoch + 1}, step {step + 1}, "
                f"learning rate {self.optimizer.param_groups[0]['lr']:.3g}"
            )

    def _set_lr(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def _autocast(self) -> torch.autocast:
        enabled = self.config.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def _cuda(self) -> list[torch.device]:
        return [self.device] if self.device.type == "cuda" else []

    def _synchronise(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
