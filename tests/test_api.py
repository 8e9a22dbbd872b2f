"""The library gives the same results as the command line: trials, store, verdicts."""

from __future__ import annotations

import inspect
import io
import os
import random
import re
import shutil
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas
import pytest
import torch

import convcompare as cc
from convcompare.cli.commands.compare import compare as command
from convcompare.store.run_store import RunStore

ROOT = Path(__file__).parent.parent
Run = Callable[..., Any]
NETWORKS = ["fcn:hidden=8", "fcn:hidden=12"]
DATA = ("--dataset", "mnist-mini", "--train-images", "1000")
TYPED = [*NETWORKS, *DATA, "--epochs", "1", "--seeds", "2", "--threads", "1"]
GIVEN: dict[str, Any] = {
    "dataset": "mnist-mini",
    "train_images": 1000,
    "epochs": 1,
    "seeds": 2,
    "threads": 1,
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> cc.Result:
    """A comparison made by the library."""
    store = tmp_path_factory.mktemp("stored") / "runs"
    return cc.compare(NETWORKS, **GIVEN, store=store)


@pytest.fixture
def compared(stored: cc.Result, run: Run, monkeypatch: pytest.MonkeyPatch) -> cc.Result:
    """That comparison, in the default store."""
    monkeypatch.setenv("CONVCOMPARE_STORE", str(stored.assessment.store.root))
    return stored


def test_public_names_are_documented() -> None:
    page = (ROOT / "docs/reference/library.md").read_text(encoding="utf-8")
    headings = {
        line.split()[-1].removeprefix("convcompare.")
        for line in page.splitlines()
        if line.startswith("#")
    }
    assert set(cc.__all__) - {"__version__"} <= headings
    assert set(cc.__all__) <= set(dir(cc))
    for name in cc.__all__:
        assert getattr(cc, name)
    with pytest.raises(AttributeError, match="no attribute 'comapre'"):
        cc.comapre  # noqa: B018


def test_options_are_those_of_the_command() -> None:
    of_command = set(inspect.signature(command).parameters)
    for_shells = {"format", "out", "quiet", "sort", "verbose", "dry_run", "shard", "worker"}
    of_python = set(inspect.signature(cc.compare).parameters) - {"reporter"}
    assert of_python == of_command - for_shells
    documented = inspect.getdoc(cc.compare) or ""
    for name in of_python:
        assert re.search(rf"^    {name}: \S", documented, re.MULTILINE), name
    assert "--" not in documented, "options as Python spells them"


def test_library_and_command_line_make_the_same_comparison(compared: cc.Result, run: Run) -> None:
    typed = run("compare", *TYPED, "--format", "json")
    assert "epoch 1/1" not in typed.err, "the runs of the library are reused"
    record, called = typed.json(), compared.to_json()
    for one in (record, called):
        del one["conditions"]["loading_seconds"]
        (apart,) = (note for note in one["notes"] if note.startswith("not in the time: loading"))
        one["notes"].remove(apart)  # the loading times differ
    (reused,) = (one for one in record["notes"] if one.startswith("all runs are from earlier"))
    record["notes"].remove(reused)  # the runs of the library
    assert called == record
    assert [v for v in compared.verdicts if v.startswith(NETWORKS[1])]
    (contrast,) = record["contrasts"]
    assert contrast["n"] == 2
    assert cc.read().to_json() == run("runs", "latest", "--format", "json").json()
    assert str(cc.read()) == run("runs", "latest", "--verbose").out.rstrip("\n")


def test_separate_runs_of_both_have_the_same_numbers(run: Run) -> None:
    typed = run("compare", *TYPED, "--store", "a", "--format", "json").json()
    called = cc.compare(NETWORKS, **GIVEN, store="b").to_json()
    for one, other in zip(typed["models"], called["models"], strict=True):
        assert one["test_accuracy"] == other["test_accuracy"]
        assert [r["id"] for r in one["runs"]] == [r["id"] for r in other["runs"]]
        assert [r["test_loss"] for r in one["runs"]] == [r["test_loss"] for r in other["runs"]]


def test_data_frames_equal_the_csv(compared: cc.Result, run: Run) -> None:
    csv = run("runs", "latest", "--format", "csv").out
    expected = pandas.read_csv(io.StringIO(csv))
    pandas.testing.assert_frame_equal(compared.to_dataframe(), expected)
    runs = compared.to_dataframe("runs")
    assert list(runs["seed"]) == [0, 1, 0, 1]
    assert runs.groupby("model")["test_accuracy"].mean()[NETWORKS[0]] == pytest.approx(
        expected["test_accuracy"][0]
    )
    assert len(compared.to_dataframe("epochs")) == 4
    with pytest.raises(cc.ConvcompareError) as caught:
        compared.to_dataframe("epoch")
    assert caught.value.hint == "did you mean `epochs`?"


def test_notebook_shows_the_table_and_the_figures(compared: cc.Result, tmp_path: Path) -> None:
    page = compared._repr_html_()
    assert "<table>" in page and "fcn:<wbr>hidden=8" in page and "<script" not in page
    for verdict in compared.verdicts:
        assert verdict in page.replace("\u00a0", " ")
    drawings = compared.plot("learning-curves")
    assert 'class="plot" role="img"' in drawings._repr_html_()
    (path,) = drawings.save(tmp_path / "figures", "svg")
    assert path.read_bytes().startswith(b"<?xml") and path.with_suffix(".csv").exists()


def test_record_contains_the_command_that_repeats_it(run: Run) -> None:
    called = cc.compare(
        NETWORKS[0], dataset="mnist-mini", epochs=1, seeds=[3], settings={"momentum": 0.8},
        store=Path("here"),
    )  # fmt: skip
    words = called.assessment.comparison.command
    assert words[:2] == ("compare", NETWORKS[0])
    again = run(*words)
    assert "all runs are from earlier calls" in again.out
    assert called.to_json()["models"][0]["runs"][0]["seed"] == 3


@pytest.mark.parametrize(
    ("models", "options", "message", "hint"),
    [
        (["simpel"], {}, "there is no model `simpel`", "did you mean `simple`?"),
        (["fcn"], {"seeds": [1, 1]}, "`seeds=` `1,1` repeats a seed", None),
        (["fcn"], {"seeds": 0}, "invalid value for `seeds=`: `0`", None),
        (
            ["fcn"],
            {"threads": 0},
            "invalid value for `threads=`: `0`",
            "a whole number, at least 1",
        ),
        (["fcn"], {"compile": "of"}, "invalid value for `compile=`: `of`", "did you mean `off`?"),
        (["fcn"], {"select": "best"}, "an epoch cannot be", "`val_fraction=0.1` holds out"),
        (
            ["fcn", "simple"],
            {"max_time": 60},
            "`max_time=` is an option of `until_clear=True`",
            "add `until_clear=True`",
        ),
        (["fcn"], {"until_clear": True}, "`until_clear=True` needs two networks", None),
        (["fcn"], {"jobs": 2, "devices": 2}, "`devices=` and `jobs=` cannot be combined", None),
        ([3], {}, "a network is named by a text or given by what builds it", "a class, a function"),
        ([], {}, "no network given", "`convcompare models` lists them"),
        (3, {}, "a network is named by a text or given by what builds it", "a class, a function"),
        (["--help"], {}, "'--help' is not a network", "options are arguments"),
        (
            ["fcn"],
            {"settings": "lr=1"},
            "invalid value for `settings=`: `'lr=1' (str)`",
            "a mapping of",
        ),
        (["fcn"], {"fresh": "yes"}, "invalid value for `fresh=`: `'yes' (str)`", "True or False"),
        (
            ["fcn"],
            {"seeds": "3"},
            "invalid value for `seeds=`: `'3' (str)`",
            "a whole number or a list",
        ),
        (["fcn"], {"seeds": True}, "invalid value for `seeds=`: `True (bool)`", "a whole number"),
        (["fcn"], {"lr": "1e-3"}, "invalid value for `lr=`", "a number or None"),
        (["fcn"], {"columns": "macs"}, "invalid value for `columns=`", "a list, each item a text"),
        (["fcn"], {"jobs": "x"}, "invalid value for `jobs=`: `x`", "a number from 1 to"),
        (["fcn"], {"device": "cuda:77"}, "there is no device `cuda:77`", '`device="cpu"`'),
        (["fcn"], {"epoch": 3}, "there is no argument `epoch=`", "did you mean `epochs`?"),
    ],
)
def test_errors_have_a_message_and_a_hint(
    run: Run, models: Any, options: Any, message: str, hint: str | None
) -> None:
    with pytest.raises(cc.ConvcompareError) as caught:
        cc.compare(models, **{"dataset": "mnist-mini", **options})
    assert caught.value.message.startswith(message)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert str(caught.value) == f"{caught.value.message} ({caught.value.hint})", (
        "message and hint are shown"
    )
    if hint:
        assert caught.value.hint.startswith(hint)


def test_numpy_numbers_are_accepted(run: Run) -> None:
    with pytest.raises(cc.ConvcompareError, match="there is no model"):
        cc.compare(["simpel"], seeds=np.arange(2), lr=np.float32(0.1), epochs=np.int64(1))


def test_call_restores_the_state_of_the_process(run: Run) -> None:
    """Environment, threads, signal handlers, random numbers and matplotlib's settings."""

    def state() -> list[object]:
        return [
            dict(os.environ),
            torch.get_num_threads(),
            torch.get_default_dtype(),
            [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)],
            random.getstate(),
            torch.get_rng_state().tolist(),
            list(warnings.filters),
            dict(matplotlib.rcParams),
        ]

    before = state()
    cc.compare(NETWORKS, **GIVEN).plot("accuracy")
    assert state() == before


def test_hint_has_a_command_to_type(compared: cc.Result) -> None:
    with pytest.raises(cc.ConvcompareError) as caught:
        cc.read("neither")
    assert caught.value.hint and "`convcompare runs --store " in caught.value.hint


def test_reading_an_empty_store_is_an_error(run: Run) -> None:
    with pytest.raises(cc.ConvcompareError, match="no comparison"):
        cc.read()


def test_text_has_no_control_codes_and_counts_unfinished_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FORCE_COLOR is for terminals only."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    store = tmp_path / "runs"
    networks = ["fcn:hidden=4", "fcn:hidden=5"]
    complete = cc.compare(networks, dataset="mnist-mini", epochs=1, batch_size=2000, store=store)
    assert "\x1b" not in str(complete) and "so far" not in str(complete)
    last = complete.assessment.comparison.groups[1].runs[0].id
    (store / last / "run.json").unlink()
    incomplete = str(cc.read("latest", store=store))
    assert "so far: 1 of 2 runs, the others are not running" in incomplete
    with RunStore(store).lock(last):
        assert "1 of the others running" in str(cc.read("latest", store=store))
    shutil.rmtree(store / last)
    assert "so far: 1 of 2 runs, the others are not running" in str(cc.read("latest", store=store))
