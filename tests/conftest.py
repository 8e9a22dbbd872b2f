"""What the tests share: the command line in this process, and small data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convcompare import cli
from convcompare.data import Dataset, Split


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small batches only wait for a second thread, for seconds where the machine is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass
class Result:
    """What a command left behind: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """Run the command line in an empty folder, as a pipe sees it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONVCOMPARE_STORE", raising=False)
    monkeypatch.delenv("CONVCOMPARE_DATA", raising=False)

    def call(*arguments: str) -> Result:
        code = cli.run(list(arguments))
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def tiny() -> Dataset:
    """A small data set that can be learnt: the class is the row of a bright line."""
    return make_tiny()


def make_tiny(train: int = 203, test: int = 57, size: int = 8) -> Dataset:
    """Bright line in row `label` on noise; sizes that no batch divides."""
    generator = np.random.Generator(np.random.PCG64(0))

    def split(n: int) -> Split:
        labels = np.arange(n, dtype=np.int64) % 4
        images = generator.integers(0, 60, (n, 1, size, size), dtype=np.uint8)
        images[np.arange(n), 0, 2 * labels] = 220
        return Split(images, labels)

    return Dataset(
        name="tiny",
        train=split(train),
        test=split(test),
        classes=("a", "b", "c", "d"),
        mean=(0.2,),
        std=(0.3,),
        augmentation="crop",
        test_split="made-up test split",
        source="generated",
    )
