"""Folders that cannot be read: their contents and what reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convcompare.core.errors import DataError
from convcompare.data.dataset import Sources
from convcompare.data.load import load_dataset
from tests.support.images import fill, flat, kinds, load, noise, refused

PIXELS = "label," + ",".join(f"pixel{i}" for i in range(784))


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("bloodmnist.npz", "", "`npz:{file}` reads"),
        ("data/train-00000-of-00001.parquet", "", "`parquet:{file}` reads"),
        ("photos.dvc", "outs:", "`dvc pull` fetches"),
        ("train-images-idx3-ubyte", "", "--dataset mnist --data-dir"),
        ("emnist-letters-test-images-idx3-ubyte.gz", "", "--dataset mnist --data-dir"),
        ("cifar-10-batches-py/data_batch_1", "", "--dataset mnist --data-dir"),
        ("Class 1-samples.zip", "", "unpack the archive"),
        ("train-000000.tar", "", "unpack the archive"),
        ("cifar-100-python/train", "", "--dataset mnist --data-dir"),
        ("train_32x32.mat", "", "--dataset mnist --data-dir"),
        ("camelyon_train_x.h5", "", "numpy.savez"),
        ("ld_train00-1338.tfrec", "", "numpy.savez"),
        ("train_lmdb/data.mdb", "", "numpy.savez"),
        ("scan.nii.gz", "", "save the slices of each volume as PNG"),
        ("train.csv", PIXELS, "numpy.savez"),
        ("fer2013.csv", "emotion,pixels,Usage", "numpy.savez"),
        ("A_Z Handwritten Data.csv", "3" + ",0" * 784 + "\n", "numpy.savez"),
        ("cifar10-train.tfrecord-00000-of-00003", "", "numpy.savez"),
        ("train/data-00000-of-00001.arrow", "", "datasets.load_from_disk(FOLDER)"),
        ("readme.txt", "", "FOLDER/CLASS/IMAGE"),
        ("labels.csv", "file,label", "FOLDER/CLASS/IMAGE"),
    ],
)
def test_folder_without_images_gets_a_hint_that_reads_it(
    root: Path, name: str, content: str, hint: str
) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    hint = hint.format(file=file)
    message, shown = refused(root)
    assert "it holds no image; 1 file that is not an image" in message and hint in shown
    if hint.startswith(("`", "numpy", "unpack")):
        assert hint in refused(file)[1], "also if the file is given instead of its folder"


def test_hint_for_parquet_files_names_their_folder(root: Path) -> None:
    (root / "data").mkdir()
    for name in ("train", "test"):
        (root / "data" / f"{name}.parquet").touch()
    assert refused(root)[1] == f"`parquet:{root / 'data'}` reads Parquet files"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "`git lfs pull`"),
        ("/annex/objects/SHA256E-s31390--f50d7.jpg\n", "`git annex get`"),
        ("\n<!DOCTYPE html><html>404</html>", "a web page"),
        ("", "an empty file"),
    ],
)
def test_placeholder_files_are_recognised(root: Path, content: str, words: str) -> None:
    fill(root)
    (root / "cat" / "7.jpg").write_text(content)
    assert words in refused(root)[1]
    for kind in ("npz", "parquet"):
        (root / f"a.{kind}").write_text(content)
        with pytest.raises(DataError, match=words):
            load_dataset(f"{kind}:{root}/a.{kind}", Sources(root))


def test_table_of_pixels_gets_a_hint(root: Path) -> None:
    flat(root, 2)
    (root / "train.csv").write_text(f"{PIXELS}\n")
    message, hint = refused(root)
    assert "its columns are pixels" in message and "numpy.savez" in hint


def test_arrays_in_class_folders_get_a_hint(root: Path) -> None:
    for name in ("cat", "dog"):
        (root / name).mkdir()
        np.save(root / name / "0.npy", np.zeros((4, 4)))
    assert "2 .npy" in refused(root)[0] and "numpy.savez" in refused(root)[1]


def test_only_one_folder_with_images_is_refused(root: Path) -> None:
    """As in sets for detection: images beside boxes; folders without images are no classes."""
    flat(root / "JPEGImages")
    for name in ("Annotations", "ImageSets"):
        (root / name).mkdir()
        (root / name / "0.xml").write_text("<annotation/>")
    message, _ = refused(root)
    assert "only one class folder with images: `JPEGImages`" in message
    assert "none in `Annotations`, `ImageSets`" in message


def test_images_without_class_folders_are_refused(root: Path) -> None:
    flat(root, 3)
    (root / "generator").mkdir()
    assert (
        "no class folder" in refused(root)[0] and "its 3 images have no class" in refused(root)[0]
    )


def test_hint_names_the_folder_of_the_classes(root: Path) -> None:
    """As in a repository: a picture beside the folder of the classes."""
    fill(root / "data" / "photos")
    noise(root / "banner.png")
    message, hint = refused(root)
    assert "1 image outside of it has no class" in message
    assert hint == f"`folder:{root / 'data' / 'photos'}` reads the folders `cat`, `dog`"
    assert load(root / "data" / "photos").classes == ("cat", "dog")


def test_table_of_boxes_is_no_table_of_classes(root: Path) -> None:
    flat(root / "train", 2)
    rows = [f"{i}.png,640,480,{name},1,1,9,9" for i in range(2) for name in ("king", "queen")]
    heading = "filename,width,height,class,xmin,ymin,xmax,ymax"
    (root / "train" / "_annotations.csv").write_text("\n".join([heading, *rows]))
    message, hint = refused(root)
    assert "names `0.png` twice, as `king` and as `queen`" in message
    assert hint.startswith("cut out the box of each object")


@pytest.mark.parametrize("other", ["looney birds", "Looney  Birds", "Looney_Birds"])
def test_hint_explains_similar_class_names(root: Path, other: str) -> None:
    """Two spaces and one space look the same on a terminal."""
    for split, name in (("train", "Looney Birds"), ("test", other)):
        fill(root / split, ("owl", name))
    assert refused(root)[1].endswith("same classes: capital letters, spaces and zeros count")
    fill(root / "test", ("heron",))
    assert refused(root)[1].endswith("images of the same classes")


def test_choices_of_label_studio_are_classes(root: Path) -> None:
    flat(root / "images")
    rows = [f"{i},{'ab'[i % 2]},/data/upload/1/{i}.png" for i in range(6)]
    (root / "project-1.csv").write_text("\n".join(["annotation_id,choice,image", *rows]))
    assert load(root).classes == ("a", "b")


@pytest.mark.parametrize("name", ["labels.xlsx", "tables/labels.ods", "images/metadata.parquet"])
def test_tables_of_other_programs_are_named_as_unread(root: Path, name: str) -> None:
    flat(root / "images")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(b"PK")
    message, hint = refused(root)
    assert " as CSV with columns file and label" in hint
    assert f"not read: `{name}`" in message and Path(name).name in hint and "file" in hint


@pytest.mark.parametrize("name", ["test.zip", "train_test_split.xlsx", "test/"])
def test_unread_test_split_is_a_warning(root: Path, name: str) -> None:
    """It is packed, in a spreadsheet, or an empty folder."""
    fill(root / "train")
    (root / name).mkdir() if name == "test/" else (root / name).write_bytes(b"PK")
    (note,) = load(root).warnings
    assert f"`{name}`" in note.line() and note.hint


@pytest.mark.parametrize("splits", [("",), ("train", "test")])
def test_splitting_images_of_one_subfolder_is_a_warning(
    root: Path, splits: tuple[str, ...]
) -> None:
    """As of patients; no warning if the splits are given or each folder has one image."""
    for split in splits:
        for name in ("benign", "malignant"):
            for number in range(3):
                patient = 3 * (name == "malignant") + number
                flat(root / split / name / f"{patient:03}", 1 + number)
    images = load(root)
    assert ("divided" in kinds(images)) == (splits == ("",))
    if splits == ("",):
        (note,) = (one for one in images.warnings if one.kind == "divided")
        assert note.names == ("benign/001", "benign/002", "malignant/004", "malignant/005")


@pytest.mark.parametrize(
    ("ends", "expected"),
    [("_left _right", "`_left`, `_right`"), ("; _depth", "`_depth`"),
     ("_crop _depthcrop -x", "`-x`, `_crop`, `_depthcrop`"),
     ("; _rot", ""), ("_n", "")],
)  # fmt: skip
@pytest.mark.parametrize("split", ["", "train"])
def test_splitting_images_whose_names_have_the_same_start_is_a_warning(
    root: Path, ends: str, expected: str, split: str
) -> None:
    """As of the left and the right eye of a patient; none if there is one of each, or a split."""
    for name in ("cat", "dog"):
        for i in range(5):
            for end in ends.split():
                noise(root / split / name / f"{i}{end.strip(';')}.png")
                if split:
                    noise(root / "test" / name / f"{i}{end.strip(';')}.png")
    texts = [one.text for one in load(root).warnings if one.kind == "divided"]
    sentence = f"images whose names differ only in their ends, {expected}, may be in both splits"
    assert texts == [sentence] * bool(expected and not split)


@pytest.mark.parametrize(
    ("names", "expected"),
    [("clip{0}_frame{1}", "clip0"), ("P00{0} x{1} y{1}", "P000"), ("IM-{0}-000{1}a", "IM-0"),
     ("{0}{1}_100", ""), ("cat_{0}{1}", ""), ("{0}b{1}", ""), ("2008_{0}{1}", "")],
)  # fmt: skip
def test_splitting_images_of_groups_by_their_names_is_a_warning(
    root: Path, names: str, expected: str
) -> None:
    """As of videos, slides and patients; a year, a class or a word is none."""
    for name in ("cat", "dog"):
        for i in range(12):
            noise(root / name / f"{names.format(i // 4, i % 4)}.png")
    texts = [one.text for one in load(root).warnings if one.kind == "divided"]
    sentence = f"images of groups by their names, as those that begin with `{expected}`, may be"
    assert texts == [f"{sentence} in both splits"] * bool(expected)


def test_ends_of_names_that_are_classes_are_no_groups(root: Path) -> None:
    flat(root, 10, prefix="")
    for i, path in enumerate(sorted(root.iterdir())):
        path.rename(path.with_name(f"{i // 2}_{'cat' if i % 2 else 'dog'}.png"))
    assert "divided" not in kinds(load(root, ":names=ANY_CLASS"))


@pytest.mark.parametrize(
    ("folders", "expected"),
    [("p1 p2 p3", True), ("patient1/study patient2/study patient3/study", True),
     ("art photo", False), ("images_001 images_002 images_003", False), ("images", False)],
)  # fmt: skip
def test_splitting_folders_of_images_whose_classes_are_in_a_table_is_a_warning(
    root: Path, folders: str, expected: bool
) -> None:
    """As of patients in CheXpert; parts of a set and few domains are no groups."""
    rows = ["file,label"]
    for folder in folders.split():
        flat(root / folder, 4)
        rows += [f"{folder}/{i}.png,{'ab'[i % 2]}" for i in range(4)]
    (root / "labels.csv").write_text("\n".join(rows))
    notes = [one for one in load(root).warnings if one.kind == "divided"]
    first = [folder.partition("/")[0] for folder in folders.split()]
    assert [one.names for one in notes] == [tuple(first)] * expected
