"""Imports of light commands: a completion, a help page, a list, a stored table."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.waiting import fill
from convcompare.cli.command_list import COMMANDS

TABLE = ("torch", "torchvision", "pandas", "matplotlib")
HEAVY = (*TABLE, "scipy", "jinja2")
LIST = (*HEAVY, "numpy")
HELP = (*LIST, "markdown_it", "pygments", "pydantic")
READING = (
    ["runs", "latest"],
    ["runs", "latest", "--all-pairs", "--format", "json"],
    ["runs"],
    ["runs", "comparisons"],
)
COMPLETED = (
    "compare fcn --columns m", "compare fcn --sort t", "compare resnet-20:", "plot ver",
)  # fmt: skip
PREPARED = """
import os, sys
before = set(sys.modules)

def complete(line):
    words = line.split()
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    os.environ |= {"_CONVCOMPARE_COMPLETE": "complete_bash", **asked}
    print(end="\\f")
    try:
        code = run([])
    except SystemExit as ended:
        code = ended.code
    assert not code
    print(end="\\f")
    del os.environ["_CONVCOMPARE_COMPLETE"]
"""
RUN = "from convcompare.cli import run"


def steps() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield code and the modules that it must not import, the strictest first."""
    commands = (name.replace("-", "_").replace(" ", ".") for name in COMMANDS)
    yield "import convcompare; dir(convcompare)", ()
    yield "assert set(sys.modules) - before == {'convcompare'}", ()
    yield "from convcompare import register; assert 'simple' in register.model.names()", LIST
    yield RUN, HELP
    yield "run(['--help'])", (*HELP, *(f"convcompare.cli.commands.{name}" for name in commands))
    for words in (["models", "--help"], ["compare", "--help"], ["runs", "--help"]):
        yield f"run({words})", HELP
    yield "run(['runs', '--format', 'json', '--store', 'none'])", LIST
    yield "assert list(register.metric)", HEAVY
    yield "from convcompare.data.load import default_cache, list_datasets", HEAVY
    yield "from convcompare.data.dataset import Sources", HEAVY
    yield "list_datasets(Sources(default_cache()))", (*HEAVY, "PIL")
    yield "assert run(['datasets']) == 0", HEAVY
    yield "import convcompare.comparison.comparison", HEAVY
    yield "import convcompare.output.tables.comparison_table", HEAVY
    for line in COMPLETED:
        yield f"complete('convcompare {line}')", HEAVY
    for words in READING:
        yield f"assert run({words}) == 0", TABLE


def test_nothing_heavy_is_imported_before_it_is_needed(tmp_path: Path) -> None:
    """The stored networks have three seeds each, so that verdicts rest on a spread they share."""
    fill(tmp_path, 9, seeds=3)
    code = PREPARED + "".join(
        f"{line}\nfound = {set(absent)} & sys.modules.keys()\nassert not found, ({line!r}, found)\n"
        for line, absent in steps()
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print('all')"],
        capture_output=True,
        text=True,
        env={**os.environ, "CONVCOMPARE_STORE": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\nall\n")
    completed = done.stdout.split("\f")[1::2]
    assert len(completed) == len(COMPLETED) and all(map(str.strip, completed))
