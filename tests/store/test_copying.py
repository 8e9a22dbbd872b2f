"""Runs that are trained again keep their earlier results until the new ones are recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convcompare.store.annotation import Annotation
from convcompare.store.copying import earlier_results, start_over
from convcompare.store.run_store import RunStore
from tests.support.trials import ENVIRONMENT, PREDICTIONS, finished, trial

Run = Callable[..., Any]

NETWORK = """
from pathlib import Path

from torch import nn


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10))

    def forward(self, images):
        if len(images) == 48 and Path("interrupt").exists():
            raise KeyboardInterrupt
        return super().forward(images)
"""


@pytest.fixture
def ended(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path / "runs")
    store.begin(trial(), ENVIRONMENT)
    store.finish(finished(trial()), b"weights", PREDICTIONS)
    store.annotate(trial().id, Annotation(("best",), "a note"))
    return store


def test_earlier_results_are_kept_until_the_run_ends_again(ended: RunStore) -> None:
    before = ended.run(trial().id)
    start_over(ended, trial().id)
    assert not ended.finished(trial().id)
    kept = earlier_results(ended)
    assert kept.run(trial().id) == before and kept.annotation(trial().id).tags == ("best",)
    start_over(ended, trial().id)
    assert kept.run(trial().id) == before, "a second start keeps the only results there are"
    ended.begin(trial(), ENVIRONMENT)
    ended.finish(finished(trial()), b"other", None)
    assert not kept.finished(trial().id)
    assert ended.weights(ended.run(trial().id)) == b"other"
    assert ended.annotation(trial().id).tags == ("best",)


def test_damaged_results_are_replaced_without_a_copy(ended: RunStore) -> None:
    (ended.folder(trial().id) / "weights.safetensors").write_bytes(b"damaged")
    start_over(ended, trial().id)
    assert not ended.finished(trial().id) and not earlier_results(ended).ids()


def test_removed_run_has_no_earlier_results(ended: RunStore) -> None:
    start_over(ended, trial().id)
    ended.remove(trial().id)
    assert not earlier_results(ended).ids()


def test_interrupted_fresh_training_names_the_way_back(run: Run, own_code_here: None) -> None:
    Path("net.py").write_text(NETWORK)
    command = ("train", "net.py:Net", "-d", "mnist-mini", "-e", "1", "--batch-size", "48")
    assert run(*command, "--train-images", "480").code == 0
    before = {path: path.read_bytes() for path in Path("runs").glob("*/run.json")}
    Path("interrupt").touch()
    stopped = run(*command, "--train-images", "480", "--fresh")
    assert stopped.code == 130 and "the same command without `--fresh` resumes" in stopped.err
    assert "`convcompare runs merge runs/earlier --store runs`" in stopped.err
    assert not list(Path("runs").glob("*/run.json"))
    restored = run("runs", "merge", "runs/earlier", "--store", "runs")
    assert restored.code == 0 and "copied 1 run" in restored.out
    assert before == {path: path.read_bytes() for path in Path("runs").glob("*/run.json")}
    assert run("runs", "check").code == 0
