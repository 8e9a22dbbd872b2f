"""The command line: results, reuse, interruption, resuming, invalid input."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.cli import ENDED_BY

Run = Callable[..., Any]
MINI = ("--dataset", "mnist-mini", "--train-images", "1000", "--epochs", "1")
COMMAND = [sys.executable, "-c", "from convcompare.cli import main; main()"]


def test_comparison_prints_the_table_of_the_reports(run: Run) -> None:
    result = run("compare", *MINI, "fcn", "fcn:hidden=32")
    assert result.code == 0
    heading = result.out.splitlines()[0].split("  ")
    assert [h.strip() for h in heading if h.strip()] == [
        "№",
        "model",
        "parameters",
        "test loss",
        "train loss",
        "test accuracy",
        "train accuracy",
        "time (s)",
    ]
    assert "109,386" in result.out
    assert "official test split" in result.out
    assert "fcn · seed 0 · epoch 1/1 · loss" in result.err
    assert "\x1b" not in result.out + result.err, "a pipe gets no control codes"


def test_json_is_the_documented_object(run: Run) -> None:
    result = run("compare", *MINI, "fcn", "fcn:hidden=32", "--seeds", "2", "--format", "json")
    record = result.json()
    assert (record["schema_version"], record["dataset"]) == (1, "mnist-mini")
    first, second = record["models"]
    assert (first["model"], first["parameters"], first["macs"]) == ("fcn", 109_386, 109_184)
    assert second["parameters"] == 784 * 32 + 32 + 32 * 10 + 10
    assert set(first["test_accuracy"]) == {"value", "low", "high", "n", "method"}
    assert first["test_accuracy"]["n"] == 2
    keys = {"id", "seed", "status", "epochs", "train_loss", "test_loss", "train_accuracy"}
    assert keys | {"test_accuracy", "train_seconds"} <= set(first["runs"][0])
    assert [r["seed"] for r in first["runs"]] == [0, 1]
    accuracies = [r["test_accuracy"] for r in first["runs"]]
    assert first["test_accuracy"]["value"] == pytest.approx(sum(accuracies) / 2)
    (contrast,) = record["contrasts"]
    keys = {"model", "baseline", "difference", "low", "high", "p", "p_adjusted", "method", "n"}
    assert keys | {"verdict", "effect_size"} <= set(contrast)
    assert (contrast["model"], contrast["baseline"]) == ("fcn:hidden=32", "fcn")
    second_accuracies = [r["test_accuracy"] for r in second["runs"]]
    differences = [b - a for a, b in zip(accuracies, second_accuracies, strict=True)]
    assert contrast["difference"] == pytest.approx(sum(differences) / 2)


def test_second_call_reuses_runs_and_reports_it(run: Run) -> None:
    first = run("compare", *MINI, "fcn", "fcn:hidden=32", "--format", "json")
    again = run("compare", *MINI, "fcn", "fcn:hidden=32", "--format", "json")
    assert again.json()["models"] == first.json()["models"]
    assert "epoch 1/1" in first.err
    assert "epoch 1/1" not in again.err
    plan = run("compare", *MINI, "fcn", "fcn:hidden=32", "--dry-run")
    assert "all of these runs are in the store: none is trained" in plan.out
    assert plan.out.count("  0 s") == 2, "no time is left"
    table = run("compare", *MINI, "fcn", "fcn:hidden=16", "--verbose")
    assert "1 of 2 runs are from earlier calls" in table.out
    latest = run("runs", "latest", "--format", "json").json()
    assert [m["model"] for m in latest["models"]] == ["fcn", "fcn:hidden=16"]


def test_another_model_or_an_earlier_run_never_changes_the_numbers(run: Run) -> None:
    alone = run("train", "fcn", *MINI, "--store", "a", "--format", "json").json()
    beside = run("compare", "fcn:dropout=0.5", "fcn", *MINI, "--store", "b", "--format", "json")
    figures = [m["runs"][0]["test_loss"] for m in beside.json()["models"]]
    assert alone["models"][0]["runs"][0]["test_loss"] == figures[1] != figures[0]
    fresh = run("train", "fcn", *MINI, "--store", "a", "--fresh", "--format", "json")
    assert "epoch 1/1" in fresh.err
    assert fresh.json()["models"][0]["runs"][0]["test_loss"] == figures[1]


def weights(store: Path) -> dict[str, bytes]:
    return {p.parent.name: p.read_bytes() for p in store.glob("*/weights.safetensors")}


def logits(store: Path) -> list[Any]:
    return [np.load(p)["logits"] for p in sorted(store.glob("*/test_logits.npz"))]


@pytest.mark.torture  # which signals and kills of the torture suite repeat at random moments
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_and_resumed_run_has_the_same_bits(
    tmp_path: Path, number: signal.Signals
) -> None:
    models = ["fcn:dropout=0.2", "simple:width=8x8,hidden=16"]
    command = [*COMMAND, "compare", "-d", "mnist-mini", "--epochs", "4", *models]
    whole = [*command, "--store", str(tmp_path / "whole")]
    subprocess.run(whole, check=True, capture_output=True)
    broken = [*command, "--store", str(tmp_path / "broken")]
    process = subprocess.Popen(
        broken, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a foreground shell
    )  # fmt: skip
    assert process.stderr
    for line in process.stderr:
        if "epoch 2/4" in line:
            break
    process.send_signal(number)
    _, error = process.communicate()
    assert process.returncode == ENDED_BY[number]
    if number != signal.SIGKILL:
        assert "the same command resumes" in error
        assert "Traceback" not in error
    again = subprocess.run(broken, check=True, capture_output=True, text=True)
    assert "resumes after epoch" in again.stderr
    assert weights(tmp_path / "broken") == weights(tmp_path / "whole")
    for one, other in zip(logits(tmp_path / "broken"), logits(tmp_path / "whole"), strict=True):
        assert np.array_equal(one, other)
    assert not list((tmp_path / "broken").rglob(".tmp-*"))


def test_the_plan_trains_nothing(run: Run, tmp_path: Path) -> None:
    result = run("compare", *MINI, "fcn", "simple", "--dry-run", "--format", "json")
    assert result.code == 0
    plan = result.json()["models"]
    assert [row["parameters"] for row in plan] == [109_386, 421_642]
    assert all(row["estimated_seconds"] > 0 for row in plan)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", [("compare", *MINI, "fcn:hidden=8"), ("study", "mnist")])
def test_plan_is_not_written_to_a_file(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "kept.csv").write_text("results")
    for path in ("kept.csv", "new/results.csv"):
        result = run(*command, "--dry-run", "--out", path)
        assert result.code == 0
        assert "parameters" in result.out and f"writes no file: {path}" in result.err
    assert (tmp_path / "kept.csv").read_text() == "results"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["compare fcn -d mnist-mini -n", "datasets mnist-mini"])
def test_missing_data_folder_is_reported(run: Run, command: str) -> None:
    result = run(*command.split(), "--data-dir", "absent")
    assert result.code == 3
    assert result.err.startswith("error: the data folder `absent` is not a folder\n hint: `--data-")


def test_diverged_run_is_named_and_the_others_continue(run: Run) -> None:
    result = run("compare", *MINI, "fcn", "fcn:hidden=8", "--optimizer", "sgd", "--lr", "1e25")
    assert result.code == 1
    assert result.err.count("diverged") >= 2
    assert "diverged" in result.out
    listed = {row["status"] for row in run("runs", "--format", "json").json()["runs"]}
    assert listed == {"diverged"}


@pytest.mark.torture  # all networks are built; test_zoo.py has the counts of each
def test_models_lists_counts(run: Run) -> None:
    listed = run("models", "--dataset", "cifar10", "-f", "json").json()["models"]
    rows = {r["model"]: r for r in listed}
    assert {"model", "parameters", "macs", "summary"} <= set(rows["fcn"])
    assert rows["residual"]["parameters"] == 161_482
    assert rows["simple"]["parameters"] == 545_098


def test_a_model_is_shown_with_its_options_and_counts(run: Run) -> None:
    shown = run("models", "simple").out
    assert "dropout" in shown
    assert "421,642 parameters" in shown
    assert "`fcn:hidden=512x256x128`" in (shown := run("models", "fcn").out)
    assert "``" not in shown


def test_a_network_without_runs_is_not_taken_for_a_misspelt_one(run: Run, tmp_path: Path) -> None:
    more = ("-d", "shapes:train=300,test=120", "-e", "1", "--store", str(tmp_path / "s"))
    assert run("compare", "fcn:hidden=4", "fcn:hidden=5", *more).code == 0
    for record in [*(tmp_path / "s").rglob("trial.json")]:
        shutil.rmtree(record.parent)
    found = run("plot", "loss", "fcn:hidden=4", "simple", "--store", str(tmp_path / "s"))
    assert found.code == 2
    assert "there is no run of `fcn:hidden=4`" in found.err
    assert "did you mean" not in found.err


def test_parser_errors_have_the_style_of_other_messages(run: Run) -> None:
    result = run("compare", "fcn", "--datset", "mnist-mini")
    assert result.code == 2
    assert result.err.splitlines() == [
        "error: no such option: --datset",
        " hint: did you mean `--dataset`?",
    ]
    assert run("comapre").err.splitlines()[1] == " hint: did you mean `compare`?"


BAD = [
    (["simpel"], 2, "there is no model `simpel`", "did you mean `simple`?"),
    (["mnist-mini"], 2, "`mnist-mini` is a data set, no network", "`--dataset mnist-mini`"),
    (["simple:kernal=3"], 2, "`simple` has no option `kernal`", "did you mean `kernel`?"),
    (["simple:kernel=4"], 2, "invalid value for option `kernel` of `simple`: `4`", "odd"),
    (["simple:width=32x"], 2, "option `width` of `simple`: `32x`", "list"),
    (["fcn", "--dataset", "mnits"], 2, "there is no data set `mnits`", "did you mean `mnist`?"),
    (["fcn", "--epochs", "0"], 2, "invalid value for `--epochs`: `0`", "at least 1"),
    (["fcn", "--epochs", "-1"], 2, "invalid value for `--epochs`: `-1`", "at least 1"),
    (["fcn", "--batch-size", "0"], 2, "invalid value for `--batch-size`: `0`", "at least 1"),
    (["fcn", "--batch-size", "20000"], 2, "larger than the 10000 training images", "10000"),
    (["fcn", "--device", "cuda:77"], 2, "no device `cuda:77` here", "--device cpu"),
    (["fcn", "--device", "mps"], 2, "no device `mps` here, only cpu", "convcompare doctor"),
    (["fcn", "--device", "cpu:1"], 2, "no device `cpu:1` here, only cpu", "--device cpu"),
    (["fcn", "--device", "gpu"], 2, "there is no kind of device `gpu`", "devices here: auto, cpu"),
    (["fcn", "--precision", "fp8"], 2, "no precision `fp8`", "auto, fp32, bf16"),
    (["fcn", "--recipe", "modrn"], 2, "no recipe `modrn`", "did you mean `modern`?"),
    (["fcn", "--format", "jsn"], 2, "no format `jsn`", "did you mean `json`?"),
    (["fcn", "--seeds", "0"], 2, "invalid value for `--seeds`: `0`", "number of seeds"),
    (["fcn", "--seed", "-1"], 2, "invalid value for `--seed`", "0"),
    (["fcn", "--margin", "x"], 2, "invalid value for `--margin`", "a valid"),
    (["fcn", "--seeds", "1,1"], 2, "repeats a seed", "each once"),
    (["fcn", "--set", "epoch=3"], 2, "no setting `epoch`", "did you mean `epochs`?"),
    (["fcn", "fcn"], 2, "same network", "--seeds"),
    (["fcn", "--executor", "locl"], 2, "no executor `locl`", "did you mean `local`?"),
    (["net.py:Net"], 2, "there is no file `net.py`", "current folder"),
    (["no.such:Net"], 2, "module `no.such` cannot be imported", ""),
    (["fcn", "--dataset", "folder:nowhere"], 3, "nowhere", ""),
    (["fcn", "--store", "/proc/none"], 4, "/proc/none", "another place"),
]


@pytest.mark.usefixtures("own_code_here")
def test_file_without_a_network_is_refused_with_its_classes(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "nets.py"
    path.write_text("class Plain:\n    class Part: ...\n\n\nclass Skip(Plain): ...\n")
    result = run("compare", str(path), "--dataset", "mnist-mini")
    assert (result.code, f"write `{path}:Plain` or `{path}:Skip`" in result.err) == (2, True)


@pytest.mark.parametrize(("arguments", "code", "error", "hint"), BAD, ids=lambda v: str(v)[:40])
@pytest.mark.usefixtures("own_code_here")
def test_bad_input_gets_one_line_and_a_hint(
    run: Run, arguments: list[str], code: int, error: str, hint: str
) -> None:
    given = [] if "--dataset" in arguments else ["--dataset", "mnist-mini"]
    result = run("compare", *arguments, *given)
    assert result.code == code
    lines = [line for line in result.err.splitlines() if line]
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith(" hint: "))
    assert hint in (lines[1] if len(lines) > 1 else "")
    assert result.out == ""


def test_damaged_record_is_named_and_others_are_shown(run: Run, tmp_path: Path) -> None:
    run("compare", *MINI, "fcn", "fcn:hidden=8")
    damaged = next((tmp_path / "runs").glob("*/run.json"))
    damaged.write_bytes(damaged.read_bytes()[:-40])
    result = run("runs")
    assert result.code == 4
    assert f"{damaged.parent.name}/run.json` is damaged" in result.err.replace("\n", "")
    assert result.out.count("finished") == 1
    assert run("compare", *MINI, "fcn", "fcn:hidden=8").code == 4
    assert run("compare", *MINI, "fcn", "fcn:hidden=8", "--fresh").code == 0


def test_empty_store_suggests_a_first_command(run: Run) -> None:
    result = run("runs")
    assert result.code == 2
    assert "`convcompare compare fcn simple` creates some" in result.err


def test_a_folder_of_images_is_compared_like_any_set(run: Run, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for i in range(30):
            pixels = generator.integers(0, 50, (20, 24, 3)) + level
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    result = run("compare", "fcn", "-d", "folder:photos", "-b", "8", "-e", "3", "-f", "json")
    assert result.code == 0, result.err
    assert result.json()["models"][0]["test_accuracy"]["value"] == 1.0


def test_quiet_prints_only_the_result(run: Run) -> None:
    result = run("train", "fcn", *MINI, "--quiet")
    told = [line for line in result.err.splitlines() if "shared the machine" not in line]
    assert told == []
    assert "109,386" in result.out


def test_out_writes_a_file(run: Run, tmp_path: Path) -> None:
    run("train", "fcn", *MINI, "--format", "csv", "--out", "tables/mnist.csv")
    assert (tmp_path / "tables" / "mnist.csv").read_text().startswith("number,model,parameters")


def test_environment_variables_set_the_store(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVCOMPARE_STORE", str(tmp_path / "mine"))
    done = run("train", "fcn:hidden=8", *MINI, "--format", "json")
    run_id = done.json()["models"][0]["runs"][0]["id"]
    assert (tmp_path / "mine" / run_id / "run.json").is_file()


def test_deleted_working_folder_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = f"cd gone && rmdir ../gone && exec {sys.executable} -P -m convcompare runs"
    ended = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: the current folder no longer exists\n")
