"""User-defined networks: side effects of their files are isolated, and pitfalls are reported."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from convcompare.experiment import foreign_code
from convcompare.experiment.foreign_code import resolve
from convcompare.models import user_network
from convcompare.models.shape import Shape
from convcompare.store.run_store import RunStore
from tests.support.cli import Result
from tests.support.own_code import own_code_here

CASES = Path(__file__).parents[1] / "cases"
MINI = ("-d", "mnist-mini", "-e", "1", "--threads", "1", "--precision", "fp32")
FCN = "fcn:hidden=8"
FCN_ACCURACY, FCN_LOSS = 0.7665, 0.8229
"""Of `fcn:hidden=8` trained alone: one epoch of mnist-mini in fp32 on one thread."""
SHAPE = Shape(1, 28, 10)
Run = Callable[..., Result]

HOSTILE = """
import os, random, sys, time, warnings
import numpy, torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.set_num_threads(1)
torch.backends.mkldnn.enabled = False
torch.use_deterministic_algorithms(True)
torch.manual_seed(0); numpy.random.seed(0); random.seed(0)
nn.functional.cross_entropy, old = (lambda *a, **k: 2 * old(*a, **k)), nn.functional.cross_entropy
os.chdir("/"); os.environ["CONVCOMPARE_STORE"] = "/nowhere"; sys.argv.append("--fresh")
warnings.simplefilter("error")
print("said by print"); sys.stderr.write("said to stderr\\n")
os.write(1, b"said to the descriptor\\n")
sys.stdout = open(os.devnull, "w")
assert sys.stdin.read() == ""
assert not sys.flags.hash_randomization, "sets would have another order in every process"

class Net(nn.Module):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.fc = nn.Linear(in_channels * image_size**2, num_classes)

    def forward(self, x):
        return self.fc(x.flatten(1))
"""
CRASHING = """
import os, signal
from torch import nn

class Whole(nn.Module):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.fc = nn.Linear(in_channels * image_size**2, num_classes)

    def forward(self, x):
        if self.training and len(x) == 64:
            self.end()
        return self.fc(x.flatten(1))

class Crashes(Whole):
    def end(self):
        os.kill(os.getpid(), signal.SIGSEGV)

class Exits(Whole):
    def end(self):
        raise SystemExit(3)
"""

WARNS = """
import itertools, warnings
from torch import nn

lines = itertools.count(1)

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10))

    def forward(self, x):
        where = (f"caller_{next(lines)}.py", 1)
        warnings.warn_explicit("the grid is to be aligned", UserWarning, *where, registry={})
        return super().forward(x)
"""
"""Warns like torch's functions, whose calling file differs with each mode of torch."""
SEGV = f"{signal.SIGSEGV:d}, SIGSEGV"
LIBRARY = """
import os, signal, types
from torch import nn

__version__ = "1.0"

class Crash(nn.Module):
    def __init__(self, in_chans, num_classes):
        super().__init__()
        self.fc = nn.Linear(in_chans * 784, num_classes)

    def forward(self, x):
        if self.training and len(x) == 64:
            os.kill(os.getpid(), signal.SIGSEGV)
        return self.fc(x.flatten(1))

def is_model(name): return name == "crash"
def list_models(): return ["crash"]
def model_entrypoint(name): return Crash
def create_model(name, pretrained=False, **options): return Crash(**options)
"""
"""A substitute for timm: a network whose compiled code crashes, as with some torch versions."""


@pytest.fixture
def case(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that copies the files of a case into the working folder of `run`."""

    def put(name: str) -> Path:
        (found,) = CASES.glob(f"{name}-*")
        shutil.copytree(found, tmp_path, dirs_exist_ok=True)
        return tmp_path

    return put


def test_a_warning_of_a_network_is_shown_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "warns.py").write_text(WARNS)
    result = run("gradients", "warns.py:Net", "-d", "mnist-mini", "--threads", "1")
    assert result.code == 0
    assert result.err.count("the grid is to be aligned") == 1


def test_side_effects_of_a_file_stay_in_its_process(run: Run, case: Callable[[str], Path]) -> None:
    """Modules of the same name, torch settings, patches, output, the working folder."""
    folder = case("01")
    (folder / "hostile.py").write_text(HOSTILE)
    models = ("a/net.py:Net", "hostile.py:Net", FCN, "b/net.py:Net")
    result = run("compare", *models, *MINI, "-f", "json")
    assert result.code == 0, result.err
    found = {one["model"]: one for one in result.json()["models"]}
    assert found["a/net.py:Net"]["parameters"] == 784 * 8 + 8 + 90
    assert found["b/net.py:Net"]["parameters"] == 784 * 64 + 64 + 650
    assert found[FCN]["test_accuracy"]["value"] == pytest.approx(FCN_ACCURACY, abs=1e-9)
    assert found[FCN]["test_loss"]["value"] == pytest.approx(FCN_LOSS, abs=5e-5)
    for said in ("by print", "to stderr", "to the descriptor"):
        assert f"\nhostile.py: said {said}\n" in f"\n{result.err}"
    assert Path.cwd() == folder
    assert "CONVCOMPARE_STORE" not in os.environ
    assert foreign_code._idle == [], "processes end with the command"
    store = RunStore(folder / "runs")
    codes = {trial.label: trial.code for trial in map(store.trial, store.ids())}
    assert codes["a/net.py:Net"] != codes["b/net.py:Net"], "the two files are equal"
    (folder / "b" / "blocks.py").write_text("WIDTH = 16\n")
    changed = resolve("b/net.py:Net", SHAPE)
    foreign_code.close()
    assert changed.code not in codes.values(), "helpers are part of the code of a network"
    assert changed.description.parameters == 784 * 16 + 16 + 170


@pytest.mark.usefixtures("only_victim")
def test_crash_fails_one_trial_and_the_others_continue(run: Run, tmp_path: Path) -> None:
    (tmp_path / "crash.py").write_text(CRASHING)
    result = run("compare", "crash.py:Crashes", "crash.py:Exits", FCN, *MINI)
    assert result.code == 1
    assert f"failed: its process was killed (signal {SEGV})" in result.err
    assert "failed: SystemExit: 3 (crash.py, line 21) in epoch 1, step 1" in result.err
    assert f"{FCN_ACCURACY:.4f}" in result.out


@pytest.mark.torture  # as for a file, except for the origin of the code
@pytest.mark.usefixtures("only_victim")
def test_crash_in_a_library_fails_one_trial(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "timm.py").write_text(LIBRARY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    result = run("compare", "timm:crash", FCN, *MINI)
    assert result.code == 1
    assert f"timm:crash · seed 0 · failed: its process was killed (signal {SEGV})" in result.err
    assert f"{FCN_ACCURACY:.4f}" in result.out


def test_crash_during_construction_is_reported_in_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("import os\ndef Net(): os.abort()\n")
    result = run("models", "net.py:Net")
    assert result.code == 2
    assert "error: the process of `net.py` was killed (signal 6, SIGABRT)" in result.err


def test_script_gets_its_own_arguments_and_a_hint_on_top_level_work(
    run: Run, case: Callable[[str], Path]
) -> None:
    folder = case("24")
    result = run("models", "homework.py:Net", "-f", "json")
    assert result.json()["parameters"] == 3098
    assert "homework.py: parameters: 3098" in result.err
    text = (folder / "homework.py").read_text()
    (folder / "exits.py").write_text(text.replace(".parse_args()", ".parse_args(['--lr'])"))
    with own_code_here():
        refused = run("models", "exits.py:Net")
    assert refused.code == 2
    assert "SystemExit: 2 (exits.py, line 7): `args = argparse" in refused.err
    assert 'hint: a script\'s own work belongs below `if __name__ == "__main__":`' in refused.err
    work = "import torch\nNet()(torch.zeros(2, 1, 28, 28)).sum().backward()"
    last = "args = argparse.ArgumentParser().parse_args()"
    (folder / "trains.py").write_text(text.replace(last, work))
    stderr_text = run("models", "trains.py:Net").err
    assert (
        "trains.py: warning: line 8 of trains.py trains while the file is imported" in stderr_text
    )


@pytest.mark.usefixtures("own_code_here")
def test_only_a_file_with_slow_work_of_its_own_is_reported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_network, "SLOW_SECONDS", 0.05)
    slow = "import time\n\ntime.sleep(1)\n"
    library = tmp_path / "site-packages" / "heavy.py"
    library.parent.mkdir()
    library.write_text(slow)
    (tmp_path / "work.py").write_text(slow)
    net = "from torch import nn\ndef Net(): return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))\n"
    (tmp_path / "loads.py").write_text(
        f"import sys\nsys.path.append({str(library.parent)!r})\nimport heavy\n{net}"
    )
    (tmp_path / "works.py").write_text(f"import work\n{net}")
    assert "warning" not in run("models", "loads.py:Net").err
    stderr_text = run("models", "works.py:Net").err
    assert (
        "its import takes over 0.05 s, now at line 3 of work.py: a script's own work" in stderr_text
    )


@pytest.mark.usefixtures("own_code_here")
def test_seeds_determine_weights_drawn_by_numpy_and_python(
    run: Run, case: Callable[[str], Path]
) -> None:
    folder = case("19")
    result = run("compare", "npinit.py:Np", "npinit.py:Fixed", *MINI, "--seeds", "2")
    assert result.code == 0
    same = "has the same initial weights under every seed"
    assert f"warning: npinit.py:Fixed (seeds 0, 1) {same}" in result.err
    assert f"`npinit.py:Np` {same}" not in result.err
    store = RunStore(folder / "runs")
    runs = [store.run(run_id) for run_id in store.ids()]
    drawn = [run for run in runs if run.trial.label == "npinit.py:Np"]
    assert len({run.history[0].train_loss for run in drawn}) == 2
    assert {run.trial.numerics for run in drawn} == {3}
    assert {run.found for run in runs if run not in drawn} == {("same weights",)}
    assert run("runs", "verify", drawn[0].id, "-q").code == 0
