"""Folders of images: layouts, decoding, the cache, and an error for each mistake."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcompare.core.errors import DataError, UsageError
from convcompare.data.dataset import Dataset, Sources
from convcompare.data.load import load_dataset
from convcompare.data.sources import image_decode, memory_room
from tests.support.cli import Result


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path / "cache", offline=True)


def paint(
    path: Path, shade: int = 100, size: tuple[int, int] = (40, 30), mode: str = "RGB"
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = (shade, 0, 255 - shade) if mode == "RGB" else shade
    Image.new(mode, size, colour).save(path)
    return path


def fill(folder: Path, classes: str = "ab", count: int = 5) -> None:
    for label, name in enumerate(classes):
        for index in range(count):
            paint(folder / name / f"{index}.png", 50 * label + index)


def load(root: Path, sources: Sources, options: str = "") -> Dataset:
    return load_dataset(f"folder:{root}{options}", sources)


# --- layouts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("test_name", ["test", "val", "valid"])
def test_train_and_test_folders_are_splits(root: Path, sources: Sources, test_name: str) -> None:
    fill(root / "train", "ab", 3)
    fill(root / test_name, "ab", 2)
    birds = load(root, sources)
    assert birds.name == f"folder:{root}"
    assert birds.classes == ("a", "b")
    assert birds.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert birds.test.labels.tolist() == [0, 0, 1, 1]
    assert birds.train.images.shape == (6, 3, 32, 32)
    assert birds.train.images[4, :, 9, 9].tolist() == [51, 0, 204]
    assert birds.test_split == f"own {test_name}/ folder"
    assert birds.test.images.flags.c_contiguous


def test_output_of_convcompare_is_no_class(run: Callable[..., Result], tmp_path: Path) -> None:
    """As with `folder:.` in the working folder."""
    fill(tmp_path, "ab", 9)
    compare = ("compare", "fcn:hidden=4", "-d", "folder:.", "-b", "4", "-e", "1", "--threads", "1")
    assert run(*compare).code == 0
    (first,) = run("runs", "--format", "json").json()["runs"]
    assert run("plot", "confusion-matrix").code == run("runs", "export").code == 0
    assert run("runs", "pack").code == run(*compare).code == 0
    assert run("runs", "--format", "json").json()["runs"] == [first], "the run is reused"
    (note,) = (note for note in load(tmp_path, Sources(tmp_path / "cache")).notes
               if note.kind == "own-folders")  # fmt: skip
    assert note.names == ("convcompare-export", "convcompare-figures", "runs")


@pytest.mark.parametrize("below", ["", "train"])
def test_split_is_stratified_and_seeded(root: Path, sources: Sources, below: str) -> None:
    fill(root / below, "abc", 10)
    one, again, other = (load(root, sources, f":seed={seed}") for seed in (1, 1, 2))
    assert np.bincount(one.test.labels).tolist() == [2, 2, 2]
    assert np.bincount(one.train.labels).tolist() == [8, 8, 8]
    assert one.sha256 == again.sha256 != other.sha256
    assert one.test_split == "20 % held out of each class, split seed 1"
    assert one.name == f"folder:{root}:seed=1"
    seen = {image.tobytes() for image in np.concatenate([one.train.images, one.test.images])}
    assert len(seen) == 30
    assert len(load(root, sources, ":test=0.5").test) == 15


def test_share_and_seed_of_a_split_that_is_there_already_are_named(
    root: Path, sources: Sources
) -> None:
    for split in ("train", "test"):
        fill(root / split, "ab", 5)
    texts = [note.text for note in load(root, sources, ":test=0.5").warnings]
    assert "`test=0.5`, not used: the data set has a test split of its own" in texts


def test_hidden_and_other_files_are_ignored(root: Path, sources: Sources) -> None:
    fill(root)
    paint(root / ".hidden" / "0.png")
    paint(root / "a" / ".0.png")
    for name in ("notes.txt", "labels.json", "boxes.csv", "README.md", "Thumbs.db"):
        (root / "a" / name).write_text("text")
    (root / "list.txt").write_text("text")
    paint(root / "a" / "deeper" / "9.png")
    birds = load(root, sources)
    assert birds.classes == ("a", "b") and len(birds.train) + len(birds.test) == 11


def test_links_do_not_lead_outside(root: Path, sources: Sources, tmp_path: Path) -> None:
    fill(root)
    outside = paint(tmp_path / "elsewhere" / "0.png")
    (root / "a" / "link.png").symlink_to(outside)
    (root / "c").symlink_to(outside.parent)
    (root / "a" / "same.png").symlink_to(root / "a" / "0.png")
    (root / "a" / "loop").symlink_to(root)
    birds = load(root, sources)
    assert birds.classes == ("a", "b") and len(birds.train) + len(birds.test) == 11
    assert "without 2 links to outside of it" in birds.source


# --- decoding ------------------------------------------------------------------------------------


def test_formats_sizes_and_channels(root: Path, sources: Sources) -> None:
    fill(root, "b", 2)
    for ending in ("png", "jpg", "bmp", "gif", "webp", "tiff"):
        paint(root / "a" / f"1.{ending}", 200, (100, 50))
    paint(root / "a" / "grey.png", 200, (7, 90), "L")
    birds = load(root, sources, ":size=16")
    assert birds.image_size == 16 and birds.channels == 3
    assert len(birds.train) + len(birds.test) == 9
    grey = load(root, sources, ":size=16,channels=1")
    assert grey.channels == 1 and len(grey.mean) == 1
    assert set(grey.train.images[-1].ravel()) == {29}, "the luminance of blue; its mean is 85"
    with pytest.raises(UsageError):
        load(root, sources, ":channels=2")


def test_images_are_cropped_to_the_middle(root: Path, sources: Sources) -> None:
    fill(root, "b", 2)
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = 255
    for index in range(2):
        (root / "a").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(root / "a" / f"{index}.png")
    first = load(root, sources, ":size=10").train.images[0]
    assert first[:, :, 1:9].min() > 250


def test_exif_orientation_is_applied(root: Path, sources: Sources) -> None:
    fill(root, "b", 2)
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    (root / "a").mkdir()
    for index in range(2):
        Image.fromarray(pixels).save(root / "a" / f"{index}.png", exif=exif)
    first = load(root, sources).train.images[0]
    assert first[:, :15].max() < 5 and first[:, 17:].min() > 250


def test_16_bits_are_scaled_and_transparency_is_white(root: Path, sources: Sources) -> None:
    fill(root, "b", 2)
    (root / "a").mkdir()
    deep = np.full((32, 32), 0x8000, np.uint16)
    for index in range(2):
        Image.fromarray(deep).save(root / "a" / f"{index}.png")
        Image.new("RGBA", (32, 32), (0, 0, 0, 0)).save(root / "b" / f"clear{index}.png")
    birds = load(root, sources, ":test=0.5")
    images = np.concatenate([birds.train.images, birds.test.images])
    assert set(images[np.concatenate([birds.train.labels, birds.test.labels]) == 0].flat) == {128}
    assert (images.min((1, 2, 3)) == 255).sum() == 2


def test_statistics_are_those_of_the_training_split(root: Path, sources: Sources) -> None:
    rng = np.random.default_rng(1)
    for name in ("train", "test"):
        for label in "ab":
            (root / name / label).mkdir(parents=True)
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(
                root / name / label / "0.png"
            )
    birds = load(root, sources)
    scaled = birds.train.images / 255
    assert birds.mean == tuple(scaled.mean((0, 2, 3)).round(4))
    assert birds.std == tuple(scaled.std((0, 2, 3)).round(4))


def test_standard_deviation_has_a_minimum(root: Path, sources: Sources) -> None:
    for label in "ab":
        for index in range(3):
            paint(root / label / f"{index}.png", 7)
    assert load(root, sources).std == (0.01, 0.01, 0.01)


# --- the cache -----------------------------------------------------------------------------------


def test_cache_is_used_until_a_file_changes(
    root: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root)
    first = load(root, sources)
    cached = list((sources.cache / "folders").iterdir())
    assert len(cached) == 1 and cached[0].suffix == ".npz"
    with monkeypatch.context() as patch:
        patch.setattr(image_decode, "_decode", None)  # not needed again
        assert load(root, sources).sha256 == first.sha256
    content = bytearray(cached[0].read_bytes())
    content[len(content) // 2] ^= 1
    cached[0].write_bytes(content)
    assert load(root, sources).sha256 == first.sha256
    paint(root / "a" / "0.png", 255)
    os.utime(root / "a" / "0.png", ns=(1, 1))
    assert load(root, sources).sha256 != first.sha256


@pytest.mark.parametrize("change", ["overwritten", "exchanged", "copied"])
def test_cache_notices_changes_with_equal_sizes_and_times(
    root: Path, sources: Sources, change: str
) -> None:
    """As with bitmaps from an archive that gives all its files one time."""
    files = [root / name / f"{i}.bmp" for name in "ab" for i in range(4)]
    for shade, file in enumerate(files):
        os.utime(paint(file, 20 * shade), ns=(1, 1))
    first, here = load(root, sources), root
    if change == "exchanged":
        files[0].rename(root / "aside")
        files[-1].rename(files[0])
        (root / "aside").rename(files[-1])
    else:
        if change == "copied":
            here = Path(shutil.copytree(root, root.with_name("copy")))
        os.utime(paint(here / files[0].relative_to(root), 255), ns=(1, 1))
    again = load(here, sources)
    assert again.sha256 != first.sha256
    assert again.sha256 == load(here, Sources(sources.cache / "another", offline=True)).sha256


def test_folder_is_read_without_a_cache(root: Path, tmp_path: Path) -> None:
    fill(root)
    (tmp_path / "file").write_bytes(b"")
    assert len(load(root, Sources(tmp_path / "file")).train) == 8


# --- mistakes ------------------------------------------------------------------------------------


def fails(root: Path | str, sources: Sources, options: str = "") -> DataError:
    with pytest.raises(DataError) as caught:
        load_dataset(f"folder:{root}{options}", sources)
    assert caught.value.exit_code == 3 and caught.value.hint
    for line in (caught.value.message, caught.value.hint):
        assert line.isprintable()
    return caught.value


def test_missing_folder_is_refused(root: Path, sources: Sources) -> None:
    assert "there is no folder" in fails(root / "absent", sources).message
    assert "is not a folder" in fails(paint(root / "a.png"), sources).message


def test_fewer_than_two_classes_are_refused(root: Path, sources: Sources) -> None:
    assert "no class folder" in fails(root, sources).message
    fill(root, "a")
    assert "only one class folder with images: `a`" in fails(root, sources).message
    (root / "b").mkdir()
    assert "images: `a`; there are none in `b`" in fails(root, sources).message
    paint(root / "b" / "0.png")
    assert "has one image" in fails(root, sources).message
    (root / "c").mkdir()
    assert "class `c` in" in fails(root, sources).message
    (root / "d").mkdir()
    assert "2 classes in" in fails(root, sources).message


def test_classes_of_only_one_split_are_refused(root: Path, sources: Sources) -> None:
    fill(root / "train", "abc")
    fill(root / "test", "ab")
    assert "differ in classes, only in train/: `c`" in fails(root, sources).message
    fill(root / "test", "cd")
    assert "differ in classes, only in test/: `d`" in fails(root, sources).message


def test_all_broken_images_are_named(root: Path, sources: Sources) -> None:
    fill(root, "ab", 3)
    paint(root / "a" / "cut.jpg", 9, (300, 300))
    content = (root / "a" / "cut.jpg").read_bytes()
    (root / "a" / "cut.jpg").write_bytes(content[: len(content) // 2])
    assert "1 file cannot be read: `a/cut.jpg`" in fails(root, sources).message
    (root / "b" / "empty.png").write_bytes(b"")
    (root / "b" / "page.jpg").write_text("<html>")
    message = fails(root, sources).message
    for name in ("3 files", "`a/cut.jpg`", "`b/empty.png`", "`b/page.jpg`"):
        assert name in message
    for index in range(20):
        (root / "b" / f"z{index}.png").write_bytes(b"")
    message = fails(root, sources).message
    assert message.startswith("23 files") and message.endswith("and 13 more")
    assert not (sources.cache / "folders").exists()


def test_decompression_bombs_are_refused(
    root: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    paint(root / "a" / "large.png", size=(80, 80))
    paint(root / "a" / "larger.png", size=(800, 800))
    assert "`a/large.png`, `a/larger.png`" in fails(root, sources).message


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_folder_too_large_for_memory_is_refused(
    root: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root, "ab", 4)
    monkeypatch.setattr(memory_room, "physical_memory", lambda: 3 * 8 * 3 * 48**2)
    with pytest.raises(DataError, match="is too large: 8 images of 64×64") as caught:
        load(root, sources, ":size=64")
    assert str(caught.value.hint).startswith(f"`folder:{root}:size=48` takes")
    assert load(root, sources, ":size=48").image_size == 48


def test_control_characters_in_names_are_not_printed(root: Path, sources: Sources) -> None:
    fill(root)
    (root / "a" / "\x1b[31m\n.png").write_bytes(b"")
    fails(root, sources)
    (root / "a" / "\x1b[31m\n.png").unlink()
    paint(root / "c\x07" / "0.png")
    paint(root / "c\x07" / "1.png")
    assert load(root, sources).classes[2].isprintable()
