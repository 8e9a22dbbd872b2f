"""The documentation works: its files are written and its commands and code are run.

Each page is processed from top to bottom in an empty folder. ``console`` blocks are commands,
``python NAME`` blocks are files, other ``python`` blocks are executed. A comment in the line before
a block names a block that is not run here:

    <!-- long -->               needs real data or more than a minute: `make docs-long`
    <!-- elsewhere: PATH -->    another test runs it

The commands of a long block are checked by the parser.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from convcompare import cli
from convcompare.cli.command_list import COMMANDS
from convcompare.cli.commands.worker import SHARED
from convcompare.cli.lazy_commands import load
from convcompare.core.registry import register
from tests.support.own_code import own_code_here

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>long|elsewhere: (?P<where>\S+)) -->\n)?"
    r"^```(?P<language>\w+)(?: (?P<name>\S+))?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
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
"""Substitute for Slurm's `sbatch`."""
MAKER = str(ROOT / "docs" / "zoo_page.py")
LONG = os.environ.get("CONVCOMPARE_LONG_DOCS") == "1"
COUNTS: Counter[str] = Counter()
"""Numbers of processed pages and blocks, by kind."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    name: str
    text: str
    mark: str
    where: str

    @property
    def commands(self) -> list[list[str]]:
        """Return the words of each command of a console block, without the prompt ``$``."""
        lines = self.text.replace("\\\n", " ").splitlines() if self.language == "console" else []
        typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        parts = [part for line in typed for part in line.split(" && ")]
        return [shlex.split(part, comments=True) for part in parts]


def blocks(page: Path) -> Iterator[Block]:
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        fields = ("language", "name", "text", "mark", "where")
        yield Block(*(match[field] or "" for field in fields))


RUNNABLE = [
    page for page in PAGES
    if any(block.language in ("console", "python") for block in blocks(page))
]  # fmt: skip
LENGTHY = {
    *("README", "add-a-network", "add-other-things", "calibration", "compare-your-own-network"),
    *("disagreements", "equal-compute", "fine-tuning", "learning-rates", "library", "plots"),
    *("ray", "report", "several-devices", "slurm", "studies"),
}
"""Pages that only `make test-long` runs; their commands are always checked by the parser."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, without variables of the user's shell."""
    monkeypatch.chdir(tmp_path)
    for variable in ("CONVCOMPARE_STORE", "CONVCOMPARE_DATA"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(variable, "true")
    return tmp_path


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.torture] if page.stem in LENGTHY else [])
        for page in RUNNABLE
    ],
    ids=lambda page: page.stem,
)
def test_page_works_as_written(page: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    COUNTS["pages"] += 1
    found = list(blocks(page))
    run = OwnSource(place) if needs_processes(found) else Here(capsys)
    with nullcontext() if gives_objects(found) else own_code_here():
        follow(found, run, place)


def follow(found: list[Block], run: Here | OwnSource, place: Path) -> None:
    """Process the blocks of a page in order."""
    for block in found:
        if block.mark == "long" and not LONG:
            COUNTS["left for make docs-long"] += 1
            for words in block.commands:
                check_words(words)
        elif block.where:
            assert (ROOT / block.where).exists()
            COUNTS["run by another test"] += 1
        elif block.name:
            (place / block.name).parent.mkdir(parents=True, exist_ok=True)
            (place / block.name).write_text(block.text, encoding="utf-8")
            COUNTS["files written"] += 1
        elif block.language == "python":
            run.python(block.text)
            COUNTS["blocks of Python run"] += 1
        elif block.language == "console":
            assert block.commands, f"nothing to run in a block: {block.text}"
            for words in block.commands:
                check_words(words)
                run.command(words)
                COUNTS["commands run"] += 1
            COUNTS["blocks of commands run"] += 1


def gives_objects(found: list[Block]) -> bool:
    """Return True if the Python of a page defines networks: they need their own process."""
    return any("nn.Module" in b.text for b in found if b.language == "python" and not b.name)


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_commands_of_a_page_are_accepted_by_the_parser(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, block.name or page.stem, "exec")
        for words in block.commands if not block.where else ():
            check_words(words)


def needs_processes(found: list[Block]) -> bool:
    """Return True if a page adds to the source or starts other programs."""
    typed = [word for block in found for words in block.commands for word in words]
    adds = any(block.name.startswith("src/") for block in found)
    return adds or "sbatch" in typed or "ray" in typed


class Here:
    """Runs commands and Python in this process; the blocks of a page share their names."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.names: dict[str, Any] = {}

    def command(self, words: list[str]) -> None:
        if words[0] == "make":
            subprocess.run(["make", "-C", ROOT, *words[1:]], check=True)
            return
        code = cli.run(words[1:])
        captured = self.capsys.readouterr()
        assert code == 0, captured.err
        assert captured.out

    def python(self, text: str) -> None:
        exec(compile(text, "page", "exec"), self.names)


class OwnSource:
    """Runs them in processes of their own, with a copy of the source that a page may extend."""

    def __init__(self, place: Path) -> None:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src", place / "src", ignore=ignored)
        self.place = place
        (place / "sbatch").write_text(SBATCH)
        (place / "sbatch").chmod(0o755)
        paths = [str(place), str(Path(sys.executable).parent), os.environ["PATH"]]
        source = str(place / "src")
        self.environment = {**os.environ, "PYTHONPATH": source, "PATH": os.pathsep.join(paths)}

    def command(self, words: list[str]) -> None:
        if "ray" in words:
            pytest.importorskip("ray", reason="Ray is not installed")
        if words[0] == "convcompare":
            self._run(sys.executable, "-m", *words)
        else:
            assert "next: the same command" in self._run(str(self.place / words[0]), *words[1:])

    def python(self, text: str) -> None:
        self._run(sys.executable, "-c", text)

    def _run(self, *words: str) -> str:
        """Run a command, assert that it succeeds and prints something, and return its stderr."""
        done = subprocess.run(
            words, cwd=self.place, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout
        return done.stderr


def check_words(words: list[str]) -> None:
    """Assert that the parser accepts a command of this tool."""
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets
        return
    if words[0] == "sbatch":
        return
    assert words[0] == "convcompare", words
    rest = words[1:]
    if not rest:
        return
    if rest[0] == "worker":
        rest = rest[1:]
        assert rest[0] in SHARED
    name = max((n for n in COMMANDS if rest[: len(n.split())] == n.split()), key=len, default="")
    assert name, f"there is no command {rest[0]}"
    load(name).make_context(name, rest[len(name.split()) :])


def test_enough_blocks_of_the_pages_were_run(capsys: pytest.CaptureFixture[str]) -> None:
    if not COUNTS:
        pytest.skip("no page was run in this process")
    with capsys.disabled():
        print(f"\npages: {', '.join(f'{n} {what}' for what, n in sorted(COUNTS.items()))}")
    if COUNTS["pages"] == len(RUNNABLE) and not LONG:
        assert COUNTS["blocks of commands run"] + COUNTS["blocks of Python run"] >= 25
        assert COUNTS["left for make docs-long"] <= 6, "most blocks can be run in the tests"


def test_page_of_the_zoo_has_all_networks_with_their_options() -> None:
    """`make test-long` also compares the counts."""
    page, section = (ROOT / "docs" / "zoo.md").read_text(), run_path(MAKER)["_section"]
    for entry in register.model:
        assert section(entry) in page, entry.name


@pytest.mark.parametrize(
    "maker", [pytest.param("zoo_page.py", marks=pytest.mark.torture), "reference_page.py"]
)
def test_generated_pages_are_current(maker: str) -> None:
    command = [sys.executable, ROOT / "docs" / maker, "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", tmp_path / "site"],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "convcompare compare" in (tmp_path / "site/reference/commands/index.html").read_text()


@pytest.mark.parametrize(
    "page",
    [*PAGES, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"],
    ids=lambda page: page.name,
)
def test_links_between_pages_have_targets(page: Path) -> None:
    """Each names an existing file and, with an anchor, one of its headings."""
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            linked = page.parent / target if target else page
            assert linked.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(linked), f"{page.name}: {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub creates them; MkDocs checks the site."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_anchors_are_made_from_headings(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# `cnn` & more\n\n```sh\n# no heading\n```\n\n## vgg-11\n")
    assert anchors(page) == {"cnn--more", "vgg-11"}
