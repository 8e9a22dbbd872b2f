"""Trials on a real Ray cluster of this machine: same bits, killed workers, lost nodes, errors."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import ENDED_BY
from tests.support.ray_cluster import (
    COMMAND,
    Nodes,
    assert_same_results,
    await_end,
    descendants,
    nodes,
    title,
    training,
)
from tests.support.stores import files

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")

Run = Callable[..., Any]
MINI = ("-d", "mnist-mini", "--threads", "1", "--precision", "fp32")
NET = """
import os, signal
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes, width: int = 4):
        super().__init__()
        self.head = nn.Linear(28 * 28, num_classes)
        self.steps = 0

    def forward(self, x):
        self.steps += self.training
        if self.steps == 100:
            {body}
        return self.head(x.flatten(1))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    with nodes() as found:
        yield found


def command(cluster: Nodes, *arguments: str) -> list[str]:
    address = ("--executor", "ray", "--ray-address", cluster.address)
    return [*COMMAND, "compare", *MINI, *address, *arguments]


def call(cluster: Nodes, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    told: dict[str, Any] = {"cwd": folder, "env": cluster.environment, "text": True}
    return subprocess.run(command(cluster, *arguments), **told, capture_output=True)


def saved(store: Path) -> set[str]:
    """Return the unfinished trials with a stored epoch from which to resume."""
    begun = {path.parts[-3] for path in store.glob("*/checkpoint/*.json")}
    return begun - set(files(store, "run.json"))


def unsaved(store: Path) -> list[str]:
    """Return the running trials without a stored epoch."""
    return [trial for _, trial in training() if trial not in saved(store)]


@pytest.mark.torture
def test_killed_workers_and_a_lost_node_change_no_bit(
    run: Run, cluster: Nodes, tmp_path: Path
) -> None:
    trials = ("fcn:hidden=8", "fcn:dropout=0.2", "--seeds", "6", "-e", "4")
    chance = random.Random(9)
    with subprocess.Popen(
        command(cluster, *trials, "--store", "ray"),
        cwd=tmp_path,
        env=cluster.environment,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr
        said = []
        reader = threading.Thread(target=lambda: said.extend(process.stderr or []))
        reader.start()
        killed: list[str] = []
        removed = False
        while process.poll() is None and (len(killed) < 3 or not removed):
            time.sleep(chance.uniform(0.1, 0.6))
            spared = killed or unsaved(tmp_path / "ray")
            if len(killed) < 3 and (trial := cluster.kill_worker(chance, spared)):
                killed.append(trial)
            elif len(killed) > 1 and not removed:
                cluster.change("remove")
                removed = True
        process.wait()
        reader.join()
    cluster.change("add")
    text = "".join(said)
    assert (process.returncode, len(killed), removed) == (0, 3, True), text
    assert text.count("died: try 2") >= 3
    assert "resumes after epoch" in text
    ends = Counter(re.findall(r"^(\S+ · seed \d) · epoch 4/4", text, re.M))
    assert len(ends) == 12
    assert run("compare", *MINI, *trials, "--store", "local", "-q").code == 0
    assert_same_results(tmp_path / "ray", tmp_path / "local", 12)


@pytest.mark.torture
def test_trial_that_kills_its_workers_fails_and_one_that_raises_fails_at_once(
    cluster: Nodes, tmp_path: Path
) -> None:
    (tmp_path / "dies.py").write_text(NET.format(body="os.kill(os.getpid(), signal.SIGKILL)"))
    (tmp_path / "raises.py").write_text(NET.format(body="raise ValueError('no such luck')"))
    (tmp_path / "diverges.py").write_text(NET.format(body="x = x * float('nan')"))
    networks = ("dies.py:Net", "raises.py:Net", "diverges.py:Net", "fcn:hidden=8")
    done = call(cluster, tmp_path, *networks, "-e", "1", "--no-weights")
    assert done.returncode == 1, done.stderr
    assert "died: try 3" in done.stderr
    assert "died, 3 times" in done.stderr
    assert done.stderr.count(" · failed: ValueError: no such luck") == 1
    assert "raises.py:Net · seed 0 · its process" not in done.stderr
    assert done.stderr.count("diverges.py:Net · seed 0 · diverged: ") == 1
    assert "diverges.py:Net · seed 0 · its process" not in done.stderr
    assert len(files(tmp_path / "runs", "run.json")) == 2
    assert not files(tmp_path / "runs", "weights.safetensors")
    assert len(files(tmp_path / "runs", "test_logits.npz")) == 1
    assert len(files(tmp_path / "runs", "error.json")) == 2


@pytest.mark.torture
def test_after_a_killed_command_only_missing_trials_run(
    run: Run, cluster: Nodes, tmp_path: Path
) -> None:
    trials = ("fcn:hidden=8", "fcn:dropout=0.2", "--seeds", "3", "-e", "8")
    store = tmp_path / "ray"
    with subprocess.Popen(
        command(cluster, *trials, "--store", "ray"),
        cwd=tmp_path,
        env=cluster.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None and not (files(store, "run.json") and saved(store)):
            time.sleep(0.01)
        process.kill()
    before = files(store, "run.json")
    assert 0 < len(before) < 6
    done = call(cluster, tmp_path, *trials, "--store", "ray")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("from an earlier call") == len(before)
    assert "resumes after epoch" in done.stderr
    assert before.items() <= files(store, "run.json").items()
    assert run("compare", *MINI, *trials, "--store", "local", "-q").code == 0
    assert_same_results(store, tmp_path / "local", 6)


def listening(pids: list[int]) -> set[str]:
    """Return the addresses, in hexadecimal, at which these processes listen."""
    inodes = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, address, _, state, *rest = line.split()
            if state == "0A":
                inodes[f"socket:[{rest[5]}]"] = address.partition(":")[0]
    found = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                found.add(inodes.get(str(link.readlink())))
            except OSError:
                continue
    return {address for address in found if address}


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGINT, marks=pytest.mark.torture),
        pytest.param(signal.SIGTERM, marks=pytest.mark.torture),
    ],
)
def test_own_cluster_is_private_and_ends_with_the_command(
    tmp_path: Path, number: signal.Signals
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    environment["HOME"] = str(tmp_path)
    told = ["compare", *MINI, "fcn:hidden=8", "-e", "200", "--executor", "ray"]
    with subprocess.Popen(
        [*COMMAND, *told], cwd=tmp_path, env=environment, text=True, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr
        for line in process.stderr:
            if "epoch 2/" in line:
                break
        started = descendants(process.pid)
        assert len(started) > 3
        addresses = listening([process.pid, *started])
        assert addresses and addresses <= LOOPBACK
        variables = Path(f"/proc/{started[0]}/environ").read_bytes()
        assert b"RAY_AUTH_MODE=token" in variables
        process.send_signal(number)
        error = process.stderr.read()
    assert process.returncode == ENDED_BY[number]
    assert "Traceback" not in error
    assert number == signal.SIGKILL or "the same command resumes" in error
    agents = [pid for pid in started if title(pid).endswith("Agent")]
    assert not await_end([pid for pid in started if pid not in agents])
    assert number == signal.SIGKILL or not agents, "Ray's own notice after a minute that it is gone"
    assert not (tmp_path / ".ray").exists()


@pytest.mark.torture
def test_cluster_started_as_in_the_guide(tmp_path: Path) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "ray.md"
    scripts = dict(re.findall(r"^```sh (\S+)\n(.*?)^```$", guide.read_text(), re.M | re.S))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    environment |= {"HOME": str(tmp_path), "HEAD": "127.0.0.1", "PORT": str(port)}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    told: dict[str, Any] = {"cwd": tmp_path, "env": environment}
    subprocess.run(["bash", "-e", "-c", scripts["token.sh"]], check=True, **told)
    started = []
    try:
        for name in ("head.sh", "node.sh"):
            command = ["bash", "-c", "exec 2>&1\n" + scripts[name]]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **told)
            started.append(process)
            assert process.stdout
            said = []
            while "Ray runtime started." not in (line := process.stdout.readline()):
                said.append(line)
                assert line, said
        command = ["bash", "-c", scripts["compare.sh"]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, **told)
        assert done.returncode == 0, done.stderr
        assert "fcn:hidden=32" in done.stdout
        wrong = {**environment, "RAY_AUTH_TOKEN": 64 * "f"}
        line = scripts["compare.sh"].partition("\n")[2]
        told["env"] = {**wrong, "RAY_AUTH_MODE": "token"}
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, **told)
        assert (done.returncode, "refuses this command" in done.stderr) == (2, True)
    finally:
        left = [pid for process in started for pid in descendants(process.pid)]
        left = [pid for pid in left if not title(pid).endswith("Agent")]  # they end in a minute
        for process in reversed(started):
            for pid in descendants(process.pid)[:1]:
                os.kill(pid, signal.SIGTERM)
            process.terminate()
            process.communicate()
    assert not await_end(left)


@pytest.mark.torture  # the short suite tests refused addresses
def test_resources_that_no_node_has_are_reported_at_once(cluster: Nodes, tmp_path: Path) -> None:
    done = call(cluster, tmp_path, "fcn:hidden=8", "--threads", "64")
    assert done.returncode == 2
    assert "error: no node of the cluster has 64 CPUs for a trial: the largest has 1" in done.stderr
    assert "hint: `--threads N`" in done.stderr


@pytest.mark.torture
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("import ray; ray.__version__ = '2.53.0'", "has other versions (Ray: "),
        ("import convcompare.core.version as v; v.__version__ = '99'", "and this is 99"),
        ("import os; os.environ['RAY_AUTH_TOKEN'] = 64 * 'f'", "refuses this command"),
    ],
)
def test_mismatched_versions_and_tokens_are_reported(
    cluster: Nodes, tmp_path: Path, change: str, told: str
) -> None:
    arguments = command(cluster, "fcn:hidden=8", "-e", "1")
    arguments[2] = f"{change}; {arguments[2]}"
    options: dict[str, Any] = {"cwd": tmp_path, "env": cluster.environment, "text": True}
    done = subprocess.run(arguments, **options, capture_output=True)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if told in line], done.stderr
    assert done.stderr.count("hint:") == 1


@pytest.fixture
def deaf() -> Iterator[int]:
    """Return the port of a server that is not Ray's: it accepts input and answers in HTTP/1."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        line, _ = server.accept()
        with line:
            line.recv(100)
            line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.close()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at `127.0.0.1:1`: Connection refused"),
        ("127.0.0.1:{deaf}", "something else does"),
        ("ray://127.0.0.1:10001", "is not the address of a cluster"),
        ("somewhere", "invalid value for `--ray-address`: `somewhere`"),
    ],
)
def test_invalid_address_is_refused(run: Run, deaf: int, address: str, told: str) -> None:
    address = address.format(deaf=deaf)
    result = run("compare", *MINI, "fcn", "--executor", "ray", "--ray-address", address)
    assert (result.code, told in result.err) == (2, True), result.err
    assert result.err.count("hint:") == 1


def test_missing_ray_is_reported_with_the_install_command(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = run("compare", *MINI, "fcn", "--executor", "ray")
    assert result.code == 2
    assert "error: Ray is not installed" in result.err
    assert "pip install 'convcompare[ray]'" in result.err
