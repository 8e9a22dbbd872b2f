"""Fast steps: threads by the size of a network, compiled steps, spinning threads."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from convcompare.core import openmp
from convcompare.core.config import Runtime, TrainConfig
from convcompare.data.dataset import Dataset
from convcompare.experiment.events import CompileDecided, Ended, EpochFinished
from convcompare.experiment.shapes import shape_of
from convcompare.experiment.trial_grid import Candidate
from convcompare.experiment.trial_runner import TrialRunner
from convcompare.models.build import resolve
from convcompare.models.findings import Found
from convcompare.models.shape import Shape
from convcompare.store import compile_choices
from convcompare.store.run import Trial
from convcompare.store.run_store import RunStore
from convcompare.training import compilation
from convcompare.training.hardware import MACS_A_THREAD, fitting_threads
from convcompare.training.step_timing import in_turn
from tests.support.cli import Result
from tests.support.data import make_tiny

SPEC = "fcn:hidden=8,dropout=0.2"
OWN = """
from torch import nn

class Net(nn.Module):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.hidden = nn.Linear(in_channels * image_size**2, 8)
        self.head = nn.Linear(8, num_classes)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        return self.head(self.dropout(self.hidden(x.flatten(1)).relu()))
"""
HEADER = Path(sysconfig.get_path("include"), "Python.h")
compiler = pytest.mark.skipif(
    shutil.which("g++") is None or not HEADER.exists(), reason="no C++ compiler or no Python.h"
)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Restore the number of threads after a runner has changed it."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def trial_of(data: Dataset, spec: str = SPEC) -> Trial:
    config = TrainConfig(epochs=2, batch_size=64)
    return Candidate(spec, resolve(spec, shape_of(data)), config).trial(data, 0)


@pytest.mark.parametrize(
    ("macs", "threads"),
    [(1, 1), (MACS_A_THREAD, 1), (MACS_A_THREAD + 1, 2), (3 * MACS_A_THREAD, 3), (10**12, 16)],
)
def test_every_thread_has_enough_work(macs: int, threads: int) -> None:
    assert fitting_threads(Runtime("cpu", 16, fitted=True), macs) == threads
    assert fitting_threads(Runtime("cpu", 16), macs) == 16, "as asked"


def test_small_network_uses_and_records_fewer_threads(tmp_path: Path) -> None:
    data = make_tiny(train=128, test=32)
    runner = TrialRunner(RunStore(tmp_path), Runtime("cpu", 4, fitted=True), data)
    *_, end = runner(trial_of(data))
    assert isinstance(end, Ended)
    place = end.run.environment
    assert (place.threads, place.threads_offered, place.most_threads) == (1, 4, 4)
    assert torch.get_num_threads() == 1


@compiler
def test_compiled_steps_equal_plain_ones(tmp_path: Path, own_code_here: None) -> None:
    """With dropout, with a smaller last batch, and after resuming.

    The network is a user-defined class, which need not behave like an ``nn.Sequential``.
    """
    data = make_tiny(train=150, test=32)
    tmp_path.joinpath("net.py").write_text(OWN)
    trial = trial_of(data, f"{tmp_path}/net.py:Net")
    runs = {}
    for asked in ("off", "on"):
        store = RunStore(tmp_path / asked)
        runner = TrialRunner(store, Runtime("cpu", 1, compile=asked), data)  # type: ignore[arg-type]
        events = list(runner(trial))
        assert isinstance(events[-1], Ended)
        decided = any(isinstance(e, CompileDecided) for e in events)
        assert decided == (asked == "on"), events[-1].run.message
        runs[asked] = events[-1].run
        assert runs[asked].environment.compiled == (asked == "on")
    for plain, compiled in zip(runs["off"].history, runs["on"].history, strict=True):
        assert plain.train_loss == pytest.approx(compiled.train_loss, rel=1e-5)
        assert plain.test_loss == pytest.approx(compiled.test_loss, rel=1e-5)

    store = RunStore(tmp_path / "half")
    runner = TrialRunner(store, Runtime("cpu", 1, compile="on"), data)
    for event in runner(trial):
        if isinstance(event, EpochFinished):
            break
    del event
    again = TrialRunner(store, Runtime("cpu", 1, compile="auto"), data)
    *before, end = again(trial)
    assert any(isinstance(e, CompileDecided) and "as they were before" in e.why for e in before)
    assert isinstance(end, Ended)
    assert end.run.environment.compiled
    assert [e.train_loss for e in end.run.history] == [e.train_loss for e in runs["on"].history]


def test_network_that_compiles_itself_is_uncompiled(tmp_path: Path) -> None:
    path = tmp_path / "compiled_nets.py"
    path.write_text(
        "import torch\nfrom torch import nn\n"
        "def plain(): return nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.Linear(8, 10))\n"
        "def whole(): return torch.compile(plain())\n"
        "def part():\n    net = plain()\n    net[1] = torch.compile(net[1])\n    return net\n"
        "def method():\n    net = plain()\n    net[2].compile()\n    return net\n"
        "class Forward(nn.Sequential):\n"
        "    def __init__(self): super().__init__(*plain())\n"
        "    @torch.compile(fullgraph=True)\n"
        "    def forward(self, x): return super().forward(x)\n"
        "@torch.compile\n@torch.jit.script\ndef same(x): return x\n"
        "def scripted():\n    net = plain()\n    net[1] = torch.jit.script(net[1])\n"
        "    return net\n"
        "class Calls(nn.Sequential):\n"
        "    def __init__(self): super().__init__(*plain())\n"
        "    def forward(self, x): return same(super().forward(x))\n"
    )
    shape = Shape(1, 28, 10)
    plain = resolve(f"{path}:plain", shape)
    assert plain.description.found == ()
    for name in ("whole", "part", "method", "Forward", "scripted", "Calls"):
        compiled = resolve(f"{path}:{name}", shape)
        assert compiled.description == replace(plain.description, found=(Found("compiled"),))
        first, second = plain.build(3).state_dict(), compiled.build(3).state_dict()
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_deeper_network_or_slower_steps_compile_only_in_longer_training(tmp_path: Path) -> None:
    data = make_tiny(train=128, test=32)
    runner = TrialRunner(RunStore(tmp_path), Runtime("cpu", 1), data)
    small, large = (runner.trainer(trial_of(data, spec)) for spec in (SPEC, "resnet-20"))
    assert compilation.trial_seconds(small, 0.0) < 15 < 30 < compilation.trial_seconds(large, 0.0)
    assert compilation.trial_seconds(small, 1.0) > compilation.trial_seconds(small, 0.0) + 10


@compiler
def test_measuring_the_gain_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_tiny(train=150, test=32)
    runner = TrialRunner(RunStore(tmp_path), Runtime("cpu", 1), data)
    trainer = runner.trainer(trial_of(data))
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    choice = compilation.choose(trainer, compilation.CompileRequest("auto"), seconds=1e-4)
    assert choice == compilation.Choice(False)
    assert trainer.compiled is None, "a short training is not worth the trial"
    monkeypatch.setattr(compilation, "SHARE", 1e9)
    for gain, used in ((0.0, True), (1e9, False)):
        monkeypatch.setattr(compilation, "GAIN", gain)
        choice = compilation.choose(trainer, compilation.CompileRequest("auto"), seconds=1.0)
        assert (choice.compiled, trainer.compiled is not None) == (used, used)
        assert choice.why.endswith("as fast: used" if used else "as fast: not used")
    for name, tensor in trainer.model.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(parameter.grad is None for parameter in trainer.model.parameters())
    assert not trainer.optimizer.state
    assert len(list(itertools.chain(*in_turn(trainer, steps=1)))) == 2


@compiler
def test_all_seeds_of_a_network_share_one_choice(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gain measured for the first seed applies to all; `--fresh` measures it again."""
    monkeypatch.setattr(compilation, "SHARE", 1e9)
    data = ("-d", "shapes:train=128,test=32", "-e", "1", "--store", "runs", "--threads", "1")
    monkeypatch.setattr(compilation, "GAIN", 0.0)
    assert run("train", SPEC, *data).err.count(": used") == 1
    monkeypatch.setattr(compilation, "GAIN", 1e9)
    second = run("train", SPEC, *data, "--seed", "1")
    assert "steps are compiled, as those of other seeds" in second.err
    store = RunStore(Path("runs"))
    assert all(store.run(one).environment.compiled for one in store.ids())
    assert "times differ" not in run("compare", SPEC, *data, "--seeds", "2").out

    fresh = run("train", SPEC, *data, "--seed", "1", "--fresh")
    assert ": not used" in fresh.err
    assert f"{SPEC} were compiled in 1 of 2 runs" in run("compare", SPEC, *data, "--seeds", "2").out
    (choice,) = Path("runs", "compile-choices").iterdir()
    choice.write_text(choice.read_text().replace("false", "true"))
    damaged = run("runs", "check", "--store", "runs")
    assert damaged.code == 4 and "`runs/compile-choices/" in damaged.err
    run("runs", "check", "--repair", "--store", "runs")
    assert not choice.exists() and run("runs", "check", "--store", "runs").code == 0


def test_steps_are_timed_uncompiled_and_recorded_as_such(tmp_path: Path) -> None:
    data = make_tiny(train=128, test=32)
    runner = TrialRunner(RunStore(tmp_path), Runtime("cpu", 1, compile="on"), data)
    assert not runner.timing(trial_of(data)).environment.compiled


def test_first_choice_of_two_parallel_seeds_counts(tmp_path: Path) -> None:
    """Each has measured the gain; the second adopts the choice of the first."""
    data = make_tiny(train=128, test=32)
    store = RunStore(tmp_path)
    place = TrialRunner(store, Runtime("cpu", 1), data).environment
    first = trial_of(data)
    second = replace(first, seed=1)
    assert compile_choices.known(store, first, place) is None
    assert compile_choices.agree(store, first, place, True)
    assert compile_choices.agree(store, second, place, False), "the first counts"
    assert compile_choices.known(store, second, replace(place, threads=2)) is None
    longer = replace(first, config=replace(first.config, epochs=9))
    assert compile_choices.known(store, longer, place) is None


def test_failing_compiler_is_reported_if_compilation_was_requested(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda *_, **__: 1 / 0)
    arguments = ("train", SPEC, "-d", "shapes:train=128,test=32", "-e", "1", "--store", tmp_path)
    asked = run(*map(str, arguments), "--compile", "on")
    assert asked.code == 1
    assert "torch.compile failed: ZeroDivisionError" in asked.err + asked.out
    monkeypatch.setattr(compilation, "SHARE", 1e9)
    auto = run(*map(str, arguments))
    assert auto.code == 0
    assert "torch.compile failed, plain steps are used: " in auto.err
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path / "include"))
    auto = run(*map(str, arguments), "--fresh")
    assert f"torch.compile failed: no {tmp_path}/include/Python.h (Debian and Ubuntu: " in auto.err


def test_spin_time_is_set_unless_the_user_has_set_it() -> None:
    code = (
        "from convcompare.core import openmp; openmp.install(); import os, sys;"
        "assert 'torch' not in sys.modules; print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    plain = {name: value for name, value in os.environ.items() if name not in openmp.CHOSEN}
    for chosen, expected in (({}, openmp.SPINS), ({"OMP_WAIT_POLICY": "active"}, "None")):
        done = subprocess.run(
            [sys.executable, "-c", code], env=plain | chosen, check=True, capture_output=True
        )
        assert done.stdout.decode().strip() == expected


def test_environment_of_older_records_has_the_settings_in_use(tmp_path: Path) -> None:
    data = make_tiny(train=128, test=32)
    runner = TrialRunner(RunStore(tmp_path), Runtime("cpu", 3), data)
    place = replace(runner.environment, threads_offered=None)
    assert place.most_threads == 3
