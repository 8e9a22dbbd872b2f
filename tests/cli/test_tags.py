"""Tags and notes of runs, stored beside the record, which never changes."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convcompare.core.errors import UsageError
from convcompare.store.annotation import MOST, Annotation, checked
from tests.support.stores import DIVERGED, FINISHED, V1

Run = Callable[..., Any]
STORE = ("--store", "runs")
ONE, FAILED = FINISHED, DIVERGED


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of an earlier version: one finished run, one incomplete, one diverged."""
    return Path(shutil.copytree(V1, tmp_path / "runs"))


def listed(run: Run, *options: str) -> dict[str, dict[str, Any]]:
    rows = run("runs", *options, *STORE, "--format", "json").json()["runs"]
    return {row["id"]: row for row in rows}


def test_a_tag_finds_its_runs_and_changes_no_record(run: Run, store: Path) -> None:
    before = {path: path.read_bytes() for path in store.rglob("*.json")}
    assert run("runs", "tag", "paper,wide", "50a", *STORE).out == f"{ONE}  paper, wide\n"
    assert run("runs", "tag", "paper", "ebb", *STORE).code == 0
    assert set(listed(run, "--tag", "paper")) == {ONE, FAILED}
    assert set(listed(run, "--tag", "wide")) == {ONE}
    assert run("runs", "--tag", "pap", *STORE).out.startswith("no run matches")
    assert {path: path.read_bytes() for path in before} == before
    assert run("runs", "tag", "paper,wide", "50a", "--remove", *STORE).out == f"{ONE}  no tags\n"
    assert not (store / ONE / "annotation.json").exists(), "nothing is left of it"
    assert run("runs", "check", *STORE).code == 0


def test_a_note_is_shown_where_runs_are(run: Run, store: Path) -> None:
    text = "Akku 12 %: „langsam“ 🔋"
    assert run("runs", "note", "50a", text, *STORE).out == f"{ONE}  {text}\n"
    assert run("runs", "note", "50a", *STORE).out == f"{ONE}  {text}\n"
    assert run("runs", "50a", *STORE, "--format", "json").json()["note"] == text
    assert listed(run)[ONE]["note"] == text
    assert text in run("runs", "--verbose", *STORE).out
    assert text not in run("runs", *STORE).out
    rows = csv.DictReader(io.StringIO(run("runs", *STORE, "--format", "csv").out))
    assert {row["id"]: row["note"] for row in rows}[ONE] == text
    assert run("runs", "note", "50a", "", *STORE).out == f"{ONE}  no note\n"


def test_tags_and_notes_move_between_stores(run: Run, store: Path) -> None:
    run("runs", "tag", "paper", "50a", *STORE)
    run("runs", "note", "50a", "seen", *STORE)
    assert run("runs", "merge", "runs", "--store", "other").code == 0
    row = run("runs", "--store", "other", "--format", "json").json()["runs"][0]
    assert (row["tags"], row["note"]) == (["paper"], "seen")
    assert run("runs", "rm", "50a", "--yes", "--store", "other").code == 0
    assert not list(Path("other").glob("*/annotation.json"))


def test_damaged_tags_are_found_and_quarantined(run: Run, store: Path) -> None:
    run("runs", "tag", "paper", "50a", *STORE)
    path = store / ONE / "annotation.json"
    path.write_text(path.read_text().replace("paper", "paler"))
    found = run("runs", "check", *STORE)
    assert found.code == 4 and "annotation.json" in found.out + found.err
    run("runs", "check", "--repair", *STORE)
    assert run("runs", "check", *STORE).code == 0
    assert listed(run)[ONE]["tags"] == [] and json.loads((store / ONE / "run.json").read_text())


def test_tags_are_words() -> None:
    said = Annotation().tagged(["b", "a", "b"])
    assert said.tags == ("a", "b")
    assert said.without(["a", "c"]).tags == ("b",)
    for good in ("v1.2", "größe", "lr=0.1", "x" * MOST):
        assert checked(good) == good
    for bad in ("", "two words", "a,b", "-x", "x" * (MOST + 1), "a\nb", "\x1b[1m"):
        with pytest.raises(UsageError):
            checked(bad)
