"""Help, examples, completion, messages, the live display, and the output of doctor."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from convcompare.cli import console
from convcompare.cli import help as helping
from convcompare.cli.command_list import COMMANDS, EXAMPLES
from convcompare.cli.lazy_commands import function_of, load
from convcompare.cli.progress_view import LiveView
from convcompare.core.config import TrainConfig
from convcompare.core.errors import UsageError
from convcompare.data.sources.download import Mirror
from convcompare.data.sources.probe import answers
from convcompare.experiment.events import Started
from convcompare.experiment.trial_tracker import Tracker
from convcompare.store.run import Trial
from convcompare.training.progress import StepProgress
from tests.support.trials import epoch

Run = Callable[..., Any]
COMMAND = [sys.executable, "-m", "convcompare"]
MINI = ("-d", "mnist-mini", "--train-images", "500", "-e", "1")


def words_of(example: str) -> list[str]:
    return example.removeprefix("convcompare ").split()


def test_bare_shows_three_examples_that_work(run: Run) -> None:
    bare = run()
    assert bare.code == 0
    assert [line.strip() for line in bare.out.splitlines() if line.startswith("  ")] == [*EXAMPLES]
    assert len(EXAMPLES) == 3
    for example in EXAMPLES:
        done = run(*words_of(example.replace("fcn simple residual", "fcn:hidden=8")))
        assert (done.code, bool(done.out)) == (0, True), done.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_begins_with_examples_and_fits(name: str, run: Run, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run(*name.split(), "--help")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= 80
    headings = [line.partition(":")[0] for line in lines if helping.HEADING.fullmatch(line)]
    assert headings[:2] == ["Examples", "Usage"] and headings[-1] == "Everywhere"
    assert f"  convcompare {name}" in shown.out
    assert " VALUE" not in shown.out, "every option says what it takes"
    assert "Options:" not in shown.out, "every option is in a group"


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_a_help_can_be_read(name: str) -> None:
    _, examples, _ = helping.parts(function_of(name).__doc__ or "")
    for example in examples:
        words = words_of(example)
        whose = max((n for n in COMMANDS if words[: len(n.split())] == n.split()), key=len)
        load(whose).make_context(whose, words[len(whose.split()) :])


def complete(folder: Path, line: str, **more: str) -> list[str]:
    """Return the completions that a shell offers for the last word of a line."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    asking = {"_CONVCOMPARE_COMPLETE": "complete_bash", "_TYPER_COMPLETE_TESTING": "1"}
    environment = {**os.environ, **words, **asking, **more}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("convcompare"))],
        cwd=folder, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_a_shell_completes_commands_models_data_sets_studies_and_runs(
    run: Run, tmp_path: Path
) -> None:
    run("compare", "fcn:hidden=4", *MINI)
    (folder,) = [path for path in (tmp_path / "runs").iterdir() if path.name != "comparisons"]
    assert complete(tmp_path, "convcompare rec") == ["receptive-field"]
    assert complete(tmp_path, "convcompare compare fc") == ["fcn"]
    assert complete(tmp_path, "convcompare compare -d mn") == ["mnist", "mnist-mini"]
    assert complete(tmp_path, "convcompare study kern")[0] == "kernel-size"
    assert complete(tmp_path, "convcompare plot seeds lat") == ["latest"]
    assert complete(tmp_path, f"convcompare runs {folder.name[:2]}") == [folder.name]
    elsewhere = complete(tmp_path, "convcompare runs l", CONVCOMPARE_STORE="none")
    assert elsewhere == ["latest"]


@pytest.mark.parametrize("model", ["simpel", "fcn:hiden=4", "fcn:hidden=no"])
def test_misspelt_network_is_reported_before_data_are_loaded(run: Run, model: str) -> None:
    result = run("compare", "fcn", model, "-d", "folder:nowhere")
    assert result.code == 2 and model.partition(":")[0] in result.err
    assert "nowhere" not in result.err


def test_debug_shows_the_traceback_at_any_position(run: Run) -> None:
    plain = run("compare", "simpel")
    assert (plain.code, plain.out) == (2, "")
    assert plain.err == "error: there is no model `simpel`\n hint: did you mean `simple`?\n"
    for words in (["--debug", "compare", "simpel"], ["compare", "simpel", "--debug"]):
        with pytest.raises(UsageError):
            run(*words)


def test_summary_reports_how_the_time_was_spent(run: Run) -> None:
    first = run("compare", "fcn:hidden=4", "fcn:hidden=5", *MINI)
    (line,) = [line for line in first.err.splitlines() if line.startswith("2 runs in ")]
    names = ("data", "training", "evaluation", "analyses", "saving", "setting up")
    assert [f"{name} " in line for name in names] == [True] * 6
    assert " runs in " not in run("runs", "latest").err
    quiet = run("compare", "fcn:hidden=4", "fcn:hidden=6", *MINI, "--quiet")
    assert not [line for line in quiet.err.splitlines() if not line.startswith("warning: ")]


def on_terminal(folder: Path, *arguments: str, **variables: str) -> str:
    """Return the output of a command on a terminal of 80 columns and 24 rows."""
    leader, follower = pty.openpty()
    subprocess.run(["stty", "cols", "80", "rows", "24"], stdin=follower, check=True)
    environment = {**os.environ, "TERM": "xterm-256color", **variables}
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, env=environment,
        stdin=follower, stdout=follower, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    told = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        told += piece
        if not piece:
            break
    assert process.wait() == 0
    os.close(leader)
    return told.decode()


def test_colours_and_movement_can_be_switched_off(run: Run, tmp_path: Path) -> None:
    run("compare", "fcn:hidden=4", "fcn:hidden=5", *MINI)
    shown = ("runs", "latest")
    assert "\x1b[1;32m" in on_terminal(tmp_path, *shown), "the best of a column is green and bold"
    plain = on_terminal(tmp_path, *shown, NO_COLOR="1")
    assert "\x1b[1;32m" not in plain and "\x1b[32m" not in plain
    dumb = on_terminal(tmp_path, "train", "fcn:hidden=6", *MINI, TERM="dumb")
    assert "\x1b" not in dumb
    assert "epoch 1/1" in dumb, "a line an epoch where nothing can be redrawn"


def test_a_table_is_whole_at_80_columns_and_for_a_pipe(run: Run, tmp_path: Path) -> None:
    long = "simple:width=4x8,hidden=12,dropout=0.5"
    run("compare", "fcn:hidden=4", long, *MINI)
    piped = run("runs", "latest").out
    assert "train accuracy" in piped and max(map(len, piped.splitlines())) > 80
    for line in on_terminal(tmp_path, "runs", "latest", NO_COLOR="1", TERM="dumb").splitlines():
        assert len(line.rstrip()) <= 80


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (160, 50), (30, 4)])
@pytest.mark.parametrize(("networks", "seeds"), [(3, 3), (20, 1), (60, 30)])
def test_the_live_display_never_outgrows_its_terminal(
    width: int, height: int, networks: int, seeds: int
) -> None:
    labels = [f"cnn:width={i}x{i},kernel=3" for i in range(networks)]
    config = TrainConfig()
    trials = [
        Trial(n, "mnist", "0", seed, config, label=n) for seed in range(seeds) for n in labels
    ]
    tracker = Tracker(trials, {})
    told = io.StringIO()
    console = Console(file=told, width=width, height=height, force_terminal=True, no_color=True)
    for trial in (trials[0], trials[len(trials) // 2]):
        tracker.update(Started(trial, (), StepProgress(3, 10, 0.5)))
    console.print(LiveView(tracker))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", told.getvalue()).splitlines()
    assert len(lines) < height
    assert max(len(line) for line in lines) <= width
    assert f"0 of {len(trials)} trials"[: width - 28] in lines[-1], "the whole job comes last"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_live_display_cuts_no_figure(width: int) -> None:
    labels = ["fcn:hidden=8", "fcn:hidden=16x8,dropout=0.25", "lenet-5"]
    trials = [Trial(n, "mnist", "0", i, TrainConfig(), label=n) for i in (0, 1) for n in labels]
    tracker = Tracker(trials, {})
    for trial in trials[:2]:
        tracker.update(Started(trial, (epoch(1), epoch(2)), StepProgress(3, 10, 0.5)))
    told = io.StringIO()
    Console(file=told, width=width, height=24).print(LiveView(tracker))
    *networks, _, first, second, bar = told.getvalue().splitlines()
    assert len(networks) == 3 and not any(line.rstrip().endswith("…") for line in networks)
    assert networks[0].startswith(" fcn:hidden=8") and "◐○" in networks[0]
    assert all(f"{100 * epoch(2).test_accuracy:.2f} %" in line for line in (*networks[:2], first))
    assert all(line.rstrip().endswith("per epoch") for line in networks[:2])
    assert "epoch 3 of 5" in second and "of 6 trials" in bar
    assert max(map(len, (first, second, bar))) <= width


@pytest.mark.parametrize("width", range(30, 50, 3))
def test_messages_on_a_terminal_keep_figures_with_their_units(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    told = io.StringIO()
    terminal = Console(file=told, width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(console, "err", lambda: terminal)
    console.say("6 runs in 94.9 s: data 1.85 s, training 33.4 s, evaluation 6.38 s, saving 1.38 s")
    shown = told.getvalue().splitlines()
    assert len(shown) > 1 and max(map(len, shown)) < width
    assert not any(line[-1].isdigit() for line in shown), "no unit is on the next line"


def test_doctor_checks_everything(run: Run, tmp_path: Path) -> None:
    run("compare", "fcn:hidden=4", *MINI, "--store", "here")
    quick = ("--timeout", "0.2", "--store", "here")
    result = run("doctor", *quick, "--format", "json")
    assert result.code == 0
    checks = {check["name"]: check for check in result.json()["checks"]}
    names = [
        "versions",
        "extras",
        "accelerator",
        "device",
        "precision",
        "threads",
        "disk",
        "data",
        "sources",
        "store",
    ]
    assert [*checks] == names
    assert "torch 2." in checks["versions"]["found"]
    assert "mnist-mini" in checks["data"]["found"]
    assert "answer within 0.2 s" in checks["sources"]["found"]
    assert checks["store"]["found"] == "1 run, 1 comparison in `here`, all sound"
    (record,) = (tmp_path / "here").glob("*/run.json")
    record.write_text(record.read_text().replace('"finished"', '"finishes"'))
    damaged = run("doctor", *quick)
    assert damaged.code == 4
    assert "error    store" in damaged.out and "1 damaged" in damaged.out
    assert "Traceback" not in damaged.err
    assert not list(tmp_path.glob("runs")), "doctor makes nothing"


def test_unresponsive_source_is_named_in_time() -> None:
    silent = Mirror("http://127.0.0.1:9/nothing", ("file",), 1)
    assert answers([silent], 0.5) == {"127.0.0.1:9": "no connection"}


def test_the_json_of_doctor_is_json(run: Run) -> None:
    assert json.loads(run("doctor", "--timeout", "0.1", "--format", "json").out)
    assert run("doctor", "--format", "csv").code == 2
