"""Tables with a column of 0 and 1 per class, and files that tables name by number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convcompare.core.errors import DataError
from tests.support.images import fill, flat, load, write_table


@pytest.mark.parametrize(("one", "zero"), [("1", "0"), (" 1", " 0"), ("1.0", "0.0")])
def test_one_hot_columns_are_classes(root: Path, one: str, zero: str) -> None:
    """As in Roboflow's _classes.csv of each split, and ISIC's GroundTruth.csv."""
    for split, count in (("train", 9), ("test", 6), ("valid", 3)):
        flat(root / split, count)
        rows = [",".join([f"{i}.png", *(one if k == i % 3 else zero for k in range(3))])
                for i in range(count)]  # fmt: skip
        write_table(root / split / "_classes.csv", "filename, owl, Bee, cat", rows)
    images = load(root)
    assert images.classes == ("Bee", "cat", "owl")
    assert np.bincount(images.train.labels).tolist() == [3, 3, 3]
    assert np.bincount(images.test.labels).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    "rows",
    [
        [f"{i}.png,1,{i % 2}" for i in range(6)],
        [f"{i}.png,0,{i % 2}" for i in range(6)],
        [f"{i}.png,{2 * (i % 2)},{1 - i % 2}" for i in range(6)],
        [f"{i}.png,{i % 2},{'' if i == 2 else 1 - i % 2}" for i in range(6)],
    ],
)
def test_columns_without_exactly_one_1_per_row_are_refused(root: Path, rows: list[str]) -> None:
    flat(root / "images", 6)
    write_table(root / "t.csv", "image,a,b", rows)
    with pytest.raises(DataError, match="no column of classes among `image`, `a`, `b`") as caught:
        load(root)
    assert "or a column per class with a single 1 per row" in str(caught.value.hint)


def test_class_column_without_images_is_named(root: Path) -> None:
    """As UNK in ISIC's ground truth."""
    flat(root / "images", 6)
    write_table(
        root / "t.csv", "image,a,b,UNK", [f"{i}.png,{i % 2},{1 - i % 2},0" for i in range(6)]
    )
    images = load(root)
    (note,) = (one for one in images.notes if one.kind == "no-images")
    assert images.classes == ("a", "b") and note.names == ("UNK",)


def test_split_columns_are_no_classes(root: Path) -> None:
    fill(root, ("a", "b"), 6)
    rows = [f"{one}/{i}.png,{int(i < 4)},{int(i > 3)}" for one in "ab" for i in range(6)]
    write_table(root / "t.csv", "file,is_train,is_test", rows)
    images = load(root)
    assert images.classes == ("a", "b") and images.test_split.startswith("20 %")
    assert "unread-splits" in {note.kind for note in images.warnings}


def test_numbers_match_file_names_with_leading_zeros(root: Path) -> None:
    """Spreadsheets and pandas write 7 for 007."""
    flat(root / "head_ct", 0)
    for i in range(12):
        flat(root / "head_ct", 1, prefix=f"{i:03}")
        (root / "head_ct" / f"{i:03}0.png").rename(root / "head_ct" / f"{i:03}.png")
    write_table(root / "labels.csv", "id,label", [f"{i},{int(i < 5)}" for i in range(12)])
    images = load(root, ":test=0.01")
    assert np.bincount(images.train.labels).tolist() == [6, 4] and not images.notes[0].serious
    assert "missing-files" not in {note.kind for note in images.warnings}
    (root / "head_ct" / "07.png").write_bytes((root / "head_ct" / "000.png").read_bytes())
    with pytest.raises(DataError, match=r"`7` in .* fits several images"):
        load(root)


def test_single_class_due_to_missing_images_names_them(root: Path) -> None:
    flat(root / "images", 4)
    rows = [f"{i}.png,{'ab'[i > 3]}" for i in range(8)]
    write_table(root / "labels.csv", "file,label", rows)
    with pytest.raises(DataError, match="all images are of one class, `a`; 4 images that"):
        load(root)
