"""Lists beside the images: of classes, as Tiny ImageNet's, and of splits, as Food-101's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convcompare.core.errors import DataError
from convcompare.data.sources.split_names import lists_a_split
from tests.support.images import fill, flat, kinds, load


def test_a_list_names_the_classes_of_the_official_test_split(root: Path) -> None:
    """Tiny ImageNet: train/CLASS/images, val/images and val_annotations.txt with boxes."""
    for name in ("n01443537", "n01629819"):
        flat(root / "train" / name / "images", 5)
        (root / "train" / name / f"{name}_boxes.txt").write_text(f"{name}_0.JPEG\t0\t10\t63\t58\n")
    flat(root / "val" / "images", 8, prefix="val_")
    rows = [f"val_{i}.png\t{('n01629819', 'n01443537')[i < 3]}\t0\t32\t44\t62\n" for i in range(8)]
    (root / "val" / "val_annotations.txt").write_text("".join(rows))
    images = load(root)
    assert images.test_split == "validation rows of `val/val_annotations.txt`"
    assert np.bincount(images.train.labels).tolist() == [5, 5]
    assert np.bincount(images.test.labels).tolist() == [3, 5]


@pytest.mark.parametrize("mark", [" ", "\t", ","])
def test_lists_of_files_and_classes_are_the_splits(root: Path, mark: str) -> None:
    flat(root / "images", 12)
    for name, numbers in (("train", range(8)), ("test", range(8, 12))):
        rows = [f"images/{i}.png{mark}{'ab'[i % 2]}\n" for i in numbers]
        (root / f"{name}.txt").write_text("".join(rows))
    images = load(root)
    assert (images.classes, len(images.train), len(images.test)) == (("a", "b"), 8, 4)
    assert images.test_split.startswith("test rows of")


@pytest.mark.parametrize("ending", ["csv", "txt"])
def test_tables_of_splits_count_where_the_classes_are_folders(root: Path, ending: str) -> None:
    fill(root, ("a", "b"), 6)
    for name, numbers in (("train", range(4)), ("test", range(4, 6))):
        rows = [f"{one}/{i}.png,{one}\n" for one in "ab" for i in numbers]
        (root / f"{name}.{ending}").write_text(
            ("file,label\n" if ending == "csv" else "") + "".join(rows)
        )
    images = load(root)
    assert np.bincount(images.train.labels).tolist() == [4, 4]
    assert np.bincount(images.test.labels).tolist() == [2, 2]


@pytest.mark.parametrize(
    "line",
    ["0.png 1,2,30,40,7", "0.png\t12\t4\tcat", "0.png golden retriever", "classes of these images"],
)
def test_texts_that_are_no_lists_of_classes(root: Path, line: str) -> None:
    """Boxes, and cells that cannot be told apart: the folders keep their word."""
    fill(root, ("a", "b"), 6)
    (root / "notes.txt").write_text(f"{line}\n" * 12)
    assert load(root).classes == ("a", "b")


def test_a_list_whose_rows_do_not_fit_the_first_is_refused(root: Path) -> None:
    flat(root, 2)
    (root / "list.txt").write_text("0.png cat\n1.png golden retriever\n")
    with pytest.raises(DataError, match=r"line 2 has 3 cells"):
        load(root)


@pytest.mark.parametrize(
    "name",
    ["meta/train.txt", "train_test_split.txt", "labels/test1.txt", "splits.json", "a/test.mat"],
)
def test_lists_of_splits_that_are_not_read_are_a_warning(root: Path, name: str) -> None:
    fill(root / "images")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("cat/0\ndog/1\n")
    (note,) = (one for one in load(root).warnings if one.kind == "unread-splits")
    assert note.names == (name,) and "split" in note.hint


def test_an_own_test_split_needs_no_list(root: Path) -> None:
    fill(root / "train")
    fill(root / "test", count=3)
    (root / "train.txt").write_text("cat/0\n")
    assert "unread-splits" not in kinds(load(root))


@pytest.mark.parametrize(
    "name", ["train_loss", "classes", "images", "requirements-test", "steam_train"]
)
def test_names_of_files_that_list_no_splits(name: str) -> None:
    assert not lists_a_split(name)
