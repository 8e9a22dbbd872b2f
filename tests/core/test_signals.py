"""SIGINT and SIGTERM, once and twice, at any time: exit code, one line, no process left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import convcompare

MAIN = [sys.executable, "-m", "convcompare"]
SCRIPT = [sys.executable, str(Path(sys.executable).with_name("convcompare"))]
IN_PROCESS = [sys.executable, "-c", "from convcompare.cli import main; main()"]
DATA = ("-d", "shapes:train=192,test=48", "--threads", "1")
TRAIN = ("train", "fcn:hidden=8", "-d", "mnist-mini", "-e", "50", "--threads", "1")
STOPS = {signal.SIGINT: 130, signal.SIGTERM: 143}
ONE = (signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.torture))
OTHER = (pytest.param(signal.SIGINT, marks=pytest.mark.torture), signal.SIGTERM)
"""Tests alternate between the two signals; `make test-long` sends both."""
HANGING = 900
"""Seconds after which a process that should have ended counts as hanging."""
AT_IMPORT = """
import os, sys

counted = -1 if sys.argv[:1] != ["-c"] else 0

def listen(event, arguments):
    global counted
    if event == "exec" and arguments[0].co_filename == os.environ["SIGNAL_FROM"]:
        counted = 0
    if event == "import" and counted >= 0:
        counted += 1
        if os.environ["SIGNAL_AT"] in (str(counted), arguments[0]):
            counted = -1 << 60
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))

sys.addaudithook(listen)
"""
"""As `sitecustomize`: the process signals itself at an import, given by name or by its number,
counted from the first line of a file."""
SLOW = """
import time
from pathlib import Path
from torch import nn
from convcompare import register

@register.model("slow")
class Slow(nn.Module):
    'One step an hour.'


    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.head = nn.Linear(in_channels * image_size**2, num_classes)

    def forward(self, x):
        if self.training and x.shape[0] == 64:
            try:
                Path("within").touch()
                time.sleep(3600)
            except BaseException:
                Path("heard").touch()
                time.sleep(3600)
        return self.head(x.flatten(1))
"""
"""A network whose first step takes an hour, and another hour after an exception."""
PATIENT = "from convcompare.core import signals; signals.GRACE_SECONDS = 3600; "


def started(command: list[str], folder: Path, **variables: str) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env={**os.environ, **variables}, **pipes)


def slow_step(folder: Path, before: str = "") -> subprocess.Popen[str]:
    """Start a training and wait for its first step, after the Python code `before`."""
    (folder / "net.py").write_text(SLOW)
    command = [*IN_PROCESS[:2], f"import net; {before}{IN_PROCESS[2]}"]
    process = started([*command, "train", "slow", *DATA, "-b", "64"], folder)
    await_file(folder / "within", process)
    return process


def await_file(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def ended(process: subprocess.Popen[str], number: signal.Signals, begun: str = "") -> str:
    """Return the one line that reports the interruption; the process must end by the signal."""
    error = begun + process.communicate(timeout=HANGING)[1]
    assert process.returncode == STOPS[number], error
    assert "Traceback" not in error
    (line,) = re.findall("warning: interrupted: .*", error)
    assert re.search(r"the same command resumes|repeat the command to resume", line)
    return line


@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize(
    ("command", "moments"),
    [
        (MAIN, ("1", "2", "30", "convcompare.cli", "typer", "convcompare.cli.console", "torch._C")),
        (SCRIPT, ("1", "2", "60")),
        (IN_PROCESS, ("convcompare.cli.console", "numpy")),
    ],
    ids=["module", "script", "function"],
)
def test_at_any_import(
    tmp_path: Path, number: signal.Signals, command: list[str], moments: tuple[str, ...]
) -> None:
    """From the first line of `__main__`; before it Python handles the signal by itself."""
    (tmp_path / "sitecustomize.py").write_text(AT_IMPORT)
    paths = [str(tmp_path), str(Path(convcompare.__file__).parents[1])]
    variables = {"PYTHONPATH": os.pathsep.join(paths), "SIGNAL": str(number.value)}
    variables["SIGNAL_FROM"] = str(Path(convcompare.__file__).with_name("__main__.py"))
    for moment in moments:
        process = started([*command, *TRAIN], tmp_path, SIGNAL_AT=moment, **variables)
        ended(process, number)


@pytest.mark.parametrize("number", OTHER)
def test_in_a_training(tmp_path: Path, number: signal.Signals) -> None:
    process = started([*MAIN, *TRAIN], tmp_path)
    assert process.stderr
    begun = ""
    while "epoch 1/50" not in begun:
        begun += process.stderr.readline()
    process.send_signal(number)
    assert "epoch" in ended(process, number, begun)


def test_while_python_ends(tmp_path: Path) -> None:
    code = (
        "import atexit, os, signal; from convcompare.cli import main\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT)); main(['--version'])"
    )
    process = started([sys.executable, "-c", code], tmp_path)
    ended(process, signal.SIGINT)


@pytest.mark.parametrize("number", STOPS)
def test_no_exception_is_raised_during_an_import(tmp_path: Path, number: signal.Signals) -> None:
    """torch aborts if an exception reaches its C++ code while loading, as the test module does."""
    (tmp_path / "loaded.py").write_text(
        "import os, signal, time\n"
        f"try:\n    os.kill(os.getpid(), {number.value})\n    time.sleep(3600)\n"
        "except BaseException:\n    os.abort()\n"
    )
    code = "from convcompare.core import signals; signals.install(); import loaded"
    process = started([sys.executable, "-c", code], tmp_path)
    ended(process, number)


@pytest.mark.parametrize("number", ONE)
def test_second_signal_exits_at_once(tmp_path: Path, number: signal.Signals) -> None:
    process = slow_step(tmp_path, before=PATIENT)
    process.send_signal(number)
    await_file(tmp_path / "heard", process)
    assert process.poll() is None
    process.send_signal(number)
    ended(process, number)


def test_endless_step_is_interrupted(tmp_path: Path) -> None:
    process = slow_step(tmp_path)
    process.send_signal(signal.SIGTERM)
    ended(process, signal.SIGTERM)


def test_child_processes_are_ended_too(tmp_path: Path) -> None:
    """So are their child processes, such as the agents of a Ray cluster.

    All inherit the pipes, which close when the last process ends.
    """
    last = "import time; time.sleep(3600)"
    child = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-S', '-c', {last!r}])\n"
        "os.write(1, b'begun\\n')\n"  # at once: nine of them write
        "time.sleep(3600)\n"
    )
    code = (
        "import subprocess, sys, time; from convcompare.core import signals\n"
        "signals.install()\n"
        "try:\n"
        "    for _ in range(9):\n"
        f"        subprocess.Popen([sys.executable, '-S', '-c', {child!r}])\n"
        "    time.sleep(3600)\n"
        "except BaseException:\n"
        "    time.sleep(3600)\n"
    )
    process = started([sys.executable, "-c", code], tmp_path)
    assert process.stdout
    assert [process.stdout.readline() for _ in range(9)] == 9 * ["begun\n"]
    process.send_signal(signal.SIGTERM)
    ended(process, signal.SIGTERM)
