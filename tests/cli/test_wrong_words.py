"""Command lines in the habits of other tools, and shell completion."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convcompare.cli import completions
from convcompare.cli.command_list import COMMANDS
from convcompare.cli.wrong_words import BELOW, OPTIONS, VERBS

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("list", "`convcompare models` lists networks"),
        ("help", "`convcompare --help` lists the commands"),
        ("help compare", "`convcompare compare --help` explains it"),
        ("version", "`convcompare --version` prints it"),
        ("runs delete 3fa9", "`convcompare runs rm RUN…` removes runs"),
        ("runs list", "`convcompare runs` lists the runs"),
        ("run latest", "`convcompare compare MODEL…` trains networks, `convcompare runs`"),
        ("compare fcn --epochs", "`convcompare compare --help` explains it"),
        ("runs pack --out", "`convcompare runs pack --help` explains it"),
        ("train fcn simple", "`convcompare compare MODEL…` trains several networks"),
        ("runs latest paper.ccpack", "`--store paper.ccpack` reads this pack"),
        ("train fcn --seeds 3", "`convcompare compare MODEL --seeds N`"),
        ("compare --models fcn", "networks are arguments"),
        ("compare fcn --seed 1,2", "`--seed` is the first seed, a number; `--seeds 1,2,3` names"),
        ("compare fcn --weight-decay 0.1", "`--set weight_decay=VALUE` sets it"),
        ("train fcn --augment", "`--set augment=VALUE` sets it"),
        ("compare fcn --set epochs=3 --epochs 2", "it is set to another value too"),
        ("compare fcn --set momentum=0 --set momentum=0.5", "it is set to another value too"),
        ("compare fcn --seeds 0,1 --seed 5", "a list names every seed"),
        ("compare fcn --lr 1 --lr-grid 1,2 --val-fraction 0.1", "leave one out"),
        ("compare fcn --set precision=bf16 --precision fp32", "leave one out"),
        ("compare fcn --store=", "is a variable of the shell empty?"),
        ("compare fcn,simple", "names are separated by spaces"),
        ("compare 'fcn simple'", "names are separated by spaces, without commas or quotes"),
        ("compare fcn simple --columns f1-score", "did you mean `macro-f1`?"),
        ("compare fcn:hidden", "`fcn:hidden=128x64`"),
        ("compare cnn:width=4 -d mnist-mini", "its options: `depth`"),
        ("compare fcn:hiden", "did you mean `hidden`?"),
        ("report --format json", "a report is a folder"),
    ],
)
def test_wrong_word_gets_a_hint_with_the_right_one(run: Run, typed: str, hint: str) -> None:
    result = run(*shlex.split(typed))
    assert result.code == 2
    error, told = result.err.splitlines()[:2]
    assert error.startswith("error: ")
    assert told.startswith(f" hint: {hint}")


@pytest.mark.parametrize("option", ["--store", "--out", "-o", "--data-dir", "--match"])
def test_an_empty_value_is_refused(run: Run, tmp_path: Path, option: str) -> None:
    result = run("compare", "fcn:hidden=8", "-d", "mnist-mini", option, "")
    assert result.code == 2 and f"`{option}` has an empty value" in result.err
    assert not list(tmp_path.iterdir())


def test_chosen_precision_is_reported_with_its_reason(run: Run) -> None:
    mini = ("compare", "fcn:hidden=8", "-d", "mnist-mini", "-n", "--threads", "1")
    assert "bf16 (as requested)" in run(*mini, "--set", "precision=bf16").err
    assert "bf16 (as requested)" in run(*mini, "--precision", "bf16").err


def test_no_wrong_word_is_a_command() -> None:
    assert not set(VERBS) & set(COMMANDS)
    assert {first for first, _ in BELOW} | {first for first, _ in OPTIONS} <= set(COMMANDS)
    assert not {" ".join(words) for words in BELOW} & set(COMMANDS)


def test_more_threads_than_cores_are_reported(run: Run) -> None:
    result = run("compare", "fcn:hidden=8", "-d", "mnist-mini", "--threads", "500", "--dry-run")
    assert result.code == 0
    assert "warning: 500 threads share" in result.err


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("fcn:", ["fcn:hidden=", "fcn:dropout="]),
        ("fcn:hidden=8,d", ["fcn:hidden=8,dropout="]),
        ("resnet-2", ["resnet-20"]),
        ("net.py:", ["net.py:Net", "net.py:make"]),
        ("net.py:m", ["net.py:make"]),
        ("ne", ["net.py:"]),
        ("nothing.py:", []),
        ("fcn:hidden=", []),
    ],
)
def test_networks_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, found: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text("class Net: pass\ndef make(): pass\ndef _no(): pass\n1/0\n")
    assert completions.model_names(typed) == found


def test_several_names_with_commas_are_completed() -> None:
    complete = completions.column_lists
    assert complete("macs,me") == ["macs,memory"]
    assert "epoch-time" in complete("")
