"""Every command in every format that scripts read."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convcompare.core.errors import UsageError
from convcompare.output.tables.formats import chosen_format, render
from convcompare.output.tables.table import Column, Table
from tests.support.latex import assert_fits, typeset

Run = Callable[..., Any]
SHORT = ("-d", "mnist-mini", "-e", "1", "--threads", "1", "-q")
COMMANDS = {
    "runs": "runs",
    "runs latest": "models",
    "runs latest --columns macs,log-loss": "models",
    "runs latest --all-pairs": "models",
    "runs comparisons": "comparisons",
    "runs diff fcn:hidden=4 fcn:hidden=5": "differences",
    "classes": "classes",
    "disagreements fcn:hidden=4 fcn:hidden=5": "classes",
    "models fcn": "layers",
    "receptive-field fcn cnn:depth=2": "models",
    "gradients fcn:hidden=4 -d mnist-mini": "models",
    "study mnist --dry-run": "networks",
    "datasets mnist-mini": "classes",
    "compare fcn:hidden=4 -d mnist-mini -e 1 --threads 1 --dry-run": "models",
}
"""Commands, each with the key of the list in its JSON object."""
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "comparison.schema.json"
DATE = re.compile(r"\d+[/-]\d+")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a comparison of two networks and two seeds."""
    from convcompare.cli import run as command

    store = tmp_path_factory.mktemp("formats") / "runs"
    networks = ("fcn:hidden=4", "fcn:hidden=5")
    assert not command(["compare", *networks, "--seeds", "2", *SHORT, "--store", str(store)])
    return store


@pytest.fixture(autouse=True)
def default_store(store: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVCOMPARE_STORE", str(store))


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_one_object_and_csv_one_table(run: Run, command: str) -> None:
    result = run(*command.split(), "--format", "json")
    record = json.loads(result.out)
    assert (result.code, record["schema_version"]) == (0, 1)
    assert record[COMMANDS[command]]
    assert not re.search(r'"\w+_\d"', result.out), "names are keys, not numbers"
    rows = list(csv.reader(run(*command.split(), "--format", "csv").out.splitlines()))
    assert len(rows) > 1 and {len(row) for row in rows} == {len(rows[0])}
    assert not [cell for row in rows for cell in row if DATE.fullmatch(cell)]


def test_json_of_a_comparison_follows_the_schema(run: Run) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for more in ((), ("--columns", "macs"), ("--verdict-on", "test-loss,parameters")):
        record = run("runs", "latest", "--format", "json", *more).json()
        jsonschema.validate(record, schema)
    assert set(record) <= set(schema["properties"])
    broken = {**record, "models": [{"model": "fcn"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_verdicts_and_notes_are_in_every_format(run: Run) -> None:
    record = run("runs", "latest", "--format", "json").json()
    (contrast,) = record["contrasts"]
    table = list(csv.DictReader(run("runs", "latest", "--format", "csv").out.splitlines()))
    assert table[1]["verdict"] == contrast["decided"]
    assert float(table[1]["difference"]) == contrast["difference"]
    assert table[0]["verdict"] == "" and table[0]["status"] == "finished"
    for kind in ("markdown", "latex"):
        text = run("runs", "latest", "--format", kind).out
        assert "mean of 2 seeds" in text and "fcn:hidden=5" in text.split("mean of 2 seeds")[1]


@pytest.mark.parametrize(
    ("name", "out", "kind"),
    [("table", "a.csv", "csv"), ("table", "a.MD", "markdown"), ("csv", "a.csv", "csv"),
     ("table", "a.txt", "table"), ("latex", "folder/a", "latex"), ("json", None, "json")],
)  # fmt: skip
def test_file_has_the_format_of_its_ending(name: str, out: str | None, kind: str) -> None:
    assert chosen_format(name, None if out is None else Path(out)) == kind


@pytest.mark.parametrize(("name", "out"), [("table", "a.xlsx"), ("json", "a.csv"), ("cvs", "a")])
def test_unknown_or_contradictory_format_is_refused_before_training(
    run: Run, name: str, out: str
) -> None:
    with pytest.raises(UsageError):
        chosen_format(name, Path(out))
    result = run("compare", "fcn:hidden=3", "--format", name, "--out", out, *SHORT)
    assert result.code == 2
    assert "hint:" in result.err


def test_text_file_has_the_table_of_the_terminal(run: Run, tmp_path: Path) -> None:
    run("runs", "latest", "--out", str(tmp_path / "a.txt"))
    text = (tmp_path / "a.txt").read_text()
    assert text.startswith("№  model") and "mean of 2 seeds" in text


def test_options_in_notes_are_code_in_every_format() -> None:
    table = Table((Column("a", "a"),), ({"a": "x--y–z"},), notes=("use `--seeds 4`: a_b ` c",))
    assert "- use `--seeds 4`: a\\_b \\` c" in render(table, "markdown")
    latex = render(table, "latex")
    assert "x-{}-y--z" in latex, "hyphens stay hyphens"
    assert r"use \texttt{-{}-seeds 4}: a\_b ` c" in latex


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
@pytest.mark.parametrize("command", COMMANDS)
def test_latex_compiles(run: Run, tmp_path: Path, command: str) -> None:
    body = run(*command.split(), "--format", "latex").out
    assert_fits(typeset(body, tmp_path))
