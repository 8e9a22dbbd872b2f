"""Diverging runs: stopped and reported at the step, with the last finite weights kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convcompare.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("own_code_here")
Run = Callable[..., Any]
DATA = ("-d", "shapes:train=192,test=48", "-b", "32", "--threads", "1", "--precision", "fp32")
UNSOUND = """
import torch
from torch import nn


class Net(nn.Sequential):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(nn.Flatten(), nn.Linear(in_channels * image_size**2, num_classes))
        self.epoch, self.steps = 0, 0

    def begin_epoch(self, epoch):
        self.epoch, self.steps = epoch, 0

    def forward(self, images):
        if self.training and len(images) == 32:
            self.steps += 1
            with open("steps", "a") as file:
                print(self.epoch + 1, self.steps, file=file)
            if self.epoch == {epoch} and self.steps >= 4:
                return super().forward(images) * float("nan")
        return super().forward(images)
"""


def test_divergence_stops_at_the_step_and_keeps_the_previous_weights(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(UNSOUND.format(epoch=2))
    assert run("train", "net.py:Net", *DATA, "-e", "2", "--store", "sound").code == 0
    (tmp_path / "steps").unlink()
    result = run("train", "net.py:Net", *DATA, "-e", "4")
    assert result.code == 1
    assert (tmp_path / "steps").read_text().splitlines()[-1] == "3 4", "no step after it"
    stores = RunStore(tmp_path / "runs"), RunStore(tmp_path / "sound")
    diverged, sound = (store.run(store.ids()[0]) for store in stores)
    assert diverged.message == (
        "the loss was nan in epoch 3, step 4, learning rate 0.001; "
        "the weights after epoch 2 are kept"
    )
    assert diverged.message in result.err
    assert (diverged.status, len(diverged.history)) == ("diverged", 2)
    assert stores[0].weights(diverged) == stores[1].weights(sound)


def test_reported_learning_rate_is_that_of_the_step(run: Run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(UNSOUND.format(epoch=0))
    result = run("train", "net.py:Net", *DATA, "-e", "2", "--set", "schedule=cosine")
    rate = 1e-3 * (1 + math.cos(math.pi * 3 / 12)) / 2
    assert f"in epoch 1, step 4, learning rate {rate:.3g}" in result.err
    assert "are kept" not in result.err
