"""Folders beside class folders that are no classes: unlabelled images, copies of the set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convcompare.core.errors import UsageError
from tests.support.images import fill, flat, kinds, load, refused


@pytest.mark.parametrize("name", ["test", "Validation", "test_images"])
def test_unlabelled_folder_beside_classes_is_refused(root: Path, name: str) -> None:
    """As with cats/, dogs/ and test/, which has images of both."""
    fill(root, ("cats", "dogs"))
    flat(root / name)
    message, hint = refused(root)
    assert f"there is no train split in `{root}` beside `{name}`" in message
    assert hint.startswith(f"move `{name}` out of the folder, or the folders of classes into train")
    assert load(root, ":splits=none").classes == tuple(sorted(("cats", "dogs", name)))


@pytest.mark.parametrize("split", ["", "train"])
@pytest.mark.parametrize("copy", ["brain", "brain/archive"])
def test_copy_of_the_set_inside_it_is_refused(root: Path, split: str, copy: str) -> None:
    """As in archives that contain their images twice: yes/, no/ and brain/yes/, brain/no/."""
    fill(root / split, ("no", "yes"))
    fill(root / split / copy, ("no", "yes"))
    if split:
        fill(root / "test", ("no", "yes"))
    message, hint = refused(root)
    assert f"`{Path(split, 'brain')}/`" in message
    assert "holds the folders `no`, `yes` once more" in message
    assert f"`folder:{root / split / copy}` reads it alone" in hint
    assert load(root / split / copy).classes == ("no", "yes")


def test_folder_of_splits_beside_a_class_is_refused(root: Path) -> None:
    """As with originals beside the same images divided into splits."""
    fill(root / "originals")
    for name in ("train", "val"):
        fill(root / "divided" / name)
    message, hint = refused(root)
    assert "`divided/`" in message and "holds splits: `train`, `val`" in message
    assert f"`folder:{root / 'divided'}`" in hint


@pytest.mark.parametrize("inner", ["", "docs"])
def test_nested_classes_beside_flat_classes_are_a_warning(root: Path, inner: str) -> None:
    """As data/cat/, data/dog/ beside docs/; no warning if all classes have subfolders."""
    fill(root / "data")
    flat(root / "docs" / inner)
    (deeper,) = (note for note in load(root).warnings if note.kind == "deeper")
    assert deeper.names[:2] == ("data/cat", "data/dog") and "`data` may be no class" in deeper.hint
    for image in (root / "docs").rglob("*.png"):
        image.unlink()
    fill(root / "docs", ("plan", "screen"))
    assert "deeper" not in kinds(load(root))


@pytest.mark.parametrize("copy", [False, True])
def test_unlabelled_split_beside_the_class_folder_is_refused(root: Path, copy: bool) -> None:
    """As with kaggle_simpson_testset/, of all classes, beside simpsons_dataset/CLASS."""
    fill(root / "simpsons_dataset", ("bart", "homer", "lisa"))
    if copy:
        fill(root / "simpsons_dataset" / "simpsons_dataset", ("bart", "homer", "lisa"))
    flat(root / "kaggle_simpson_testset")
    message, hint = refused(root)
    assert "`kaggle_simpson_testset` in" in message and "named as of a split" in message
    assert hint.startswith(f"`folder:{root / 'simpsons_dataset'}` reads the class folders alone")
    assert len(load(root, ":splits=none").classes) == 2
    if not copy:
        assert load(root / "simpsons_dataset").classes == ("bart", "homer", "lisa")


def test_split_words_in_names_of_several_classes_are_allowed(root: Path) -> None:
    fill(root, ("train_station", "test_tube", "harbour"))
    assert not {note.kind for note in load(root).warnings}


@pytest.mark.parametrize("name", ["images_00{}", "HAM10000_images_part_{}", "batch{}"])
def test_numbered_parts_of_a_set_are_no_classes(root: Path, name: str) -> None:
    """As in NIH's chest images, beside a table whose class column has an unusual name."""
    for number in (1, 2):
        flat(root / name.format(number) / "images", prefix=f"{number}")
    (root / "Data.csv").write_text("Image Index,Finding Labels,Age\n10.png,Mass,1\n")
    message, _ = refused(root)
    assert "are parts or copies of one set by their names" in message
    assert "`Finding Labels`" in message
    assert len(load(root, ":splits=none").classes) == 2


@pytest.mark.parametrize(
    ("paths", "classes"),
    [
        (("colon/colon_aca", "colon/colon_n", "lung/lung_n"), ("colon_aca", "colon_n", "lung_n")),
        (("00/palm", "00/fist", "01/palm", "01/fist"), ("fist", "palm")),
        (("cat/images", "dog/images", "dog/fox"), ("cat", "dog", "fox")),
        (("train/a/cat", "train/a/dog", "test/a/cat", "test/a/dog"), ("cat", "dog")),
    ],
)
def test_innermost_folders_can_be_classes(
    root: Path, paths: tuple[str, ...], classes: tuple[str, ...]
) -> None:
    """As in LC25000, and in leapGestRecog with a folder per person."""
    for path in paths:
        flat(root / path, 5)
    images = load(root, ":classes=inner")
    assert images.classes == classes
    labels = np.concatenate([images.train.labels, images.test.labels])
    counts = [5 * sum(path.removesuffix("/images").endswith(name) for path in paths)
              for name in classes]  # fmt: skip
    assert np.bincount(labels).tolist() == counts
    grouped = [one for one in images.warnings if one.kind == "divided"]
    assert [one.names for one in grouped] == [("00", "01")] * ("01/palm" in paths)
    with pytest.raises(UsageError, match="reads folders as classes"):
        load(root, ":classes=inner,label=x")


def test_copies_of_a_set_are_no_classes(root: Path) -> None:
    """As images/CLASS/ beside resized/ with the same images."""
    fill(root / "images" / "images")
    flat(root / "resized" / "resized")
    message, hint = refused(root)
    assert "`images`, `resized` in" in message and "no classes" in message
    assert hint.startswith(f"`folder:{root / 'images' / 'images'}` reads")
    assert load(root, ":splits=none").classes == ("images", "resized")


def test_splits_beside_a_test_split_are_named(root: Path) -> None:
    """As New Plant Diseases Dataset(Augmented)/ beside test/ with images without classes."""
    for name in ("train", "valid"):
        fill(root / "Plants" / "Plants" / name)
    flat(root / "test" / "test")
    message, hint = refused(root)
    assert "no train split in" in message and f"`folder:{root / 'Plants' / 'Plants'}` reads" in hint


def test_copied_parts_of_a_set_are_named(root: Path) -> None:
    """As HAM10000_images_part_1 beside ham10000_images_part_1."""
    for name in ("IMAGES_part_1", "images_part_1"):
        flat(root / name, 2)
    (root / "metadata.csv").write_text("image_id,dx\n0,mel\n1,nv\n")
    assert "fits several images: `IMAGES_part_1/0.png`, `images_part_1/0.png`" in refused(root)[0]


def test_folders_of_first_letters_are_refused(root: Path) -> None:
    """As in SUN397."""
    for name in ("a/abbey", "a/alley", "b/bar/indoor"):
        flat(root / "SUN397" / name, 2)
    assert "sort others by their first letter: `abbey`, `alley`, `bar`" in refused(root)[0]
    assert load(root, ":splits=none").classes == ("a", "b")


def test_numbered_classes_are_classes(root: Path) -> None:
    fill(root, ("class1", "class2", "class3"))
    assert len(load(root).classes) == 3
