"""The lower limit of training time: the same network and optimizer on one fixed batch.

Forward pass, loss, backward pass and optimizer step, with the layout, precision and fused optimizer
of convcompare, without data loading, metrics, display and saving.
"""

from __future__ import annotations

import own_loop
import torch.nn.functional as F
from turns import Turns

from convcompare.data.dataset import Dataset


def take_turns(spec: str, dataset: Dataset, turns: Turns) -> None:
    trainer = own_loop.trainer(spec, dataset)
    images, labels = next(trainer.batches(0))
    model, optimizer = trainer.model.train(), trainer.optimizer
    while True:
        turns.begin()
        for _ in range(turns.steps):
            with trainer.autocast():
                logits = model(images)
            loss = F.cross_entropy(logits.float(), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        trainer.synchronise()
        turns.end()
