"""What a command that only reads imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.waiting import fill

READING = (
    ["runs", "latest"],
    ["runs", "latest", "--all-pairs", "--format", "json"],
    ["runs"],
    ["runs", "comparisons"],
    ["--help"],
    ["compare", "--help"],
    ["datasets"],
)
HEAVY = ("torch", "torchvision", "pandas", "matplotlib")


def test_who_only_reads_imports_nothing_heavy(tmp_path: Path) -> None:
    """Three networks of three seeds, so that verdicts rest on a spread that they share."""
    fill(tmp_path, 9, seeds=3)
    code = (
        "import sys; from convcompare.cli.command_line import run\n"
        f"for words in {READING}:\n"
        "    assert run(words) == 0, words\n"
        f"    found = {{*{HEAVY}}} & set(sys.modules)\n"
        "    assert not found, (words, found)"
    )
    store = {**os.environ, "CONVCOMPARE_STORE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=store)
