"""Output to closed pipes, full disks and missing streams."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from convcompare.cli.streams import Messages, PipeClosed, Results
from convcompare.core.errors import StoreError

FULL = Path("/dev/full")
COMMAND = [sys.executable, "-m", "convcompare"]
full_disk = pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")


@pytest.fixture
def broken() -> Iterator[TextIO]:
    """A pipe without a reader."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        yield stream


def test_progress_to_a_closed_pipe_does_not_end_the_command(broken: TextIO) -> None:
    talk = Messages(broken)
    for _ in range(3):
        assert talk.write("an epoch\n" * 10_000)
        talk.flush()


def test_closed_reader_is_no_error(broken: TextIO) -> None:
    results = Results(broken)
    with pytest.raises(PipeClosed):
        results.write("a row\n" * 100_000)
        results.flush()
    results.flush()


@full_disk
def test_result_on_a_full_disk_is_an_error() -> None:
    with FULL.open("w") as stream, pytest.raises(StoreError, match="No space left") as caught:
        results = Results(stream)
        results.write("a row\n" * 100_000)
        results.flush()
    assert caught.value.hint


def test_a_stream_is_what_it_stands_for() -> None:
    for kind in (Results, Messages):
        stream = kind(sys.__stdout__)  # type: ignore[arg-type]
        assert stream.isatty() == sys.__stdout__.isatty()  # type: ignore[union-attr]
        assert stream.encoding == sys.__stdout__.encoding  # type: ignore[union-attr]


def test_exit_codes_of_streams() -> None:
    def code(shell: str) -> tuple[int, str]:
        script = shell.replace("TOOL", " ".join(COMMAND))
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=900)
        return done.returncode, done.stderr

    assert code("TOOL --help | head -1; exit ${PIPESTATUS[0]}") == (0, "")
    assert code("TOOL datasets >&-") == (0, "")
    number, told = code("TOOL datasets > /dev/full")
    assert number == 4
    assert told.splitlines() == [
        "error: the result cannot be written: No space left on device",
        " hint: finished runs are kept: the same command prints the result again",
    ]
    assert code("TOOL list 2> /dev/full") == (2, "")
    assert code("TOOL list 2>&-") == (2, "")
