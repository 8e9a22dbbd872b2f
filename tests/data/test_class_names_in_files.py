"""Classes in file names, as in ``cat.0.jpg``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.images import fill, kinds, load, noise, refused

Run = Callable[..., Any]


def named(folder: Path, names: list[str], copies: int = 6) -> None:
    """Write images with these names, `*` being replaced by their number."""
    for name, number in product(names, range(copies)):
        noise(folder / f"{name.replace('*', str(number))}.png")


@pytest.mark.parametrize(
    ("names", "pattern", "classes"),
    [
        (["cat.*", "dog.*"], "CLASS.NUMBER", ("cat", "dog")),
        (["Bombay_*", "american_bulldog_*"], "CLASS_NUMBER", ("Bombay", "american_bulldog")),
        (["img_00*_cat", "img_01*_hot_dog"], "ANY_NUMBER_CLASS", ("cat", "hot_dog")),
        (["benign (*)", "malignant (*)"], "CLASS (NUMBER)", ("benign", "malignant")),
        (["rain*", "sunrise*"], "CLASSNUMBER", ("rain", "sunrise")),
        (["3_000*", "12_000*", "1_000*"], "CLASS_NUMBER", ("1", "3", "12")),
    ],
)
def test_pattern_in_the_hint_reads_the_classes(
    root: Path, names: list[str], pattern: str, classes: tuple[str, ...]
) -> None:
    named(root, names)
    message, hint = refused(root)
    assert "have no class" in message
    assert hint.startswith(f"`folder:{root}:names={pattern}` reads {len(classes)} classes")
    images = load(root, f":names={pattern}")
    assert images.classes == classes and not images.warnings
    assert np.bincount(images.train.labels).tolist() == [5] * len(classes)


def test_hint_names_both_possible_readings(root: Path) -> None:
    for side, animal in product(("left", "right"), ("cat", "dog", "owl")):
        named(root, [f"{side}_{animal}_*"])
    hint = refused(root)[1]
    assert "names=CLASS_ANY_NUMBER` reads 2 classes" in hint
    assert "names=ANY_CLASS_NUMBER` reads 3 classes" in hint


@pytest.mark.parametrize("name", ["IMG_*", "*", "2020010*_120000"])
def test_names_without_a_class_get_no_pattern(root: Path, name: str) -> None:
    named(root, [name], 9)
    assert "names=" not in refused(root)[1]


def test_names_that_do_not_fit_the_pattern_are_a_warning(root: Path) -> None:
    named(root, ["cat.*", "dog.*"])
    noise(root / "banner.png")
    images = load(root, ":names=CLASS.NUMBER")
    (note,) = images.warnings
    assert note.line() == "1 image whose names do not fit CLASS.NUMBER, not used: `banner.png`"
    assert len(images.train) + len(images.test) == 12


def test_unlabelled_test_folder_is_not_used(root: Path) -> None:
    """As in dogs-vs-cats: train/cat.0.jpg and test1/1.jpg."""
    named(root / "train" / "train", ["cat.*", "dog.*"])
    named(root / "test1", ["*"])
    assert f"`folder:{root}:names=CLASS.NUMBER` reads 2 classes" in refused(root)[1]
    images = load(root, ":names=CLASS.NUMBER")
    assert images.test_split.startswith("20 %") and kinds(images) == {"unused"}
    named(root / "validation", ["cat.*", "dog.*"], 2)
    images = load(root, ":names=CLASS.NUMBER")
    assert (len(images.train), len(images.test)) == (12, 4)
    assert images.test_split == "own validation/ folder"


def test_splits_with_different_classes_are_refused(run: Run, root: Path) -> None:
    named(root / "train", ["cat.*", "dog.*"])
    named(root / "test", ["cat.*", "owl.*"])
    result = run("datasets", f"folder:{root}:names=CLASS.NUMBER")
    assert "differ in classes, only in train: `dog`; only in test: `owl`" in result.err


@pytest.mark.parametrize("masks", ["annotations/trimaps", "masks"])
def test_masks_with_the_names_of_images_are_left_out(root: Path, masks: str) -> None:
    """As in Oxford Pets: images/Abyssinian_1.jpg with annotations/trimaps/Abyssinian_1.png."""
    for folder in ("images", masks):
        named(root / folder, ["Bombay_*", "Sphynx_*"])
    message, hint = refused(root)
    assert "masks" in message and hint.startswith(f"`folder:{root}:names=CLASS_NUMBER` reads")
    images = load(root, ":names=CLASS_NUMBER")
    assert images.sha256 == load(root / "images", ":names=CLASS_NUMBER").sha256
    assert "named as masks of others, not used" in str(images.notes)


def test_possible_masks_are_refused_with_the_folder_to_read(root: Path) -> None:
    named(root / "images", ["Bombay_*", "Sphynx_*"])
    named(root / "masks", ["Mask_*"])
    message, hint = refused(root, ":names=CLASS_NUMBER")
    right = f"`folder:{root / 'images'}:names=CLASS_NUMBER` reads"
    assert "masks" in message and hint.startswith(right)


@pytest.mark.parametrize("pattern", ["NUMBER", "CLASS_CLASS", "CLASSANY", "class_number"])
def test_pattern_without_a_class_is_refused(run: Run, root: Path, pattern: str) -> None:
    fill(root)
    result = run("datasets", f"folder:{root}:names={pattern}")
    assert result.code == 2 and "does not say which part of a name is the class" in result.err
    assert "`names=CLASS_NUMBER`" in result.err


@pytest.mark.parametrize(
    ("pattern", "seen"), [("ANY_CLASS", "no class"), ("CLASS.ANY.NUMBER", "one class, `pet`")]
)
def test_pattern_with_fewer_than_two_classes_gets_a_suggestion(
    root: Path, pattern: str, seen: str
) -> None:
    named(root, ["pet.cat.*", "pet.dog.*"])
    message, hint = refused(root, f":names={pattern}")
    assert f"`names={pattern}` finds {seen} in the names of the files" in message
    assert "names=ANY.CLASS.NUMBER` reads 2 classes" in hint
