"""Lists of classes, as in Tiny ImageNet, and of splits, as in Food-101."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from convcompare.core.errors import DataError
from convcompare.data.sources.split_names import lists_a_split
from tests.support.images import fill, flat, kinds, load, placed, refused


def test_list_names_the_classes_of_the_official_test_split(root: Path) -> None:
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


@pytest.mark.parametrize(
    ("heading", "line"),
    [
        ("", "images/{0}.png {1}"),
        ("", "images/{0}.png\t{1}"),
        ("", "images/{0}.png,{1}"),
        ("image label\n", "{0}.png {1}"),
        ("# own\n4\nid;class;note;file\n", "{0};{1};;images/{0}.png"),
        ("label male\n", "{0}.png  {1}  -1"),
        ("", "3\t{2}.000000\timages/{0}.png"),
        ("", "3 {0}.png {1} own"),
    ],
    ids=["blank", "tab", "comma", "heading", "count", "CelebA", "im2rec", "COVIDx"],
)
@pytest.mark.parametrize("ending", ["txt", "lst"])
def test_lists_of_files_with_classes_are_the_splits(
    root: Path, heading: str, line: str, ending: str
) -> None:
    """With and without a heading; im2rec of MXNet writes a number, a class and a path.

    Of four cells, as in COVIDx, one needs to be chosen as class.
    """
    flat(root / "images", 12)
    for name, numbers in (("train", range(8)), ("test", range(8, 12))):
        rows = [line.format(i, "ab"[i % 2], i % 2) + "\n" for i in numbers]
        (root / f"{name}.{ending}").write_text(heading + "".join(rows))
    if "own" in line:
        assert "no column of classes among `cell 1`, `file`, `cell 3`, `cell 4`" in refused(root)[0]
    train, test = placed(root, **({"label": "cell 3"} if "own" in line else {}))
    names = ("0", "1") if "{2}" in line else ("a", "b")
    assert train == {names[k]: [f"images/{i}.png" for i in range(k, 8, 2)] for k in (0, 1)}
    assert test == {names[k]: sorted(f"images/{i}.png" for i in range(8 + k, 12, 2))
                    for k in (0, 1)}  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "txt"])
def test_tables_per_split_apply_to_class_folders(root: Path, ending: str) -> None:
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
def test_other_texts_are_no_lists_of_classes(root: Path, line: str) -> None:
    """Boxes, and ambiguous cells: the class folders are used."""
    fill(root, ("a", "b"), 6)
    (root / "notes.txt").write_text(f"{line}\n" * 12)
    assert load(root).classes == ("a", "b")


def test_list_with_rows_of_different_length_is_refused(root: Path) -> None:
    flat(root, 2)
    (root / "list.txt").write_text("0.png cat\n1.png golden retriever\n")
    with pytest.raises(DataError, match=r"line 2 has 3 cells"):
        load(root)


@pytest.mark.parametrize(
    "name",
    ["meta/train.txt", "train_test_split.txt", "labels/test1.txt", "splits.json", "a/test.mat"],
)
def test_unread_split_lists_are_a_warning(root: Path, name: str) -> None:
    fill(root / "images")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("cat/0\ndog/1\n")
    (note,) = (one for one in load(root).warnings if one.kind == "unread-splits")
    assert note.names == (name,) and "split" in note.hint


def test_split_folders_need_no_list(root: Path) -> None:
    fill(root / "train")
    fill(root / "test", count=3)
    (root / "train.txt").write_text("cat/0\n")
    assert "unread-splits" not in kinds(load(root))


@pytest.mark.parametrize(
    "name", ["train_loss", "classes", "images", "requirements-test", "steam_train"]
)
def test_other_file_names_list_no_splits(name: str) -> None:
    assert not lists_a_split(name)


BIRDS = [f"{name}/{i}.png" for name in ("001.Auk", "002.Gull") for i in range(6)]
"""Paths of images in `images/`; numbers repeat in both classes."""


def official(line: str = "{0}") -> dict[str, str]:
    """Return the lines of lists in which images 0 and 1 of each class are test images."""
    tested = [name for name in BIRDS if name[-5] in "01"]
    rest = [name for name in BIRDS if name not in tested]
    return {
        kind: "".join(line.format(name, name[:-4], name[2], name[4:7]) + "\n" for name in names)
        for kind, names in (("train", rest), ("test", tested))
    }


def split_json() -> str:
    return json.dumps({kind: [[name, 0, "Auk"] for name in text.split()]
                       for kind, text in official().items()})  # fmt: skip


def class_json(kind: str) -> str:
    names = official("{1}")[kind].split()
    return json.dumps({one: [n for n in names if n.startswith(one)] for one in ("001", "002")})


LISTS = {
    "food": {f"meta/{kind}.txt": text for kind, text in official("{1}").items()},
    "food in json": {f"meta/{kind}.json": class_json(kind) for kind in ("train", "test")},
    "dtd": {f"labels/{kind}{n}.txt": official()["train" if (kind == "train") == (n == 1) else
                                                "test"] for kind in ("train", "test")
            for n in (10, 1)},
    "paths and numbers": {f"lists/{kind}_list.txt": text for kind, text in
                          official("/data/birds/images/{0} {2}").items()},
    "pets": {f"annotations/{kind}.txt": "# list\n" + text for kind, text in
             zip(("trainval", "test"), official("{1} {2} 1 1").values(), strict=True)},
    "birds": {"images.txt": "".join(f"{i} {name}\n" for i, name in enumerate(BIRDS)),
              "train_test_split.txt": "".join(f"{i} {int(name[-5] not in '01')}\n"
                                              for i, name in enumerate(BIRDS))},
    "celeba": {"list_eval_partition.txt": "".join(f"{name} {2 * (name[-5] in '01')}\n"
                                                  for name in BIRDS) + "gone.png 1\n"},
    "table of splits": {"meta/parts.csv": "image,split\n" + "".join(
        f"{name},{'test' if name[-5] in '01' else 'train'}\n" for name in BIRDS)},
    "tables of one column": {f"{kind}.csv": "path\n" + text for kind, text in official().items()},
    "tables of an index": {f"meta/{kind}.csv": ",path\n" + "".join(
        f"{i},{line}\n" for i, line in enumerate(text.split()))
        for kind, text in official().items()},
    "places": {f"lists/places365_{name}.txt": text for name, text in
               zip(("train_standard", "val"), official("/{0} {2}").values(), strict=True)},
    "chest": {f"{name}_list.txt": text for name, text in
              zip(("train_val", "test"), official().values(), strict=True)},
    "json": {"split_zhou_Birds.json": split_json()},
    "im2rec": {f"{kind}.lst": text for kind, text in official("7\t{2}.000000\t{0}").items()},
    "numbers": {f"{kind}.txt": text for kind, text in official("7 {0} {2}").items()},
    "headings": {f"{kind}.txt": "id class path\n" + text for kind, text in
                 official("7 {2} {0}").items()},
    "status": {"Eval/list_eval_partition.txt": "12\nimage_name  evaluation_status\n" + "".join(
        f"{name}   {'test' if name[-5] in '01' else 'train'}\n" for name in BIRDS)},
    "classes by number": {f"{kind}.csv": "file,label\n" + text for kind, text in
                          official("{0},{2}").items()},
}  # fmt: skip


@pytest.mark.parametrize("files", LISTS.values(), ids=list(LISTS))
@pytest.mark.parametrize("inner", ["", "archive/"])
def test_lists_of_published_sets_are_the_splits(
    root: Path, files: dict[str, str], inner: str
) -> None:
    for name in BIRDS:
        (root / inner / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / inner / "images" / name).touch()
    for name, text in files.items():
        (root / inner / name).parent.mkdir(exist_ok=True)
        (root / inner / name).write_text(text)
    train, test = placed(root)
    for name in ("001.Auk", "002.Gull"):
        assert test[name] == [f"{inner}images/{name}/{i}.png" for i in (0, 1)]
        assert train[name] == [f"{inner}images/{name}/{i}.png" for i in range(2, 6)]
    assert placed(root, splits="none")[1] == {}


def test_lists_of_several_kinds_of_classes_need_a_choice(root: Path) -> None:
    """FGVC Aircraft: image names without ending, classes of several words."""
    flat(root / "data" / "images", 12, prefix="00")
    for kind, numbers in (("train", range(8)), ("test", range(8, 12))):
        for label, classes in (("family", ("Boeing 707", "A340")), ("maker", ("Boeing", "Airbus"))):
            rows = [f"00{i} {classes[i % 2]}\n" for i in numbers]
            (root / "data" / f"images_{label}_{kind}.txt").write_text("".join(rows))
    message, hint = refused(root)
    assert "several kinds of classes" in message and "`label=family`, `label=maker`" in hint
    train, test = placed(root, label="family")
    assert sorted(test) == ["A340", "Boeing 707"]
    assert test["Boeing 707"] == ["data/images/0010.png", "data/images/008.png"]
    assert [len(paths) for paths in train.values()] == [4, 4]


def test_lists_in_json_may_have_classes(root: Path) -> None:
    """As those of CoOp, of sets without class folders."""
    flat(root / "images", 12)
    rows = [[f"{i}.png", i % 2, ("Auk", "Gull")[i % 2]] for i in range(12)]
    (root / "split_zhou.json").write_text(json.dumps({"train": rows[:8], "test": rows[8:]}))
    assert placed(root)[1] == {"Auk": ["images/10.png", "images/8.png"],
                               "Gull": ["images/11.png", "images/9.png"]}  # fmt: skip


def test_missing_and_unlisted_images_are_named(root: Path) -> None:
    fill(root / "images", ("a", "b"), 6)
    for name, numbers in (("train", (0, 1, 8)), ("val", (2,)), ("test", (3, 4))):
        rows = [f"{one}/{i}\n" for one in "ab" for i in numbers]
        (root / f"{name}.txt").write_text("".join(rows))
        (root / f"{name}2.txt").write_text("".join(reversed(rows)) + "a/5\n")
    images = load(root)
    assert images.test_split == "test images of `test.txt`"
    assert (len(images.train), len(images.test)) == (4, 4)
    warnings = {note.kind: note for note in images.warnings}
    assert warnings["unnamed"].names == ("images/a/5.png", "images/b/5.png")
    assert warnings["missing-files"].names == ("a/8", "b/8")
    assert "`val.txt` are not used" in warnings["unused"].text


def test_other_lists_of_the_same_images_are_named(root: Path) -> None:
    fill(root / "images", ("a", "b"), 6)
    for number in (1, 2):
        for name in ("train", "test"):
            tested = [i for i in range(6) if (i % 3 == number) == (name == "test")]
            rows = [f"{one}/{i}\n" for one in "ab" for i in tested]
            (root / f"{name}{number}.txt").write_text("".join(rows))
    (note,) = (one for one in load(root).warnings if one.kind == "unread-splits")
    assert note.names == ("train2.txt", "test2.txt")


@pytest.mark.parametrize("shared", [True, False])
def test_tables_of_other_folds_are_named(root: Path, shared: bool) -> None:
    """As in DeepWeeds; tables without common images are parts of one split."""
    flat(root / "images", 12)
    for number in (0, 1):
        for name, own in (("train", number == 0), ("test", number == 1)):
            chosen = range(6) if own or not shared else range(6, 12)
            chosen = chosen if shared else range(6 * own + 3 * number, 6 * own + 3 * number + 3)
            table = [f"{i}.png,{'ab'[i % 2]}" for i in chosen]
            (root / f"{name}_subset{number}.csv").write_text("\n".join(["file,label", *table]))
    images = load(root)
    assert (len(images.train), len(images.test)) == (6, 6)
    unread = [one.names for one in images.warnings if one.kind == "unread-splits"]
    assert unread == [("test_subset1.csv", "train_subset1.csv")] * shared
    assert "leak" not in kinds(images)


def test_unlabelled_test_images_with_the_names_of_training_images(root: Path) -> None:
    """As Training_set.csv and Testing_set.csv beside train/1.png and test/1.png."""
    flat(root / "train", 12)
    flat(root / "test", 4)
    rows = [f"{i}.png,{'ab'[i % 2]}" for i in range(12)]
    (root / "Training_set.csv").write_text("\n".join(["filename,label", *rows]))
    (root / "Testing_set.csv").write_text("filename\n0.png\n1.png\n2.png\n3.png\n")
    images = load(root)
    assert (len(images.train), len(images.test)) == (10, 2)
    assert any(one.text.startswith("`test/` with 4 images") for one in images.warnings)


@pytest.mark.parametrize(
    ("test", "message"),
    [("a/1\nb/0\n", "2 images in two splits"), ("a/4\na/5\n", "differ in classes")],
)
def test_contradictory_lists_are_refused(root: Path, test: str, message: str) -> None:
    fill(root, ("a", "b"), 6)
    (root / "train.txt").write_text("a/0\na/1\nb/0\nb/1\n")
    (root / "test.txt").write_text(test)
    error, hint = refused(root)
    assert message in error and hint.endswith("`splits=none` reads no lists")
    assert load(root, ":splits=none").test_split.startswith("20 %")


def test_missing_image_is_not_searched_in_another_folder(root: Path) -> None:
    """`b/9.png` is missing and is not `a/9.png`."""
    fill(root, ("a", "b"), 6)
    flat(root / "a", 10)
    rows = [f"{one}/{i}.png,{one},{('train', 'test')[i % 2]}" for one in "ab" for i in range(10)]
    (root / "t.csv").write_text("\n".join(["file,label,split", *rows]))
    train, test = placed(root)
    assert [len(paths) for split in (train, test) for paths in split.values()] == [5, 3, 5, 3]
    assert all(path.startswith(name) for name, paths in train.items() for path in paths)


def test_ambiguous_test_lists_are_a_warning(root: Path) -> None:
    """Two lists of test images, of which neither is preferred."""
    fill(root / "img", ("a", "b"), 6)
    for name in ("train_standard", "test_hard", "test_easy"):
        (root / f"{name}.txt").write_text("a/0.png\nb/1.png\n")
    (root / "test_notes.txt").write_text("nothing of interest\n")
    every = "".join(f"{name}/{i}.png\n" for name in "ab" for i in range(6))
    (root / "train_rice.txt").write_text(every)
    (note,) = (one for one in load(root).warnings if one.kind == "unread-splits")
    assert note.names == ("test_easy.txt", "test_hard.txt", "train_standard.txt")
