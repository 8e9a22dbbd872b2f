"""Tables with unusual column names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from convcompare.data.sources.image_tree import read_tree
from tests.support.images import fill, flat, kinds, load, noise, placed, refused


def table(path: Path, heading: str, values: list[str]) -> None:
    path.write_text("\n".join([heading, *(f"{i}.png,{one}" for i, one in enumerate(values))]))


@pytest.mark.parametrize("heading", ["file,Wetter", "Bild,Wetter"])
@pytest.mark.parametrize("values", [["Regen", "Sonne"], ["3", "7"]])
def test_only_other_column_is_the_class_column(root: Path, heading: str, values: list[str]) -> None:
    """Also if the column of files is recognised only by its cells."""
    flat(root / "bilder", 12)
    table(root / "t.csv", heading, values * 6)
    images = load(root)
    assert images.classes == tuple(values)
    assert np.bincount(images.train.labels).tolist() == [5, 5] and not images.warnings
    assert "classes are the column `Wetter`, the only one beside that of the files" in [
        note.text for note in images.notes
    ]


def test_two_tables_with_the_same_columns_are_the_splits(root: Path) -> None:
    for split, count in (("train", 8), ("test", 4)):
        flat(root / split, count, prefix=split)
        rows = [f"{split}{i},{'ab'[i % 2]}" for i in range(count)]
        (root / f"{split}.csv").write_text("\n".join(["id,weather", *rows]))
    images = load(root)
    assert (len(images.train), len(images.test)) == (8, 4)


@pytest.mark.parametrize(
    "values",
    [
        [f"{i % 40}" for i in range(120)],
        [f"{0.5 + i % 3}" for i in range(120)],
        [f"a child and dog {i}" for i in range(120)],
    ],
    ids=["ages", "fractions", "captions"],
)
def test_ages_fractions_and_captions_are_no_classes(root: Path, values: list[str]) -> None:
    flat(root / "images", 120)
    table(root / "t.csv", "file,about", values)
    assert "no column of classes among `file`, `about`" in refused(root)[0]


@pytest.mark.parametrize("marked", [False, True])
def test_other_column_beside_class_folders_is_a_warning(root: Path, marked: bool) -> None:
    """As of splits in another language; none if folders and values correspond."""
    for name, numbers in (("entrenamiento", range(4)), ("prueba", range(4, 6))):
        for number in numbers:
            noise(root / name / f"{number}.png")
    table(root / "t.csv", "archivo,clase", [*("aaaabb" if marked else "ababab")])
    notes = [note for note in read_tree(str(root)).notes if note.serious]
    assert [note.hint for note in notes] == ([] if marked else ["`label=clase` reads it"])
    assert placed(root, label="clase")[0].keys() == {"a", "b"}


@pytest.mark.parametrize("column", ["x", "Spacing[x"])
def test_coordinate_is_no_class_column(root: Path, column: str) -> None:
    """As ``OriginalImagePixelSpacing[x,y]`` of NIH's chest images; y may be the class of file x."""
    flat(root / "images", 6)
    y = column.replace("Spacing[x", "y]").replace("x", "y")
    table(root / "t.csv", f"file,{column},{y},finding", ["1,0.5,a", "1,0.7,b"] * 3)
    assert "no column of classes among `file`" in refused(root)[0]
    (root / "t.csv").write_text("x,y\n" + "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(6)))
    assert placed(root)[0].keys() == {"a", "b"}


def test_split_column_is_no_class_column(root: Path) -> None:
    """As in CelebA's list_eval_partition.csv beside its attributes."""
    flat(root / "images", 12)
    table(root / "t.csv", "file,partition", ["0", "1"] * 6)
    message, _ = refused(root)
    assert "no column of classes among `file`, `partition`" in message


@pytest.mark.parametrize("heading", [",fname,cls", "Unnamed: 0.1,fname,cls"])
def test_row_numbers_of_pandas_are_ignored(root: Path, heading: str) -> None:
    flat(root / "images", 12)
    rows = [f"{i},{i}.png,{'ab'[i % 2]}" for i in range(12)]
    (root / "t.csv").write_text("\n".join([heading, *rows]))
    assert load(root).classes == ("a", "b")


@pytest.mark.parametrize("form", ["{}.0", "{}.000000", "0{}"])
def test_classes_written_as_fractions_are_whole_numbers(root: Path, form: str) -> None:
    """As pandas writes a column in which some classes are missing; zeros before numbers count."""
    for split, written in (("train", form), ("test", "{}")):
        flat(root / split, 4, prefix=split)
        rows = [f"{split}{i}.png,{written.format(i % 2)}" for i in range(4)]
        (root / f"{split}.csv").write_text("\n".join(["id,label", *rows]))
    if form != "0{}":
        assert load(root).classes == ("0", "1")
        return
    message, hint = refused(root)
    assert "only in train: `00`, `01`; only in test: `0`, `1`" in message
    assert hint.endswith("capital letters, spaces and zeros count")


@pytest.mark.parametrize(
    "form",
    [
        "https://example.org/images/{}.png?width=3",
        "/data/local-files/?d=images/{}.png",
        "images/{}%2Epng",
        "s3://bucket/images/{}.png",
    ],
)
def test_image_addresses_are_matched_with_files(root: Path, form: str) -> None:
    flat(root / "images", 12, prefix="a ")
    rows = [f"{form.format(f'a%20{i}')},{'ab'[i % 2]}" for i in range(12)]
    column = "image" if "%2E" in form else "address"
    (root / "t.csv").write_text("\n".join([f"{column},label", *rows]))
    images = load(root)
    assert images.classes == ("a", "b") and not images.warnings


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nfile;label\n{};\n",
        "\n\nfile,label\n{},\n",
        "file,label,,\n{},\n",
        "file,label\n{},\n,,\n",
    ],
    ids=["sep", "blank lines", "blank columns", "blank row"],
)
def test_additions_of_spreadsheets_are_ignored(root: Path, text: str) -> None:
    flat(root / "images", 12)
    before, mark = text.split("{}")[0], text.split("{}")[1][0]
    rows = "".join(f"{i}.png{mark}{'ab'[i % 2]}{mark}\n" for i in range(12))
    (root / "t.csv").write_text(before + rows + text.split("\n", 3)[-1].removeprefix("{},\n"))
    images = load(root)
    assert images.classes == ("a", "b") and not images.warnings


def test_column_with_split_values_is_a_split_column(root: Path) -> None:
    """As Usage in FER2013: Training, PublicTest, PrivateTest."""
    flat(root / "images", 12)
    usage = ["Training"] * 8 + ["PublicTest", "PrivateTest"] * 2
    table(
        root / "t.csv", "file,emotion,Usage", [f"{'ab'[i // 2 % 2]},{usage[i]}" for i in range(12)]
    )
    images = load(root, ":label=emotion")
    assert (len(images.train), len(images.test)) == (8, 4)
    assert images.test_split == "test rows of `t.csv`"


@pytest.mark.parametrize("validation", [False, True])
def test_test_rows_of_class_minus_1_are_not_used(root: Path, validation: bool) -> None:
    """As of competitions."""
    flat(root / "images", 20)
    split = ["train"] * 12 + ["val" if validation else "train"] * 4 + ["test"] * 4
    rows = [f"{-1 if one == 'test' else i % 2},{one}" for i, one in enumerate(split)]
    table(root / "t.csv", "file,label,split", rows)
    images = load(root)
    (note,) = (one for one in images.warnings if one.kind == "unused")
    assert note.text.startswith("the test rows of `t.csv` are not used: their class is -1")
    assert images.classes == ("0", "1") and images.test_split.startswith("validation") == validation
    assert len(images.train) + len(images.test) == 16


def test_one_hot_columns_of_true_and_false_are_classes(root: Path) -> None:
    """As pandas.get_dummies writes them."""
    flat(root / "images", 12)
    table(root / "t.csv", "file,cat,dog", [f"{i % 2 == 0},{i % 2 == 1}" for i in range(12)])
    images = load(root)
    assert images.classes == ("cat", "dog") and np.bincount(images.train.labels).tolist() == [5, 5]


def test_tables_with_different_columns_are_refused(root: Path) -> None:
    flat(root / "images", 6)
    table(root / "a.csv", "file,weather", ["a", "b"] * 3)
    table(root / "b.csv", "file,camera", ["x", "y"] * 3)
    assert "`a.csv` was not read: no column of classes" in refused(root)[0]


@pytest.mark.parametrize(
    "folders", ["images_1/images images_2/images", "train/p1 train/p2 test/p3 test/p4"]
)
def test_hint_names_the_columns_that_may_have_the_classes(root: Path, folders: str) -> None:
    """As of ChestX-ray14 and CheXpert, whose names of files and folders are those of patients."""
    rows = ["Image Index,Sex,Finding Labels,Age"]
    for number, folder in enumerate(folders.split()):
        for i in range(4):
            noise(root / folder / f"{number}000_{i}.png")
            rows.append(f"{number}000_{i}.png,{'MF'[i % 2]},{'ab'[i // 2]},{10 * number + i}.5")
    (root / "entries.csv").write_text("\n".join(rows))
    (root / "few.csv").write_text(
        "\n".join(row.replace("Finding Labels", "Box") for row in rows[:5])
    )
    spec = f"`folder:{root}:label=Finding Labels` reads that column of `entries.csv`"
    assert f"{spec}, or another: `Sex`" in refused(root)[1]
    assert load(root, ":label=Finding Labels,splits=none").classes == ("a", "b")


def test_class_folders_take_precedence_over_an_unusual_column(root: Path) -> None:
    fill(root, ("cat", "dog"))
    rows = [f"{name}/{i}.png,{'xy'[i % 2]}" for name in ("cat", "dog") for i in range(6)]
    (root / "t.csv").write_text("\n".join(["file,camera", *rows]))
    assert load(root).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("column", "values", "test"),
    [
        ("is_test", "0 1", "1"),
        ("is_valid", "False True", "1"),
        ("Train", "1 0", "1"),
        ("is_training_image", "0 1", "0"),
        ("split", "0 1 2", "2"),
        ("Partition", "2.0 1.0 0.0", "0"),
    ],
)
def test_boolean_and_numeric_columns_mean_splits(
    root: Path, column: str, values: str, test: str
) -> None:
    """As fastai's `is_valid`; 0, 1 and 2 are train, validation and test, as in CelebA."""
    flat(root, 12)
    words = values.split()
    rows = [f"{i},{'ab'[i // 6]},{words[i % len(words)]}" for i in range(12)]
    (root / "t.csv").write_text("\n".join([f"file,label,{column}", *rows]))
    for name, first in (("a", 0), ("b", 6)):
        tested = [f"{i}.png" for i in range(first, first + 6) if i % len(words) == int(test)]
        assert sorted(placed(root)[1][name]) == sorted(tested)
        assert len(placed(root)[0][name]) == (3 if len(words) == 2 else 2)


@pytest.mark.parametrize(
    ("heading", "values"), [("is_valid,is_test", "0,1"), ("split", "0"), ("split", "3")]
)
def test_ambiguous_split_columns_are_not_read(root: Path, heading: str, values: str) -> None:
    flat(root, 12)
    rows = [f"{i},{'ab'[i % 2]},{values if i > 5 else values[::-1]}" for i in range(12)]
    (root / "t.csv").write_text("\n".join([f"file,label,{heading}", *rows]))
    if heading == "split":
        assert "names splits that are not known" in refused(root)[0]
    else:
        (note,) = (one for one in load(root).warnings if one.kind == "unused")
        assert note.names == ("is_valid", "is_test")


@pytest.mark.parametrize("name", ["labels/labels.csv", "annotations/a.ndjson", "meta/a.json"])
def test_table_in_a_folder_beside_the_images_is_read(root: Path, name: str) -> None:
    flat(root / "images", 8)
    rows = [{"image": f"../images/{i}.png", "label": "ab"[i % 2]} for i in range(8)]
    (root / name).parent.mkdir()
    (root / name).write_text(
        "\n".join(["image,label", *(",".join(row.values()) for row in rows)])
        if name.endswith("csv")
        else "\n".join(map(json.dumps, rows))
    )
    train, _ = placed(root)
    assert train["a"] == [f"images/{i}.png" for i in (0, 2, 4, 6)]


def test_tables_of_splits_in_a_folder_beside_the_images_are_read(root: Path) -> None:
    flat(root / "images", 8)
    (root / "annotations").mkdir()
    for split, numbers in (("train", range(5)), ("test", range(5, 8))):
        rows = [f"{i}.png,{i % 2}" for i in numbers]
        (root / "annotations" / f"{split}.csv").write_text("\n".join(["file,label", *rows]))
    assert placed(root)[1] == {"0": ["images/6.png"], "1": ["images/5.png", "images/7.png"]}


@pytest.mark.parametrize(
    ("heading", "other", "kind"),
    [
        ("label,species", "abc", "label"),
        ("label,label_name", ("one", "two"), ""),
        ("label,y", "123456789012", ""),
        ("label,note", ("x", "y"), ""),
        ("species,note", "ab", "combined"),
    ],
)
def test_possible_other_classes_are_a_warning(
    root: Path, heading: str, other: Sequence[str], kind: str
) -> None:
    """Another column that groups the images differently, or several labels in a cell."""
    flat(root, 12)
    classes = ("a", "b", "a b") if kind == "combined" else ("a", "b")
    table(root / "t.csv", f"file,{heading}",
          [f"{classes[i % len(classes)]},{other[i % len(other)]}" for i in range(12)])  # fmt: skip
    images = load(root)
    assert {"label", "combined"} & kinds(images) == ({kind} if kind else set())
    if kind == "label":
        assert "label" not in kinds(load(root, ":label=label")), "the column was chosen"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"PK\3\4 xl/workbook.xml", "a spreadsheet or an archive"),
        (b"<!DOCTYPE html><html>a,b</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"", "an empty file"),
        (b"a,0.png,3\nb,1.png,4\n", "its first line is a row: `a`, `0.png`, `3`"),
    ],
)
def test_unread_table_has_its_reason(root: Path, content: bytes, expected: str) -> None:
    flat(root, 4)
    (root / "labels.csv").write_bytes(content)
    assert f"`labels.csv` was not read: {expected}" in refused(root)[0].replace("it is ", "")


@pytest.mark.parametrize(
    ("heading", "row"),
    [
        ("id,name,label", "{1},{0}.png,{2}"),
        ("img_id,img_filename,y,place_filename", "{1},images/{0}.png,{2},x/{1}.png"),
        ("id,address,label", "{0},https://example.org/{1}.png,{2}"),
    ],
)
def test_numbers_of_rows_are_no_files(root: Path, heading: str, row: str) -> None:
    """As in the table of Waterbirds; addresses may have other names than the files."""
    flat(root / "images", 12)
    rows = [row.format(i, 11 - i, "ab"[i > 4]) for i in range(12)]
    (root / "t.csv").write_text("\n".join([heading, *rows]))
    assert placed(root)[0]["a"] == [f"images/{i}.png" for i in range(5)]


def test_text_with_a_heading_and_two_images_per_row_is_a_table(root: Path) -> None:
    """As in Leafsnap, whose rows name an image and its mask."""
    for name in ("images", "segmented"):
        for place in ("lab", "field"):
            flat(root / name / place, 3)
    rows = [f"images/{place}/{i}.png\tsegmented/{place}/{i}.png\t{'ab'[i % 2]}"
            for place in ("lab", "field") for i in range(3)]  # fmt: skip
    (root / "leaves.txt").write_text("\n".join(["image_path\tsegmented_path\tspecies", *rows]))
    assert placed(root, label="species")[0]["a"] == [
        f"images/{place}/{i}.png" for place in ("field", "lab") for i in (0, 2)
    ]


def test_image_numbers_written_as_fractions_are_matched(root: Path) -> None:
    flat(root, 6)
    rows = [f"{i}.0,{'ab'[i % 2]}" for i in range(6)]
    (root / "t.csv").write_text("\n".join(["image_id,label", *rows]))
    assert placed(root)[0] == {"a": ["0.png", "2.png", "4.png"], "b": ["1.png", "3.png", "5.png"]}


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [("patient_id", "pqr", True), ("Lesion", "pqr", True), ("StudyInstanceUID", "pqr", True),
     ("clip_name", "pqr", True), ("patient_id", "", False),
     ("site", "pqr", False)],
)  # fmt: skip
def test_splitting_images_of_one_patient_is_a_warning(
    root: Path, column: str, values: str, expected: bool
) -> None:
    """No warning if each patient has one image or a column keeps patients in one split."""
    flat(root, 12)
    rows = [f"{i}.png,{'ab'[i % 2]},{values[i // 4] if values else i}" for i in range(12)]
    (root / "t.csv").write_text("\n".join([f"file,label,{column}", *rows]))
    assert ("divided" in kinds(load(root))) is expected
    rows = [f"{row},{'train' if i < 8 else 'test'}" for i, row in enumerate(rows)]
    (root / "t.csv").write_text("\n".join([f"file,label,{column},part", *rows]))
    assert "divided" not in kinds(load(root))
    rows = [row.replace("train" if i == 0 else "", "test" if i == 0 else "")
            for i, row in enumerate(rows)]  # fmt: skip
    (root / "t.csv").write_text("\n".join([f"file,label,{column},part", *rows]))
    found = [one for one in load(root).warnings if one.kind == "divided"]
    assert [one.names for one in found] == [("p",)] * expected


def test_splitting_class_folders_of_one_person_is_a_warning(root: Path) -> None:
    """As the drivers of State Farm, in a table that does not give the classes."""
    fill(root / "train")
    rows = [f"p{i // 3},{name},{i}.png" for i in range(6) for name in ("cat", "dog")]
    (root / "drivers.csv").write_text("\n".join(["subject,classname,img", *rows]))
    assert "divided" not in kinds(load(root)), "names fit several images"
    for path in [*root.glob("train/*/*.png")]:
        path.rename(path.with_name(f"{path.parent.name}{path.name}"))
    rows = [row.replace(",cat,", ",cat,cat").replace(",dog,", ",dog,dog") for row in rows]
    (root / "drivers.csv").write_text("\n".join(["subject,classname,img", *rows]))
    (note,) = (one for one in load(root).warnings if one.kind == "divided")
    assert note.text == "images of one value of `subject` of `drivers.csv` may be in both splits"
