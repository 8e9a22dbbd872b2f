"""SIGINT and SIGTERM, once and twice, whenever: soon, with the right code, in one line."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MAIN = [sys.executable, "-m", "convcompare"]
COMMAND = [*MAIN, "compare", "fcn", "simple", "-d", "mnist-mini", "-e", "50", "--threads", "1"]
STOPS = {signal.SIGINT: 130, signal.SIGTERM: 143}
SLOW = """
import time
from torch import nn
class Net(nn.Module):
    def __init__(self, num_classes, width: int = 4):
        super().__init__()
        self.head = nn.Linear(28 * 28, num_classes)
    def forward(self, x):
        if self.training and x.shape[0] == 64:
            {body}
        return self.head(x.flatten(1))
"""
DEAF = """
            try:
                time.sleep(60)
            except BaseException:
                time.sleep(60)
"""


def started(command: list[str], folder: Path) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, **pipes)


def ended(process: subprocess.Popen[str], within: float) -> str:
    """What it said; it must end soon."""
    began = time.monotonic()
    error = process.communicate(timeout=30)[1]
    assert time.monotonic() - began < within
    assert "Traceback" not in error
    return error


@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize("moment", [0.1, 0.4, 0.8, 1.3, 2.0, 4.0])
def test_once_at_any_moment(tmp_path: Path, number: signal.Signals, moment: float) -> None:
    process = started(COMMAND, tmp_path)
    time.sleep(moment + random.uniform(0, 0.2))
    process.send_signal(number)
    error = ended(process, within=4)
    assert process.returncode in (STOPS[number], -number), "before Python hears it, it just ends"
    if process.returncode > 0:
        (line,) = re.findall("warning: interrupted: .*", error)
        assert "epoch" in line or "finished" in line or "what was saved is whole" in line
        assert re.search(r"the same command goes on from here|repeat the command to go on", line)


@pytest.mark.parametrize("number", STOPS)
def test_in_an_import_nothing_is_raised(tmp_path: Path, number: signal.Signals) -> None:
    """torch aborts where an exception meets its C++ as it is loaded; here the module would tell."""
    (tmp_path / "loaded.py").write_text(
        "import os, signal, time\n"
        f"try:\n    os.kill(os.getpid(), {number.value})\n    time.sleep(60)\n"
        "except BaseException:\n    os.abort()\n"
    )
    code = "from convcompare.core import signals; signals.install(); import loaded"
    process = started([sys.executable, "-c", code], tmp_path)
    assert ended(process, within=4).count("warning: interrupted") == 1
    assert process.returncode == STOPS[number]


@pytest.mark.parametrize("number", STOPS)
def test_twice_leaves_now_whatever_it_is_doing(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "net.py").write_text(SLOW.replace("{body}", DEAF.strip()))
    process = started([*MAIN, "train", "net.py:Net", "-d", "mnist-mini", "--epochs", "1"], tmp_path)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("runs/*/environment.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(number)
    time.sleep(0.2)
    process.send_signal(number)
    error = ended(process, within=1.0)
    assert process.returncode == STOPS[number]
    assert error.count("warning: interrupted") == 1


def test_a_step_that_does_not_end_is_left(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(SLOW.replace("{body}", DEAF.strip()))
    process = started([*MAIN, "train", "net.py:Net", "-d", "mnist-mini", "--epochs", "1"], tmp_path)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("runs/*/environment.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert ended(process, within=3).count("warning: interrupted") == 1
    assert process.returncode == 143


def test_what_it_started_is_ended_with_it(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; from convcompare.core import signals\n"
        "signals.install()\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "try:\n    time.sleep(60)\nexcept BaseException:\n    time.sleep(60)\n"
    )
    process = started([sys.executable, "-c", code], tmp_path)
    assert process.stdout
    child = int(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    ended(process, within=3)
    time.sleep(0.3)
    assert (
        not Path(f"/proc/{child}/cmdline").exists()
        or not Path(f"/proc/{child}/cmdline").read_bytes()
    )
