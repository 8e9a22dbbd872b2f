"""Shared fixtures: the command line in this process, and small data."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from PIL import Image

from convcompare import cli
from convcompare.analysis import latency
from convcompare.data.dataset import Dataset
from convcompare.training import step_timing
from tests.support.cli import Result
from tests.support.data import make_tiny
from tests.support.hostile import HANDLER, SCRIPT
from tests.support.own_code import own_code_here

MEMORY, ROOM = Path("/dev/shm"), 4 << 30
"""A file system in memory, and the number of bytes that must be free in it."""


def work_in_memory() -> None:
    """Create temporary folders in memory if there is room and `TMPDIR` is not set.

    The store syncs every file that it writes: on a disk the tests would spend most of their time
    on that.
    """
    usable = "TMPDIR" not in os.environ and MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    if usable and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None


work_in_memory()
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: a second one gains nothing on small batches and stalls on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="session")
def few_timed_passes() -> Iterator[None]:
    """Time passes 3 times each and steps as briefly as possible: no test depends on it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, passes in (("WARM_UP", 1), ("FEWEST", 3), ("MOST", 3)):
            patch.setattr(latency, name, passes)
        patch.setattr(step_timing, "SECONDS", 0.0)
        yield


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """Run the command line in an empty folder, with output to a pipe."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONVCOMPARE_STORE", raising=False)
    monkeypatch.delenv("CONVCOMPARE_DATA", raising=False)

    def call(*arguments: str) -> Result:
        code = cli.run(list(arguments))
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def only_victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run one such test at a time: Linux counts its out-of-memory kills for the whole machine."""
    lock = tmp_path_factory.getbasetemp().parent / "only-victim.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(name="own_code_here")
def run_own_code_here() -> Iterator[None]:
    """Run user-defined networks in this process."""
    with own_code_here():
        yield


@pytest.fixture
def tiny() -> Dataset:
    """Return a small data set that can be learnt: the class is the row of a bright line."""
    return make_tiny()


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train a comparison once per session and return its store, which tests must only read.

    The fixture `store` is a copy of the fixture `trained_store` of a test file.
    """

    @functools.cache
    def call(*arguments: str) -> Path:
        store = tmp_path_factory.mktemp("trained") / "runs"
        assert cli.run([*arguments, "--store", str(store)]) == 0
        return store

    return call


@pytest.fixture
def store(trained_store: Path, tmp_path: Path) -> Path:
    """Copy the store `trained_store` of a test file to `runs` in the working folder."""
    return Path(shutil.copytree(trained_store, tmp_path / "runs"))


@pytest.fixture(scope="session")
def hostile_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store in which every user-chosen name is an injection attack on an HTML page."""
    folder = tmp_path_factory.mktemp("hostile")
    net = folder / f"net`|$x$*_&{SCRIPT}.py"
    net.parent.mkdir()
    net.write_text(
        "from torch import nn\n\n\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self, num_classes, width: int = 4):\n"
        "        convolution = nn.Conv2d(3, width, 3)\n"
        "        super().__init__(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),\n"
        "                         nn.Linear(width, num_classes))\n"
    )
    generator = np.random.default_rng(0)
    for number, name in enumerate((HANDLER, "`code` | $y$")):
        photos = folder / "pho`tos|$x$ <b>" / name
        photos.mkdir(parents=True)
        for i in range(12):
            pixels = generator.integers(0, 60, (10, 10, 3)) + 150 * number
            Image.fromarray(pixels.astype(np.uint8)).save(photos / f"{i}.png")
    models = [str(net.relative_to(folder)) + ":Net", "fcn:hidden=8"]
    command = ["compare", *models, "-d", "folder:pho`tos|$x$ <b>", "-b", "8", "-e", "2", "--quiet"]
    with pytest.MonkeyPatch.context() as patch, own_code_here():
        patch.chdir(folder)
        patch.setattr("sys.argv", ["convcompare", *command, "--threads", "1"])
        assert cli.run([*command, "--threads", "1"]) == 0
    return folder / "runs"


LONGEST = (
    *("test_torture", "test_plots", "test_jobs", "test_foreign_code", "test_docs"),
    *("test_layers", "test_plugins", "test_device_group", "test_ray", "test_report"),
    *("test_verdicts_shown", "test_shards", "test_odd_figures", "test_robustness"),
    *("test_out_of_memory", "test_signals", "test_zoo", "test_weights_file", "test_terminal"),
    *("test_receptive_field", "test_given_network", "test_analysis", "test_effective_field"),
    *("test_commands", "test_runs", "test_formats", "test_other_systems", "test_report_page"),
    *("test_library_networks", "test_width_matching", "test_wrong_words", "test_private_names"),
    *("test_measured_field", "test_claims", "test_verdict_plots", "test_api", "test_exports"),
)
"""Test files by processor time, longest first, so that all workers end at about the same time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first; the order within a file is unchanged."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))
