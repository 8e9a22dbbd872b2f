"""Which files of a folder are images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from convcompare.core.errors import DataError
from convcompare.data.datasets import image_folder
from convcompare.data.sources.image_tree import ImageTree, read_tree
from tests.support.images import fill, kinds, load, noise


def beside(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("text")


def test_documents_beside_class_folders_are_ignored(tmp_path: Path) -> None:
    root = tmp_path / "kagglecatsanddogs"
    fill(root / "PetImages", ("Cat", "Dog"))
    beside(root, "MSR-LA - 3467.docx", "readme[1].txt", "LICENSE", "PetImages/Cat/Thumbs.db")
    pets = load(root)
    assert pets.classes == ("Cat", "Dog") and len(pets.train) + len(pets.test) == 12
    assert not pets.warnings


def test_files_without_ending_are_no_images(tmp_path: Path) -> None:
    root = tmp_path / "dogs"
    fill(root / "images" / "Images", ("n1-Chihuahua", "n2-Pug"))
    beside(root, *(f"annotations/Annotation/n1-Chihuahua/n1_{i}" for i in range(6)))
    beside(root, "Makefile", "evaluate.m", "model.pt")
    dogs = load(root)
    assert dogs.classes == ("n1-Chihuahua", "n2-Pug")
    (note,) = (note for note in dogs.notes if note.kind == "other-files")
    assert note.text == "9 files that are not images: 1 .m, 1 .pt, 7 without ending"


def test_system_files_are_ignored(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    fill(root)
    beside(root, "cat/Thumbs.db:encryptable", "dog/ehthumbs.db", "cat/Icon\r", "cat/._0.png")
    assert not any(note.kind == "other-files" for note in load(root).notes)


def test_image_without_a_usual_ending_is_recognised_by_content(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    fill(root)
    for index, name in enumerate(("photo", "cat.0001", "cat.jpg_large")):
        noise(root / "cat" / f"new{index}.png").rename(root / "cat" / name)
    photos = load(root)
    assert len(photos.train) + len(photos.test) == 15 and not photos.warnings


def test_unknown_file_kinds_are_a_warning(tmp_path: Path) -> None:
    root = tmp_path / "slides"
    fill(root)
    beside(root, "cat/7.svs", "dog/8.svs")
    slides = load(root)
    assert kinds(slides) == {"other-files"}
    assert slides.warnings[0].text == "2 files that are not images: 2 .svs"


@pytest.mark.skipif(getattr(os, "getuid", int)() == 0, reason="root may read all files")
@pytest.mark.parametrize("place", ["cat/0.png", "cat", "labels.csv"])
def test_unreadable_path_is_named(tmp_path: Path, place: str) -> None:
    root = tmp_path / "photos"
    fill(root)
    (root / "labels.csv").write_text("file,label\n")
    mode = (root / place).stat().st_mode
    (root / place).chmod(0)
    with pytest.raises(DataError) as caught:
        load(root)
    (root / place).chmod(mode)
    words = f"{caught.value.message} {caught.value.hint}"
    assert f"{place}`" in words and "ermission" in words


def test_image_deleted_after_listing_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "photos"
    fill(root)

    def listed(*arguments: Any) -> ImageTree:
        tree = read_tree(*arguments)
        (root / "cat" / "0.png").unlink()
        return tree

    monkeypatch.setattr(image_folder, "read_tree", listed)
    with pytest.raises(DataError, match=r"1 file cannot be read: `cat/0\.png`") as caught:
        load(root)
    assert str(caught.value.hint).startswith("removed after")


@pytest.mark.parametrize("name", ["7.heic", "7.dcm", "7.CR3", "7.jpg", "7.svg"])
def test_unsupported_image_formats_are_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "photos"
    fill(root)
    beside(root, f"cat/{name}")
    with pytest.raises(DataError, match=f"1 file cannot be read: `cat/{name}`"):
        load(root)
