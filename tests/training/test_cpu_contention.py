"""Time lost to other causes than the work: processes that were and were not suspended."""

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
def test_suspension_is_detected_and_is_the_remaining_time() -> None:
    """It agrees with the duration of the stop, and with wall time minus processor time."""
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
    """Return the smallest share of the time, in three tries, that counts as a suspension without
    a wait that explains it: a virtual machine may pause for a moment.
    """
    shares = []
    for _ in range(3):
        with Interference() as found:
            work()
        assert found.seconds > 0
        shares.append((found.stopped - (found.waited or 0.0)) / found.seconds)
    return min(shares)


def test_holding_the_interpreter_lock_is_no_suspension() -> None:
    """The clock's thread also wakes late then."""
    assert share_stopped(lambda: sum(range(12_000_000))) < 0.1


def test_sleeping_thread_is_no_suspension() -> None:
    """As a thread that waits for a GPU or a disk."""
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
def test_only_threads_of_the_work_count_as_waiting() -> None:
    """Four threads share a core: that of the work waits for less than the time, all for three."""
    code = f"{WAITING}{WORK}over.set()"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, _, waited = map(float, found.stdout.splitlines()[-1].split())
    assert 0 < waited <= seconds
