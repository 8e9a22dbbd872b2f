"""The pages are true: what they tell to write and to run is written and run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SBATCH = """\
#!/bin/bash
# Starts the tasks of an array at a time, as Slurm does, and waits for them.
of=$(sed -n 's/^#SBATCH --array=1-//p' "$1")
srun() { "$@"; }
export -f srun
export SLURM_CPUS_PER_TASK=1 SLURM_ARRAY_TASK_COUNT=$of
for task in $(seq "$of"); do
    SLURM_ARRAY_TASK_ID=$task bash "$1" & tasks+=($!)
done
for task in "${tasks[@]}"; do wait "$task" || exit 1; done
echo Submitted batch job 1
"""
"""A stand-in: there is no Slurm here."""
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Language, file name and text of each fenced block."""
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield match[1], match[2] or "", match[3]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_works_as_it_is_written(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "sbatch").write_text(SBATCH)
    (tmp_path / "sbatch").chmod(0o755)
    paths = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "PATH": paths}
    ran = 0
    for language, name, text in blocks(page):
        if name:
            (tmp_path / name).write_text(text, encoding="utf-8")
        for line in text.splitlines() if language == "console" else []:
            program, *arguments = shlex.split(line.removeprefix("$ "))
            assert program in ("convcompare", "sbatch")
            module = [sys.executable, "-m", "convcompare"]
            command = [*(module if program == "convcompare" else [program]), *arguments]
            if "ray" in arguments:
                pytest.importorskip("ray", reason="Ray is not installed")
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            assert program == "convcompare" or "next: the same command" in done.stderr
            assert done.stdout
            ran += 1
    assert ran >= 2


def test_the_page_of_the_zoo_is_current() -> None:
    command = [sys.executable, ROOT / "docs" / "zoo_page.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda page: page.name,
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
