"""``convcompare datasets NAME``, and what ``compare`` reports on a folder of images."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.images import fill, flat, noise, save

Run = Callable[..., Any]
QUICK = ("--epochs", "1", "--batch-size", "8")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVCOMPARE_CACHE", str(tmp_path / "cache"))


def test_a_validation_folder_is_the_test_split(run: Run) -> None:
    fill(Path("tv/train"), count=20)
    fill(Path("tv/validation"), count=8)
    result = run("compare", "fcn:hidden=8", "--dataset", "folder:tv", *QUICK, "-f", "json")
    assert result.code == 0
    conditions = result.json()["conditions"]
    assert conditions["classes"] == ["cat", "dog"]
    assert (conditions["train_images"], conditions["test_images"]) == (40, 16)
    assert conditions["test_split"] == "own validation/ folder"
    assert "cat" in run("classes").out


def test_float_images_are_learnt(run: Run) -> None:
    """Bright and dark images of floats from 0 to 1, which must not be truncated to black."""
    dice = np.random.default_rng(0)
    for name, middle in (("bright", 0.8), ("dark", 0.2)):
        for index in range(40):
            pixels = (middle + dice.uniform(-0.19, 0.19, (8, 8))).astype(np.float32)
            save(Path("floats") / name / f"{index:02}.tiff", pixels)
    command = ("--dataset", "folder:floats:size=8", "--epochs", "5", "--batch-size", "8")
    result = run("compare", "fcn:hidden=16", *command, "-f", "json")
    assert result.json()["models"][0]["test_accuracy"]["value"] == 1
    assert "80 images of more than 8 bits" in result.err
    assert "floats, 0 to 1 become 0 to 255" in result.err


def test_leak_is_reported_before_training_and_with_every_table(run: Run) -> None:
    fill(Path("my birds/train"), count=8)
    fill(Path("my birds/test"), count=3)
    shutil.copy("my birds/train/cat/0.png", "my birds/test/cat/again.png")
    result = run("compare", "fcn:hidden=8", "--dataset", "folder:my birds", *QUICK, "-f", "json")
    said = "1 of 7 test images (14.3 %) is in the train split too"
    assert result.err.index(f"warning: {said}") < result.err.index("epoch 1/1")
    assert "`convcompare datasets 'folder:my birds'` shows all" in result.err
    assert said in result.json()["warnings"][0]["warning"]
    assert f"warning: {said}" in run("runs", "latest").err
    assert said in run("train", "fcn:hidden=8", "-d", "folder:my birds", *QUICK, "--dry-run").err


def test_what_was_understood_of_a_folder(run: Run) -> None:
    fill(Path("photos/Train"), ("class10", "class2"), 5)
    fill(Path("photos/Test"), ("class10", "class2"), 2)
    flat(Path("photos/unknown"), 3)
    result = run("datasets", "folder:photos", "--out", "sheets/sheet.png")
    assert result.code == 0 and "\x1b" not in result.out
    lines = [line.split() for line in result.out.splitlines()]
    assert ["class2", "5", "2"] in lines and ["class10", "5", "2"] in lines
    assert lines.index(["class2", "5", "2"]) < lines.index(["class10", "5", "2"])
    assert "train from Train/, test from Test/" in result.out
    assert "all 16×16 pixels, scaled to 32×32" in result.out
    assert "14 RGB" in result.out
    assert "warning: `unknown/` with 3 images is not used" in result.err
    with Image.open("sheets/sheet.png") as sheet:
        assert sheet.width > 1000 and len(np.unique(np.asarray(sheet.convert("L")))) > 50
    record = run("datasets", "folder:photos", "--format", "json").json()
    assert record["classes"][0] == {"class": "class2", "train": 5, "test": 2}
    assert [one["kind"] for one in record["warnings"]] == ["unused"]
    assert run("datasets", "folder:photos", "-f", "csv").out.startswith("class,train,test\n")


def test_the_sheet_shows_the_images(run: Run) -> None:
    """Two classes of one colour each: the rows of the sheet have those colours."""
    for name, colour in (("猫 $x$", (250, 10, 20)), ("blue", (10, 20, 250))):
        for index in range(4):
            pixels = np.full((12, 12, 3), colour, np.uint8)
            pixels[index, 0] = 0
            save(Path("p") / name / f"{index}.png", pixels)
    assert run("datasets", "folder:p", "--out", "s.png").code == 0
    with Image.open("s.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    for colour in ((250, 10, 20), (10, 20, 250)):
        near = (np.abs(pixels - colour).max(-1) < 12).any(1)
        assert 80 < near.sum() < 110, "pictures of 88 pixels, in one row of the sheet"


def test_broken_files_are_named_and_then_refused(run: Run) -> None:
    fill(Path("photos"))
    Path("photos/cat/cut.png").write_bytes(noise(Path("x.png")).read_bytes()[:100])
    result = run("datasets", "folder:photos")
    assert result.code == 3
    assert "`cat/cut.png (damaged or cut short)`" in result.err
    assert "error: 1 file cannot be read: `cat/cut.png`" in result.err
    assert "cat        5     1" in result.out


def test_built_in_sets_are_examined_too(run: Run) -> None:
    record = run("datasets", "shapes:train=40,test=20", "-f", "json").json()
    assert (record["train"], record["test"], len(record["classes"])) == (40, 20, 10)
    assert {one["kind"] for one in record["warnings"]} == {"few"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("folder:absent",), 3, "there is no folder"),
        (("nope",), 2, "there is no data set"),
        (("folder:photos", "--out", "sheet.txt"), 2, "`sheet.txt`"),
        (("--out", "sheet.png"), 2, "`--out`"),
        (("folder:photos/cat/0.png",), 3, "is not a folder"),
        (("folder:photos/cat",), 3, "no class folder"),
        (("folder:photos:size=16:test=0.5",), 2, "`folder:photos:size=16,test=0.5`"),
        (("folder:photos,size=16",), 2, "`folder:photos:size=16`"),
        (("photos",), 2, "`folder:photos`"),
        (("~nobody/photos",), 2, "there is no data set"),
        (("x" * 300,), 2, "there is no data set"),
        (("folders:photos",), 2, "did you mean `folder`?"),
    ],
)
def test_mistakes(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    fill(Path("photos"))
    result = run("datasets", *arguments)
    assert result.code == code and said in result.err and "Traceback" not in result.err


def test_a_folder_has_one_name_however_its_path_ends(run: Run) -> None:
    fill(Path("birds"), count=8)
    for path in ("birds", "birds/", "./birds", "x/..//birds/"):
        Path("x").mkdir(exist_ok=True)
        result = run("datasets", f"folder:{path}:size=16", "-f", "json")
        name = "folder:x/../birds" if ".." in path else "folder:birds"
        assert result.json()["name"] == f"{name}:size=16"
    ran = [run("compare", "fcn:hidden=8", "-d", f"folder:{path}", *QUICK).err
           for path in ("birds", "birds/")]  # fmt: skip
    assert "epoch 1/1" in ran[0] and "epoch 1/1" not in ran[1]


def test_images_that_were_moved_or_changed_are_called_those_of_the_runs(run: Run) -> None:
    fill(Path("birds"), count=8)
    assert run("compare", "fcn:hidden=8", "-d", "folder:birds", *QUICK).code == 0
    noise(Path("birds/cat/new.png"))
    changed = run("plot", "activations")
    assert "the images of `folder:birds` are not those of these runs" in changed.err
    assert "hint: they have changed since" in changed.err
    Path("birds").rename("moved")
    gone = run("plot", "activations")
    assert (changed.code, gone.code) == (3, 3)
    assert "the images of these runs cannot be read: there is no folder `birds`" in gone.err
    assert "hint: put them where `folder:birds` is" in gone.err
    every = run("plot", "all", "--out", "figures")
    assert every.code == 0 and Path("figures/learning-curves.png").is_file()
    assert "activations is not drawn: the images of these runs cannot be read" in every.err
