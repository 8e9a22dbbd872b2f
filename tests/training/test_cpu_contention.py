"""Time that is not that of the work: a process that was stopped, and one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from convcompare.training.cpu_contention import Interference

WORK = """
import sys, time
from convcompare.training.cpu_contention import Interference

def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(100_000))

with Interference() as found:
    print("begun", flush=True)
    work(0.4)
print(found.seconds, found.stopped, found.waited or 0.0)
"""
CPU = 0.4
PAUSE = 0.6


def begun() -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "begun\n"
    return process


def figures(process: subprocess.Popen[str]) -> tuple[float, float, float]:
    seconds, stopped, waited = map(float, process.communicate()[0].split())
    return seconds, stopped, waited


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP")
def test_a_stop_is_found_and_is_the_rest_of_the_time() -> None:
    """As long as the one who stops it counts, and as wall time less processor time leaves."""
    process = begun()
    process.send_signal(signal.SIGSTOP)
    before = time.perf_counter()
    time.sleep(PAUSE)
    paused = time.perf_counter() - before
    process.send_signal(signal.SIGCONT)
    seconds, stopped, waited = figures(process)
    assert stopped > PAUSE - 0.15
    assert stopped < seconds - CPU + 0.1
    assert seconds - CPU - waited == pytest.approx(stopped, abs=max(0.25, paused / 3))


def share_stopped(work: Callable[[], object]) -> float:
    """The least share of the time of some work, in three tries, that is called a stop without a
    wait that explains it: a virtual machine may stand still for a moment.
    """
    shares = []
    for _ in range(3):
        with Interference() as found:
            work()
        assert found.seconds > 0
        shares.append((found.stopped - (found.waited or 0.0)) / found.seconds)
    return min(shares)


def test_work_that_holds_the_interpreter_is_no_stop() -> None:
    """The clock's thread wakes late then as well."""
    assert share_stopped(lambda: sum(range(12_000_000))) < 0.1


def test_a_thread_that_sleeps_is_no_stop() -> None:
    """As one that waits for a GPU or a disk."""
    assert share_stopped(lambda: time.sleep(0.3)) < 0.33


WAITING = """
import hashlib, os, threading
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
over, block = threading.Event(), bytes(1 << 20)

def hash_blocks():
    while not over.is_set():
        hashlib.sha256(block)

for _ in range(3):
    threading.Thread(target=hash_blocks, daemon=True).start()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs schedstat")
def test_only_the_threads_of_the_work_wait() -> None:
    """Four threads share a core: that of the work waits for less than the time, all for three."""
    code = f"{WAITING}{WORK}over.set()"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, _, waited = map(float, found.stdout.splitlines()[-1].split())
    assert 0 < waited <= seconds
