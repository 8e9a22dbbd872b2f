"""Networks on corrupted images: rebuilt from their weights, measured once, compared."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

import convcompare as cc
from convcompare import cli
from convcompare.core.corruptions import corruption, corruptions
from convcompare.core.errors import UsageError
from convcompare.data.damaged import damaged, shifted_pair
from convcompare.data.dataset import Dataset, Images, Sources
from convcompare.data.load import default_cache, load_dataset
from convcompare.experiment import robustness as measuring
from convcompare.models.build import resolve
from convcompare.models.shape import Shape
from convcompare.output.plots.figure import styled
from convcompare.output.report.compose import compose
from convcompare.output.report.markdown import to_markdown
from convcompare.output.report.sections import select
from convcompare.store.check import examine
from convcompare.store.predictions import NO_CLASS
from convcompare.store.robustness_record import ROBUSTNESS, RobustnessRecord
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore
from convcompare.training.state import from_bytes
from tests.support.cli import Result
from tests.support.own_code import own_code_here

RunCommand = Callable[..., Result]
SMALL, LARGE = "fcn:hidden=16", "cnn:layers=4-MP-4-MP,hidden=0"
TRAINED = (
    "compare", SMALL, LARGE, "-e", "3", "--lr", "0.01", "--seeds", "3", "--threads", "1",
    "--precision", "fp32",  # predictions are compared with those in float64
)  # fmt: skip
IMAGES = 60
OWN = """
from torch import nn


class Net(nn.Module):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size**2, num_classes))

    def forward(self, x):
        return self.net(x)
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A few digits, which are learnt within seconds."""
    whole = load_dataset("mnist-mini", Sources(default_cache()))
    file = tmp_path_factory.mktemp("digits") / "digits.npz"
    few = {}
    for name, split, count in (("train", whole.train, 1_000), ("test", whole.test, IMAGES)):
        rows = np.arange(count) * len(split) // count
        few |= {f"x_{name}": split.images[rows, 0], f"y_{name}": split.labels[rows]}
    np.savez(file, **few)
    return f"npz:{file}"


@pytest.fixture(scope="module")
def measured(digits: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("robust") / "runs"
    assert cli.run([*TRAINED, "-d", digits, "--quiet", "--store", str(store)]) == 0
    assert cli.run(["robustness", "--quiet", "--store", str(store)]) == 0
    return store


@pytest.fixture
def store(measured: Path, tmp_path: Path) -> Path:
    shutil.copytree(measured, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def data(digits: str) -> Dataset:
    return load_dataset(digits, Sources(default_cache()))


def runs_of(store: Path, label: str) -> list[Run]:
    opened = RunStore(store)
    found = [opened.run(run_id) for run_id in opened.ids()]
    return sorted((r for r in found if r.trial.label == label), key=lambda r: r.trial.seed)


def record(store: Path, run: Run) -> RobustnessRecord:
    arrays = RunStore(store).addition(run.id, ROBUSTNESS)
    assert arrays is not None
    return RobustnessRecord.from_arrays(arrays)


def by_hand(store: Path, run: Run, data: Dataset, images: Images) -> npt.NDArray[np.int64]:
    """Return the classes that a run's network predicts, by torch alone and in float64."""
    model = resolve(run.trial.model, Shape(1, 28, 10)).build(99).double().eval()
    weights = from_bytes(RunStore(store).weights(run))
    model.load_state_dict(
        {n: t.double() if t.is_floating_point() else t for n, t in weights.items()}
    )
    mean, std = (np.array(one)[None, :, None, None] for one in (data.mean, data.std))
    with torch.no_grad():
        return model(torch.from_numpy((images / 255 - mean) / std)).argmax(1).numpy()


@pytest.mark.parametrize("label", [SMALL, LARGE])
def test_predictions_agree_with_the_network_in_float64(
    label: str, measured: Path, data: Dataset
) -> None:
    for run in runs_of(measured, label)[:2]:
        found = record(measured, run)
        assert np.array_equal(found.labels, data.test.labels)
        assert np.array_equal(found.undamaged, by_hand(measured, run, data, data.test.images))
        assert found.accuracy_undamaged == pytest.approx(run.test_accuracy)
        for name in ("noise", "shift", "jpeg"):
            for severity in corruption(name).severities:
                images = damaged(data.test.images, corruption(name), severity)
                wanted = by_hand(measured, run, data, images)
                assert (found.damaged[name].predictions[severity - 1] == wanted).mean() > 0.98
        for way, images in enumerate(shifted_pair(data.test.images)):
            assert (found.pair[way] == by_hand(measured, run, data, images)).mean() > 0.98


def test_every_network_sees_the_same_images(measured: Path) -> None:
    records = [record(measured, r) for label in (SMALL, LARGE) for r in runs_of(measured, label)]
    for kind in corruptions():
        assert len({one.damaged[kind.name].images for one in records}) == 1
        assert records[0].damaged[kind.name].predictions.shape == (len(kind.levels), IMAGES)


def test_json_object_by_hand(store: Path, run: RunCommand) -> None:
    found = run("robustness", "-f", "json").json()
    assert (found["schema_version"], found["images"], found["baseline"]) == (1, IMAGES, SMALL)
    errors: dict[str, dict[str, list[float]]] = {}
    for model in found["models"]:
        records = [record(store, one) for one in runs_of(store, model["model"])]
        by_kind = {k.name: [one.accuracy(k.name) for one in records] for k in corruptions()}
        for name, accuracies in by_kind.items():
            shown = model["accuracy"][name]
            assert shown["mean"]["value"] == pytest.approx(np.mean(accuracies))
            assert [one["value"] for one in shown["severities"]] == pytest.approx(
                np.mean(accuracies, 0).tolist()
            )
        whole = np.mean([np.mean(by_kind[name], 1) for name in by_kind], 0)
        assert model["accuracy"]["mean"]["value"] == pytest.approx(whole.mean())
        half = 4.302652729911275 * whole.std(ddof=1) / 3**0.5  # Student's t, 2 degrees, 97.5 %
        assert model["accuracy"]["mean"]["high"] == pytest.approx(whole.mean() + half)
        errors[model["model"]] = {
            name: [float((1 - one).sum()) for one in accuracies]
            for name, accuracies in by_kind.items()
        }
    for model in found["models"]:
        ratios = [
            np.array(mine) / np.mean(errors[SMALL][name])
            for name, mine in errors[model["model"]].items()
        ]
        assert model["mean_corruption_error"]["value"] == pytest.approx(np.mean(ratios))
    assert found["models"][0]["mean_corruption_error"]["value"] == pytest.approx(1)


def test_verdicts_are_paired_by_seed_and_one_family(store: Path, run: RunCommand) -> None:
    names = "robustness,robustness=shift,consistency=noise,shift-consistency"
    verdicts = run("robustness", "--verdict-on", names, "-f", "json").json()["verdicts"]
    assert [one["figure"] for one in verdicts] == names.split(",")
    assert {one["family"] for one in verdicts} == {4}, "adjusted together"
    sides = [
        [record(store, one).accuracy("shift").mean() for one in runs_of(store, label)]
        for label in (LARGE, SMALL)
    ]
    differences = np.subtract(*sides)
    assert verdicts[1]["difference"] == pytest.approx(differences.mean())
    assert verdicts[1]["n"] == 3 and verdicts[1]["unit"] == "points"
    asked = run("runs", "latest", "--verdict-on", "robustness=shift", "-f", "json").json()
    assert asked["contrasts"][0]["difference"] == pytest.approx(differences.mean())


def test_recorded_measurements_are_reused(
    store: Path, run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = runs_of(store, SMALL)[0].id
    before = (store / run_id / "run.json").read_bytes()
    calls: list[str] = []
    whole = measuring._measured
    monkeypatch.setattr(measuring, "_measured", lambda *a: calls.append(a[1].id) or whole(*a))
    assert run("robustness").code == 0 and not calls
    opened = RunStore(store)
    arrays = dict(opened.addition(run_id, ROBUSTNESS) or {})
    kept = {name: one.copy() for name, one in arrays.items()}
    place = arrays["kinds"].tolist().index("noise")
    arrays["definitions"] = np.array(
        ["version 0" if i == place else one for i, one in enumerate(arrays["definitions"])]
    )
    arrays[f"predictions_{place}"] = arrays[f"predictions_{place}"] * 0 + NO_CLASS
    opened.save_addition(run_id, ROBUSTNESS, arrays)
    shown = run("runs", "latest", "--columns", "robustness", "-f", "json").json()["table"]
    assert shown[0]["robustness"] is None, "what was measured otherwise is not mixed with it"
    assert run("robustness").code == 0 and calls == [run_id]
    again = opened.addition(run_id, ROBUSTNESS)
    assert again is not None
    number = again["kinds"].tolist().index("noise")
    assert np.array_equal(again[f"predictions_{number}"], kept[f"predictions_{place}"])
    assert (store / run_id / "run.json").read_bytes() == before and not examine(opened).findings
    assert run("robustness", SMALL, "--fresh").code == 0 and len(calls) == 4


def test_table_in_every_format(store: Path, run: RunCommand) -> None:
    table = run("robustness")
    assert (
        "blur" in table.out
        and "mCE" in table.out
        and "the same for all: 60 test images" in table.out
    )
    assert "accuracy on damaged images" in table.out
    rows = list(csv.DictReader(io.StringIO(run("robustness", "-f", "csv").out)))
    assert [row["model"] for row in rows] == [SMALL, LARGE]
    assert float(rows[0]["mean_corruption_error"]) == pytest.approx(1)
    assert run("robustness", "-f", "markdown", "--show", "error").out.startswith("| model")
    assert "tabular" in run("robustness", "-f", "latex", "--show", "consistency").out
    other = run("robustness", "--baseline", LARGE, "-f", "json").json()
    assert other["baseline"] == LARGE
    assert other["models"][1]["mean_corruption_error"]["value"] == pytest.approx(1)


def test_figures_show_the_measurements(store: Path, run: RunCommand) -> None:
    assert run("plot", "robustness", "-o", "figures").code == 0
    assert Path("figures/damaged-images.png").stat().st_size > 10_000
    rows = list(csv.DictReader(io.StringIO(Path("figures/robustness.csv").read_text())))
    assert len(rows) == 6 * (1 + sum(len(kind.levels) for kind in corruptions()))
    found = record(store, runs_of(store, LARGE)[1])
    those = [r for r in rows if (r["model"], r["seed"], r["corruption"]) == (LARGE, "1", "blur")]
    assert [float(row["accuracy"]) for row in those] == found.accuracy("blur").tolist()
    assert [float(row["consistency"]) for row in those] == found.consistency("blur").tolist()


def test_measured_after_training_on_request(run: RunCommand, digits: str) -> None:
    small = ("compare", SMALL, "-d", digits, "-e", "1", "--threads", "1")
    first = run(*small, "--columns", "robustness", "-f", "json")
    assert first.code == 0 and "measuring 1 run" in first.err
    (row,) = first.json()["table"]
    opened = RunStore(Path("runs"))
    (run_id,) = opened.ids()
    accuracies = [
        record(Path("runs"), opened.run(run_id)).accuracy(kind.name).mean()
        for kind in corruptions()
    ]
    assert row["robustness"] == pytest.approx(np.mean(accuracies))
    again = run(*small, "--verdict-on", "robustness")
    assert again.code == 0 and "measuring" not in again.err
    both = run(*small, "--columns", "robustness", "--no-weights")
    assert both.code == 2 and "`--no-weights`" in both.err and "Traceback" not in both.err


def test_library_gives_the_same_result(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cc.robustness(SMALL, LARGE, store=store)
    frame = found.to_dataframe("robustness")
    assert len(frame) == 6 * (1 + sum(len(kind.levels) for kind in corruptions()))
    shifts = frame[(frame.model == LARGE) & (frame.seed == 2) & (frame.corruption == "shift")]
    wanted = record(store, runs_of(store, LARGE)[2]).accuracy("shift")
    assert shifts.accuracy.tolist() == pytest.approx(wanted.tolist())
    assert "accuracy on damaged images" in " ".join(found.verdicts)


def test_user_defined_network_is_rebuilt_in_its_process(run: RunCommand, digits: str) -> None:
    Path("net.py").write_text(OWN)
    with own_code_here():
        trained = run("compare", "net.py:Net", "-d", digits, "-e", "1", "--threads", "1", "-q")
    assert trained.code == 0, trained.err
    found = run("robustness", "-f", "json")
    assert found.code == 0, found.err
    assert found.json()["models"][0]["undamaged"]["value"] > 0
    Path("net.py").write_text(OWN + "\n# other\n")
    with own_code_here():
        changed = run("robustness", "--fresh")
    assert "has changed" in changed.err and "Traceback" not in changed.err


def test_impossible_measurement_is_reported_in_one_line(store: Path, run: RunCommand) -> None:
    for path in store.glob("*/additions*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    plot = run("plot", "robustness")
    assert plot.code == 2 and "`convcompare robustness`" in plot.err
    shown = run("runs", "latest", "--verdict-on", "robustness")
    assert "--columns robustness" in shown.err
    run_id = runs_of(store, SMALL)[0].id
    weights = store / run_id / "weights.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    result = run("robustness")
    assert "no robustness of" in result.err and run_id in result.err
    assert "not measured: " + SMALL in result.out and "Traceback" not in result.err
    for words in (("--show", "acuracy"), ("--baseline", "simple"), ("nothing",)):
        bad = run("robustness", *words)
        assert bad.code == 2 and len(bad.err.strip().splitlines()) <= 2, bad.err
    bad = run("robustness", "--verdict-on", "robustness=blurr")
    assert bad.code == 2 and "blur" in bad.err


def test_network_with_other_predictions_than_recorded_is_refused(
    store: Path, run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a network with state outside its weights."""
    monkeypatch.setattr(measuring, "AGREEING", 1.01)
    result = run("robustness", "--fresh")
    assert "of the predictions on undamaged images differ from those of the run" in result.err


def test_runs_on_other_images_are_not_compared(store: Path, run: RunCommand) -> None:
    opened, run_id = RunStore(store), runs_of(store, SMALL)[0].id
    arrays = dict(opened.addition(run_id, ROBUSTNESS) or {})
    arrays["images_0"] = np.array(["0" * 64 for _ in arrays["images_0"]])
    opened.save_addition(run_id, ROBUSTNESS, arrays)
    result = run("robustness")
    assert result.code == 2 and "different images" in result.err and "--fresh" in result.err


def test_report_has_a_robustness_section(store: Path) -> None:
    opened, sources = RunStore(store), Sources(default_cache())
    (section,) = select(["latest"], opened, sources)
    assert section.figures[-1] == ROBUSTNESS
    with styled():
        document = compose([replace(section, figures=(ROBUSTNESS,))])
    assert [one.name for one in document.figures] == ["robustness", "damaged-images"]
    text = to_markdown(document, {one.name: one.name for one in document.figures})
    assert "On damaged images" in text and "mCE" in text
    shutil.rmtree(store / runs_of(store, SMALL)[0].id / "additions")
    for path in store.glob("*/additions.json"):
        path.unlink()
    (section,) = select(["latest"], opened, sources)
    assert ROBUSTNESS not in section.figures


def test_merging_and_removing_include_measurements(store: Path, run: RunCommand) -> None:
    assert run("runs", "merge", str(store), "--store", "mine").code == 0
    assert "measuring" not in run("robustness", SMALL, "--store", "mine").err
    run_id = runs_of(store, SMALL)[0].id
    assert run("runs", "rm", run_id, "--yes").code == 0
    assert not (store / run_id).exists()
    assert json.loads(run("runs", "check", "-f", "json").out)["damaged"] == []


def test_unknown_corruption_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no corruption"):
        corruption("fog")
