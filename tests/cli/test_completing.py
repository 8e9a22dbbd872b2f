"""Shell completions from the table equal those of the parser."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from convcompare import cli
from convcompare.cli import completing, completions
from convcompare.cli.completion_table import table
from tests.support.stores import V1

LINES = [
    "",
    "r",
    "compare ",
    "compare fc",
    "compare fcn:",
    "compare fcn -",
    "compare fcn --se",
    "compare fcn --seeds 3 --",
    "compare fcn --dataset mn",
    "compare fcn -d ",
    "compare --dataset=mni",
    "compare fcn --columns macs,m",
    "compare fcn --verdict-on accuracy,t",
    "compare fcn --match ",
    "compare fcn --precision b",
    "compare fcn --store ",
    "compare fcn --set lr=1 --set ",
    "compare --quiet fc",
    "train fcn simp",
    "plot ",
    "plot seeds l",
    "plot --comparison ",
    "study ke",
    "models resnet-2",
    "report fc",
    "runs 5",
    "runs --status f",
    "runs --format c",
    "runs rm 5",
    "runs rm --f",
    "runs diff latest l",
    "runs note 50a x",
    "runs --store elsewhere 5",
    "runs export --to m",
    "datasets ",
    "doctor -",
]
ASKED = "_CONVCOMPARE_COMPLETE"


def by_parser(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", f"convcompare {line}")
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" "))))
    monkeypatch.setenv(ASKED, "complete_bash")
    with contextlib.suppress(SystemExit):
        cli.run([])


@pytest.mark.parametrize("line", LINES)
def test_table_completes_like_the_parser(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(V1, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    by_parser(line, monkeypatch)
    expected = capsys.readouterr().out
    assert completing.answered()
    assert sorted(capsys.readouterr().out.split()) == sorted(expected.split())


def test_a_family_completes_its_commands_as_well() -> None:
    """The parser does not."""
    assert [name for name, _ in completing.complete(["runs"], "c")] == ["check", "comparisons"]
    assert "50ade97872ea" in dict(completing.complete(["runs", "--store", str(V1)], ""))


def test_table_is_current() -> None:
    stored = Path(completions.__file__).with_name("completion_table.json").read_text("utf-8")
    assert stored == json.dumps(table(), indent=1, sort_keys=True) + "\n", (
        "`python docs/completion_table.py` writes it anew"
    )


@pytest.mark.parametrize("line", ["compare --no-such-option ", "nonsense fc", "--version "])
def test_unknown_lines_are_left_to_the_parser(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_WORDS", f"convcompare {line}")
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" "))))
    monkeypatch.setenv(ASKED, "complete_bash")
    assert not completing.answered()
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("shell", "shown"), [("zsh", "_arguments '*: :((\"fcn\"))'"), ("fish", "fcn")]
)
def test_other_shells_have_their_own_format(
    shell: str, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "convcompare compare fc")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    monkeypatch.setenv(ASKED, f"complete_{shell}")
    with contextlib.suppress(SystemExit):
        cli.run([])
    assert capsys.readouterr().out.strip() == shown
    assert completing.answered()
    assert capsys.readouterr().out.strip() == shown


def test_a_completion_imports_neither_the_parser_nor_anything_large() -> None:
    code = (
        "import os, sys; os.environ |= {'COMP_WORDS': 'convcompare compare fc', 'COMP_CWORD': '2',"
        f"{ASKED!r}: 'complete_bash'}}; from convcompare.__main__ import main; main();"
        "print(*sorted({'typer', 'rich', 'numpy', 'dataclasses', 'typing'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True,
                          env={"PYTHONPATH": str(Path(cli.__file__).parents[2])})  # fmt: skip
    assert done.stdout.split("\n") == ["fcn", "", ""], done.stderr
