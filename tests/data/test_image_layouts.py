"""Common layouts of image folders: which are splits or classes, and which are refused."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcompare.core.errors import DataError
from convcompare.data.sources.image_walk import natural_order
from convcompare.data.sources.split_names import split_words, splits_among
from tests.support.images import fill, flat, kinds, load, noise, placed, write_table


def refused(root: Path, options: str = "") -> str:
    with pytest.raises(DataError) as caught:
        load(root, options)
    assert caught.value.hint and caught.value.exit_code == 3
    return caught.value.message


# --- splits by their names -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "validation"),
        ("Train", "Test"),
        ("training", "testing"),
        ("training_set", "test_set"),
        ("trainset", "testset"),
        ("TrainSet", "ValSet"),
        ("seg_train", "seg_test"),
        ("birds-train", "birds-val"),
        ("train", "dev"),
        ("TRAIN", "Valid"),
        ("train_images", "test_images"),
        ("Training Data", "Development Data"),
        ("train2017", "val2017"),
        ("01_train", "02_test"),
        ("train", "hold_out"),
        ("a. Training Set", "b. Testing Set"),
        ("train_val", "test"),
        ("2021_train_mini", "2021_valid"),
    ],
)
def test_splits_are_recognised_by_common_names(root: Path, train: str, test: str) -> None:
    fill(root / train, count=3)
    fill(root / test, count=2)
    images = load(root)
    assert images.classes == ("cat", "dog")
    assert images.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.test.labels.tolist() == [0, 0, 1, 1]
    assert images.test_split == f"own {test}/ folder"


def test_words_like_train_station_are_no_splits() -> None:
    assert split_words("train_station") == ("train", ("station",))
    assert split_words("cat") is None is split_words("train_test_split") is split_words("trains")
    assert not splits_among(["train_station", "test_tube"])
    assert not splits_among(["steam_train", "bullet_train", "bus"])
    assert not splits_among(["steam_train", "bus"])
    assert not split_words("train_val_split") and not split_words("train_val_test")
    assert splits_among(["seg_train", "seg_test", "seg_pred"]).keys() == {"seg_train", "seg_test"}


@pytest.mark.parametrize("test", ["test", "evaluation"])
def test_validation_split_is_not_used_beside_a_test_split(root: Path, test: str) -> None:
    for name, count in (("train", 5), ("val", 3), (test, 2)):
        fill(root / name, count=count)
    images = load(root)
    assert (len(images.train), len(images.test)) == (10, 4)
    (note,) = images.warnings
    assert note.kind == "unused" and "`val/` with 6 images is not used" in note.line()
    assert "--val-fraction" in note.hint


@pytest.mark.parametrize("wrap", ["archive", "data/inner"])
def test_nested_folders_of_archives_are_read(root: Path, wrap: str) -> None:
    fill(root / wrap / "seg_train" / "seg_train", count=3)
    fill(root / wrap / "seg_test" / "seg_test", count=2)
    flat(root / wrap / "seg_pred" / "seg_pred")
    noise(root / "__MACOSX" / wrap / "._0.png")
    for name in ("Thumbs.db", "@eaDir", "#recycle", "lost+found", "__pycache__"):
        noise(root / wrap / name / "0.png")
    images = load(root)
    assert (images.classes, len(images.train), len(images.test)) == (("cat", "dog"), 6, 4)
    (unused,) = (note for note in images.warnings if note.kind == "unused")
    assert "seg_pred/` with 6 images is not used" in unused.text


def test_test_split_without_classes_is_named_and_not_used(root: Path) -> None:
    fill(root / "train", count=10)
    flat(root / "test")
    images = load(root)
    assert (len(images.train), len(images.test)) == (16, 4)
    assert images.test_split.startswith("20 % held out")
    assert "`test/` with 6 images is not used: it has no classes" in images.warnings[0].text
    fill(root / "valid", count=2)
    assert len(load(root).test) == 4 and load(root).test_split == "own valid/ folder"


def test_unlabelled_validation_images_are_not_used(root: Path) -> None:
    """As in Tiny ImageNet: train/CLASS/images, but val/images."""
    for name in ("n1", "n2"):
        flat(root / "train" / name / "images", 5)
    flat(root / "val" / "images")
    images = load(root)
    assert images.classes == ("n1", "n2") and images.test_split.startswith("20 %")


@pytest.mark.parametrize(
    ("folders", "named"),
    [
        (("train", "heldback"), "`heldback`"),
        (("split_a", "split_b"), "`split_a`, `split_b`"),
        (("fold1", "fold2", "fold3"), "`fold1`, `fold2`, `fold3`"),
        (("8863", "8864"), "`8863`, `8864` in"),
        (("обучение", "проверка"), "`обучение`, `проверка`"),
        (("train", "train2", "test"), "`train`, `train2`"),
        (("val", "test"), "no train split"),
        (("seg_train", "other"), "`other`, `seg_train`"),
    ],
)
def test_folders_that_look_like_splits_are_refused(
    root: Path, folders: tuple[str, ...], named: str
) -> None:
    """Numbers with the classes 0 and 1 are the patients of a set of breast tissue."""
    for name in folders:
        fill(root / name, "01" if "8863" in folders else ("cat", "dog"), count=2)
    assert named in refused(root)
    assert load(root, ":splits=none").classes == tuple(sorted(folders))


@pytest.mark.parametrize("names", [("images", "masks"), ("Image", "Mask"), ("imgs", "annotations")])
@pytest.mark.parametrize("mask", ["{0}.png", "{0}_mask.png"])
@pytest.mark.parametrize("splits", [[""], ["train", "val"]])
def test_images_and_masks_are_no_classes(
    root: Path, names: tuple[str, str], mask: str, splits: list[str]
) -> None:
    for split in splits:
        flat(root / split / names[0], 5)
        for i in range(5):
            noise(root / split / names[1] / mask.format(i))
    assert "look like images and their masks" in refused(root)
    assert len(load(root, ":splits=none").classes) == 2


def test_folders_of_detection_and_segmentation_are_no_classes(root: Path) -> None:
    """As in VOC2012: images beside two kinds of masks, boxes and lists."""
    for name, count in (("JPEGImages", 6), ("SegmentationClass", 3), ("SegmentationObject", 3)):
        flat(root / name, count)
    for name in ("Annotations/0.xml", "ImageSets/Main/cat_train.txt"):
        (root / name).parent.mkdir(parents=True)
        (root / name).touch()
    expected = "`JPEGImages`, `SegmentationClass`, `SegmentationObject` in"
    assert expected in refused(root) and "like images and their masks" in refused(root)


@pytest.mark.parametrize("images", ["", "images"])
@pytest.mark.parametrize("masks", ["masks", "labels", "lung masks"])
@pytest.mark.parametrize("splits", [[""], ["train", "val"]])
def test_masks_in_class_folders_are_left_out(
    root: Path, images: str, masks: str, splits: list[str]
) -> None:
    for name in ("COVID", "Normal"):
        for split in splits:
            flat(root / split / name / images, 5, prefix=f"{name}-")
            flat(root / split / name / masks, 5, prefix=f"{name}-")
    assert not any(
        masks in path for split in placed(root) for one in split.values() for path in one
    )
    found = load(root)
    assert len(found.train) + len(found.test) == 10 * len(splits)
    assert "deeper" not in {note.kind for note in found.notes}
    assert load(root, ":classes=inner").classes == ("COVID", "Normal")
    named = [note for note in found.warnings if note.kind == "masks"]
    assert [note.text[:9] for note in named] == ["10 images"] * len(splits)
    assert f"COVID/{masks}" in named[0].names[0]


def test_mask_files_among_images_are_named(root: Path) -> None:
    fill(root, ("benign", "malignant"), 5)
    for name in ("benign/0_mask", "benign/0_mask_1", "malignant/3-Segmentation", "benign/gas_mask"):
        noise(root / f"{name}.png")
    (masks,) = (note for note in load(root).warnings if note.kind == "masks")
    assert masks.names == ("benign/0_mask.png", "benign/0_mask_1.png",
                           "malignant/3-Segmentation.png")  # fmt: skip


@pytest.mark.parametrize(("count", "serious"), [(6, True), (1, False)])
@pytest.mark.parametrize("options", ["", ":names=ANY-CLASS"])
def test_images_named_alike_with_two_endings_are_named(
    root: Path, count: int, serious: bool, options: str
) -> None:
    """As the photographs and masks of magnetic tiles."""
    for name in ("crack", "free"):
        folder = root if options else root / name
        for i in range(15):
            noise(folder / f"{i}-{name}.png")
        for i in range(count if name == "crack" else 0):
            noise(folder / f"{i}-{name}.bmp")
    (note,) = (note for note in load(root, options).notes if note.kind == "alike")
    assert (len(note.names), note.serious) == (count, serious)
    assert note.names[0].endswith("0-crack.png"), "the first is the other"


def test_mask_can_be_a_class(root: Path) -> None:
    for name in ("mask", "no mask"):
        flat(root / name, 5)
    assert load(root).classes == ("mask", "no mask")


def test_folders_with_equal_classes_at_different_depth_are_no_classes(root: Path) -> None:
    birds = ("001.Albatross", "002.Auklet")
    fill(root / "CUB_200_2011" / "images", birds)
    fill(root / "segmentations", birds)
    assert "`CUB_200_2011`, `segmentations`" in refused(root)


def test_splits_inside_class_folders_are_refused(root: Path) -> None:
    for name in ("cat", "dog"):
        fill(root / name, ("train", "test"))
    assert "hold splits: `test`, `train`" in refused(root)


def test_splits_without_class_folders_are_refused(root: Path) -> None:
    flat(root / "train")
    flat(root / "test")
    with pytest.raises(DataError, match=r"it has no class folders") as caught:
        load(root)
    assert "splits=none" not in str(caught.value.hint), "train and test would be classes"


def test_class_may_be_called_train(root: Path) -> None:
    for name in ("bus", "car", "train"):
        flat(root / name)
    assert load(root).classes == ("bus", "car", "train")
    fill(root / "again" / "train", ("train", "bus"))
    fill(root / "again" / "test", ("train", "bus"))
    assert load(root / "again").classes == ("bus", "train")


def test_classes_that_splits_lack_are_named(root: Path) -> None:
    fill(root / "train", "abce")
    fill(root / "test", "abd")
    message = refused(root)
    assert "only in train/: `c`, `e`; only in test/: `d`" in message


# --- names ---------------------------------------------------------------------------------------


def test_classes_are_in_natural_order(root: Path) -> None:
    names = ["class10", "class2", "class1", "10", "9", "Zebra", "apple", "a-1", "a1"]
    fill(root, names, 2)
    expected = ("9", "10", "Zebra", "a-1", "a1", "apple", "class1", "class2", "class10")
    assert load(root).classes == expected
    assert sorted(["b", "B", "é", "a", "-", "ab"], key=natural_order) == sorted(
        ["b", "B", "é", "a", "-", "ab"], key=str.encode
    )


def test_unicode_forms_of_a_name_are_one_class(root: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Möwe") for form in ("NFC", "NFD"))
    fill(root / "train", (composed, "x"), 3)
    fill(root / "train", (decomposed,), 2)
    fill(root / "test", (decomposed, "x"), 2)
    images = load(root)
    assert images.classes == (composed, "x")
    assert sorted(images.train.labels.tolist()) == [0] * 5 + [1] * 3
    assert any(note.kind == "unicode" for note in images.notes)


def test_links_are_followed_inside_the_folder_only(root: Path, tmp_path: Path) -> None:
    fill(root)
    (root / "cat" / "out.png").symlink_to(noise(tmp_path / "elsewhere.png"))
    (root / "cat" / "gone.png").symlink_to("nowhere.png")
    (root / "cat" / "self").symlink_to("self")
    (root / "dog" / "up").symlink_to("..")
    flat(root / "dog" / "more", 2)
    (root / "dog" / "again").symlink_to("more")
    (root / "cat" / "one.png").symlink_to("../dog/0.png")
    images = load(root)
    assert len(images.train) + len(images.test) == 12 + 2 + 1
    texts = {note.kind: note.line() for note in images.notes}
    assert texts["outside"] == "1 link leads out of the folder and is not followed: `cat/out.png`"
    assert texts["broken-links"].startswith("2 links lead nowhere")
    assert "`dog/up`" in texts["circles"]
    assert {"outside", "broken-links"} <= kinds(images)


def test_links_between_classes_cause_no_endless_loop(root: Path) -> None:
    fill(root)
    (root / "hound").symlink_to("dog")
    (root / "cat" / "dogs").symlink_to("../dog")
    (root / "dog" / "cats").symlink_to("../cat")
    texts = {note.kind: note.names for note in load(root).notes}
    assert texts["links"] == ("cat/dogs", "dog/cats", "hound")
    assert set(texts["circles"]) == {"cat/dogs", "dog/cats"}, (
        "each leads to the folder of the other"
    )


def test_links_out_of_the_folder_are_named(root: Path, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere")
    for name in ("cat", "dog"):
        (root / name).symlink_to(tmp_path / "elsewhere" / name)
    assert "2 links lead out of the folder and are not followed" in refused(root)


@pytest.mark.parametrize("name", ["we ird", "ä:b", "a,b", "x=1"])
def test_unusual_folder_names_are_read(
    root: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root / name)
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.chdir(root)
    assert len({load(path).sha256 for path in (root / name, Path("~") / name, Path(name + "/"))
                if not str(path).startswith("x=")}) == 1  # fmt: skip


def test_unknown_home_and_too_long_names_are_refused(root: Path) -> None:
    assert "there is no folder" in refused(Path("~nobody-here/x"))
    assert "cannot read `" in refused(root / ("x" * 300))


def test_images_outside_class_folders_are_counted(root: Path) -> None:
    fill(root)
    flat(root, 2)
    assert "2 images outside of the class folders, not used" in load(root).warnings[0].text


# --- tables --------------------------------------------------------------------------------------


def test_kaggle_table_names_the_classes_of_train(root: Path) -> None:
    """The numbers in train and test are the same: an id means an image of its split."""
    flat(root / "train", 10)
    flat(root / "test", 10)
    write_table(
        root / "train.csv", "id,label", [f"{i},{'cat' if i % 2 else 'dog'}" for i in range(10)]
    )
    for name in ("sample_submission", "SampleSub"):
        write_table(root / f"{name}.csv", "id,label", ["0,cat", "1,cat"])
    images = load(root)
    assert (images.classes, len(images.train), len(images.test)) == (("cat", "dog"), 8, 2)
    assert "`test/` with 10 images is not used" in images.warnings[0].text
    assert images.test_split.startswith("20 % held out")


@pytest.mark.parametrize("form", ["jsonl", "csv", "above"])
def test_hugging_face_metadata_is_read(root: Path, form: str) -> None:
    names = [f"{i}.png" for i in range(6)]
    for split in ("train", "validation"):
        flat(root / split)
        if form == "jsonl":
            lines = [json.dumps({"file_name": n, "label": i % 2}) for i, n in enumerate(names)]
            (root / split / "metadata.jsonl").write_text("\n".join(lines))
        elif form == "csv":
            rows = [f"{name},{i % 2}" for i, name in enumerate(names)]
            write_table(root / split / "metadata.csv", "file_name,label", rows)
    if form == "above":
        rows = [f"{s}/{n},{i % 2}" for s in ("train", "validation") for i, n in enumerate(names)]
        write_table(root / "metadata.csv", "file_name,label", rows)
    images = load(root)
    assert (images.classes, len(images.train), len(images.test)) == (("0", "1"), 6, 6)
    assert images.test_split.startswith("validation rows of")
    assert images.train.labels.tolist() == images.test.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_split_column_of_a_table_is_read(root: Path) -> None:
    flat(root / "imgs", 12)
    rows = [
        f"imgs\\{i}.png;{'ab'[i % 2]};{('train', 'Training', 'test')[i % 3]}" for i in range(12)
    ]
    write_table(root / "labels.csv", "\ufeffPath;Class;Split", rows)
    images = load(root)
    assert (len(images.train), len(images.test)) == (8, 4)
    write_table(root / "labels.csv", "Path;Class;Split", [*rows, "imgs/1.png;b;sometimes"])
    assert "not known: `sometimes`" in refused(root)


@pytest.mark.parametrize(
    ("column", "value"),
    [("is_test", 0), ("fold", 3), ("fold_1", 3), ("split2", "a"), ("my_split", "a"),
     ("dataset", "vidir")],
)  # fmt: skip
@pytest.mark.parametrize("in_folders", [False, True])
def test_unread_column_that_may_name_splits_is_named(
    root: Path, column: str, value: object, in_folders: bool
) -> None:
    for i in range(12):
        noise(root / ("ab"[i % 2] if in_folders else "imgs") / f"{i}.png")
    rows = [f"{i},{'ab'[i % 2]},{value}" for i in range(12)]
    write_table(root / "t.csv", f"file,label,{column}", rows)
    images = load(root)
    (note,) = (note for note in images.notes if f"`{column}`" in note.line() + note.hint)
    assert note.serious == (column != "dataset"), "it may be the origin of images"
    assert images.test_split.startswith("20 % held out")


def test_split_column_applies_to_class_folders(root: Path) -> None:
    fill(root, count=6)
    files = [(name, i) for name in ("cat", "dog") for i in range(6)]
    rows = [f"{name}/{i}.png,{name},{'test' if i < 2 else 'train'}" for name, i in files]
    write_table(root / "labels.csv", "file,label,split", rows)
    images = load(root)
    assert images.test_split == "test rows of `labels.csv`"
    for split, numbers in ((images.test, range(2)), (images.train, range(2, 6))):
        alone = root.parent / f"alone{len(split)}"
        for number in numbers:
            for name in ("cat", "dog"):
                (alone / name).mkdir(parents=True, exist_ok=True)
                shutil.copy(root / name / f"{number}.png", alone / name)
        kept = load(alone)
        pixels = {image.tobytes() for part in (kept.train, kept.test) for image in part.images}
        assert {image.tobytes() for image in split.images} == pixels


@pytest.mark.parametrize(
    ("table", "number"), [("Test.csv", "{}"), ("Test/labels.csv", "{}"), ("Test.csv", "{:05}")]
)
def test_table_names_the_classes_of_the_test_split(root: Path, table: str, number: str) -> None:
    """Also without the zeros of the names of folders, as in GTSRB."""
    fill(root / "Train", map(number.format, (0, 1, 10)))
    fill(root / "Meta", ("signs",), 3)
    flat(root / "Test", 9, prefix="000")
    write_table(root / table, "Width,ClassId,Path",
                [f"30,{(0, 1, 10)[i % 3]},Test/000{i}.png" for i in range(9)])  # fmt: skip
    signs = load(root)
    assert len(signs.train) == 18 and signs.test_split == f"test rows of `{table}`"
    assert np.bincount(signs.test.labels).tolist() == [3, 3, 3]
    for label, name in enumerate(map(number.format, (0, 1, 10))):
        with Image.open(root / "Test" / f"000{label}.png") as picture:
            pixels = np.asarray(picture.resize((32, 32), Image.Resampling.BILINEAR))
        (own,) = (own for image, own in zip(signs.test.images, signs.test.labels, strict=True)
                  if np.array_equal(image.transpose(1, 2, 0), pixels))  # fmt: skip
        assert own == label and signs.classes[label] == name


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            ["0.png,cat", "1.png,cat"],
            "`test.csv` and the class folders differ in classes, as `dog`",
        ),
        (["7.png,cat", "8.png,dog"], "none of the images that"),
    ],
)
def test_unused_table_of_the_test_split_has_a_reason(
    root: Path, rows: list[str], reason: str
) -> None:
    fill(root / "train")
    flat(root / "test", 2)
    write_table(root / "test.csv", "file,label", rows)
    images = load(root)
    assert images.test_split.startswith("20 % held out")
    (note,) = images.warnings
    assert note.text.startswith(f"`test/` with 2 images is not used: {reason}")


def test_missing_rows_and_files_of_a_table_are_named(root: Path) -> None:
    flat(root, 8)
    rows = [f"/kaggle/input/{i}.png,{'ab'[i % 2]}" for i in range(1, 7)]
    write_table(root / "t.csv", "file,label", [*rows, "0.png,", "lost.png,a"])
    found = {note.kind: note for note in load(root).warnings}
    assert found["missing-files"].names == ("lost.png",)
    assert found["no-class"].names == ("0.png",)
    assert found["unnamed"].names == ("0.png", "7.png")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["{0}.png,cat, black"], "line 2 has 3 cells and the first line 2"),
        (['{0}.png,"cat'], "cannot be read as a table"),
        (["{0}.png"], "no row of"),
        ([], "no row of"),
    ],
)
def test_malformed_rows_are_refused(root: Path, rows: list[str], expected: str) -> None:
    flat(root, 6)
    write_table(root / "t.csv", "file,label", [row.format(i) for i in range(6) for row in rows])
    assert expected in refused(root)


def test_spaces_before_cells_are_ignored(root: Path) -> None:
    flat(root, 6)
    write_table(root / "labels.csv", "file, label", [f'{i}.png, "a, {i % 2}"' for i in range(6)])
    assert load(root).classes == ("a, 0", "a, 1")


@pytest.mark.parametrize("first", ["# made by hand", "file,file,label", "0.png,a,b"])
def test_table_without_a_heading_is_reported(root: Path, first: str) -> None:
    flat(root, 6)
    write_table(root / "labels.csv", first, [f"{i}.png,{i % 2}" for i in range(6)])
    words = refused(root)
    assert "`labels.csv` was not read" in words
    assert ("its first line names no two columns" in words) == (first != "0.png,a,b")


def test_short_first_row_has_no_class(root: Path) -> None:
    flat(root, 8)
    rows = [f"{i}.png,{'ab'[i % 2]}," for i in range(1, 8)]  # some programs end rows with a comma
    write_table(root / "t.csv", "file,label", ["0.png", *rows])
    images = load(root)
    assert len(images.train) + len(images.test) == 7
    assert next(n for n in images.warnings if n.kind == "no-class").names == ("0.png",)


def test_unread_table_beside_class_folders_is_a_warning(root: Path) -> None:
    flat(root / "p1", 6)
    flat(root / "p2", 6)
    write_table(root / "t.csv", "file,label", [f"{i}.png,{'ab'[i % 2]}" for i in range(6)])
    (note,) = (note for note in load(root).warnings if note.kind == "unread-tables")
    assert "`0.png` in" in note.text and "fits several images: `p1/0.png`" in note.text


def test_contradictory_table_is_refused(root: Path) -> None:
    flat(root, 4)
    rows = [f"{i}.png,{'ab'[i % 2]}" for i in range(4)]
    write_table(root / "t.csv", "file,label", [*rows, "0.png,b"])
    assert "names `0.png` twice, as `a` and as `b`" in refused(root)
    write_table(root / "t.csv", "file,label", ["x.png,a", "y.png,b"])
    assert "none of the images" in refused(root)
    write_table(root / "t.csv", "file,label", [f"{i}.png,a" for i in range(4)])
    assert "one class, `a`" in refused(root)


def test_tables_that_leave_the_split_of_an_image_open_are_refused(root: Path) -> None:
    flat(root / "train", 4)
    flat(root / "test", 2)
    flat(root / "more", 2)
    rows = [f"train/{i}.png,{'ab'[i % 2]}" for i in range(4)]
    write_table(root / "t.csv", "file,label", [*rows, "more/0.png,a"])
    assert "some rows name a split, others none" in refused(root)
    write_table(root / "t.csv", "file,label,split", [f"{row},test" for row in rows])
    assert "no row is of a train split" in refused(root)
    for name in ("t.csv", "u.csv"):
        write_table(root / name, "file,label", rows)
    assert "several tables in" in refused(root)


def test_line_that_is_no_json_object_is_refused(root: Path) -> None:
    flat(root, 4)
    rows = [json.dumps({"file": f"{i}.png", "label": "ab"[i % 2]}) for i in range(4)]
    (root / "t.jsonl").write_text("\n".join([*rows, "", "[1]"]))
    assert "line 6 of" in refused(root) and "is not a JSON object" in refused(root)


def test_class_column_can_be_chosen(root: Path) -> None:
    flat(root, 6)
    write_table(root / "t.csv", "file,size,weather", [f"{i},3,{'ab'[i % 2]}" for i in range(6)])
    assert "no class folder" in refused(root)
    assert load(root, ":label=weather").classes == ("a", "b")


@pytest.mark.parametrize(
    ("heading", "options", "reason"),
    [
        ("id,weather,size", "", "no column of classes among `id`, `weather`, `size`"),
        ("0.png,a,3", "", "its first line is a row: `0.png`, `a`, `3`"),
        ("id,label,size", ":label=wether", "no column `wether` among `id`, `label`, `size`"),
    ],
)
@pytest.mark.parametrize("folder", ["images", "train"])
def test_unread_table_is_named_with_the_reason(
    root: Path, folder: str, heading: str, options: str, reason: str
) -> None:
    flat(root / folder, 6)
    write_table(root / "t.csv", heading, [f"{i}.png,{'ab'[i % 2]},3" for i in range(6)])
    write_table(root / "u.csv", "id,link,size", [])
    words = refused(root, options)
    assert f"`t.csv` was not read: {reason}" in words and "`u.csv` was not read: no column" in words


@pytest.mark.parametrize("label", ["a", "b"])
def test_image_in_two_tables_of_a_split_counts_once(root: Path, label: str) -> None:
    flat(root, 6)
    rows = [f"{i}.png,{'ab'[i % 2]}" for i in range(6)]
    for name, own in (("train", rows[:4]), ("test", rows[4:])):
        write_table(root / f"{name}.csv", "file,label", own)
    write_table(root / "train_labels.csv", "file,label", [f"0.png,{label}", *rows[1:4]])
    if label == "a":
        assert [len(one["a"]) for one in placed(root)] == [2, 1]
    else:
        assert "is `a` in `train.csv` and `b` in `train_labels.csv`" in refused(root)


def test_chosen_column_without_a_table_is_refused(root: Path) -> None:
    fill(root)
    assert "no table" in refused(root, ":label=species")


@pytest.mark.parametrize("ending", [".PNG", ".dcm", ""])
def test_file_names_in_a_table_may_have_another_ending(root: Path, ending: str) -> None:
    flat(root, 6)
    write_table(root / "t.csv", "file,label", [f"{i}{ending},{'ab'[i % 2]}" for i in range(6)])
    assert placed(root)[0] == {"a": ["0.png", "2.png", "4.png"], "b": ["1.png", "3.png", "5.png"]}


def test_images_beside_boxes_are_no_class(root: Path) -> None:
    """As for detection: train/images beside train/labels with one text per image."""
    flat(root / "train" / "images", 6)
    (root / "train" / "labels").mkdir()
    (root / "train" / "labels" / "0.txt").write_text("0 0.5 0.5 0.1 0.1")
    assert "only one class folder with images: `images`" in refused(root)


def test_table_names_classes_over_folders_of_parts(root: Path) -> None:
    """As in HAM10000: two folders of images, and the classes in a table."""
    flat(root / "part_1", 6, "a")
    flat(root / "part_2", 6, "b")
    rows = [f"{p}{i},{'nv' if i % 2 else 'mel'}" for p in "ab" for i in range(6)]
    write_table(root / "metadata.csv", "image_id,dx", rows)
    assert load(root).classes == ("mel", "nv")
    rows = [f"{p}{i},{p.upper()}" for p in "ab" for i in range(6)]
    write_table(root / "metadata.csv", "image_id,dx", rows)
    assert load(root).classes == ("A", "B"), "although table and folders agree"


def test_class_folders_take_precedence_over_a_table(root: Path) -> None:
    fill(root / "train")
    fill(root / "test")
    write_table(root / "all.csv", "filepaths,labels", ["train/cat/0.png,cow", "train/cat/1.png,ox"])
    images = load(root)
    assert images.classes == ("cat", "dog")
    assert any(note.kind == "unread-tables" and note.names == ("all.csv",) for note in images.notes)


@pytest.mark.parametrize(
    ("split", "rows", "options", "expected"),
    [
        ("", 12, "", [6, 6]),
        ("", 4, "", [2, 2]),
        ("train", 12, "", [6, 6]),
        ("", 12, ",splits=none", [6, 6]),
    ],
)
def test_chosen_column_takes_precedence_over_class_folders(
    root: Path, split: str, rows: int, options: str, expected: list[int]
) -> None:
    """Also if it names few of the images, and over splits by `splits=none`."""
    fill(root / split)
    if split:
        fill(root / "test")
    names = [f"{name}/{i}.png" for i in range(6) for name in ("cat", "dog")][:rows]
    table = [f"{Path(split, name)},{'xy'[i // 2 % 2]},{('train', 'test')[i % 2]}"
             for i, name in enumerate(names)]  # fmt: skip
    end = None if options else -1
    write_table(root / "train.csv", "file,kind,split"[: None if options else -6],
                [row.rsplit(",", 1)[0] if end else row for row in table])  # fmt: skip
    images = load(root, f":label=kind{options}")
    assert images.classes == ("x", "y") and images.test_split.startswith("20 %")
    labels = np.concatenate([images.train.labels, images.test.labels])
    assert np.bincount(labels).tolist() == expected
    if split:
        (note,) = (one for one in images.warnings if one.kind == "unused")
        assert note.text == "`test/` with 12 images is not used: no table names its images"


def test_splits_of_a_table_can_be_left_out(root: Path) -> None:
    flat(root / "images")
    rows = [f"{i}.png,{'ab'[i % 2]},{'train' if i else 'other'}" for i in range(6)]
    write_table(root / "t.csv", "file,label,split", rows)
    assert "not known: `other`" in refused(root)
    assert len(load(root, ":splits=none").test) == 2


def test_table_beside_the_folder_of_the_splits_is_read(root: Path) -> None:
    """The table is used only if the folders have no classes."""
    fill(root / "data" / "train", count=3)
    fill(root / "data" / "test", count=2)
    write_table(root / "all.csv", "filepaths,labels", ["data/train/cat/0.png,x"])
    assert load(root).test_split == "own data/test/ folder"
    again = root / "kaggle"
    flat(again / "data" / "train", 10)
    flat(again / "data" / "test", 4)
    write_table(again / "train.csv", "id,label", [f"{i},{'ab'[i % 2]}" for i in range(10)])
    images = load(again)
    assert images.classes == ("a", "b") and len(images.train) + len(images.test) == 10


def test_subfolders_belong_to_their_class_and_are_named(root: Path) -> None:
    for path in ("animal/cat", "animal/dog", "vehicle/car", "vehicle/bus"):
        flat(root / path, 3)
    images = load(root)
    assert images.classes == ("animal", "vehicle")
    (note,) = (note for note in images.notes if note.kind == "deeper")
    assert note.text.startswith("4 folders") and "animal/cat" in note.names


def test_archive_gets_the_hint_to_unpack_it(root: Path) -> None:
    (root / "a.zip").write_bytes(b"PK")
    with pytest.raises(DataError) as caught:
        load(root / "a.zip")
    assert "unpack" in str(caught.value.hint)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_encodings_of_tables_are_detected(root: Path, encoding: str) -> None:
    flat(root, 6)
    text = "file,label\n" + "".join(f"{i}.png,{('Möwe', 'Reh')[i % 2]}\n" for i in range(6))
    (root / "t.csv").write_bytes(text.encode(encoding))
    images = load(root)
    assert images.classes == ("Möwe", "Reh")
    assert ("encoding" in kinds(images)) == (encoding == "cp1252"), (
        "cp1252 cannot be detected with certainty"
    )
