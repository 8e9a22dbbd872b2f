"""MATLAB files of classes, splits or images, as in Flowers 102, Stanford Cars and Dogs, SVHN."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from convcompare.core.errors import DataError
from convcompare.data.dataset import Dataset, Sources
from convcompare.data.load import load_dataset
from convcompare.data.sources.image_tree import read_tree
from tests.support.images import flat, load, noise, placed

NAMES = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012"]
HDF5 = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM" + b"\0" * 384
"""The start of a MATLAB 7.3 file."""


def cells(texts: Sequence[str]) -> np.ndarray:
    """Return a cell array of texts, (1, n)."""
    array = np.empty((1, len(texts)), object)
    array[0] = [np.array([text]) for text in texts]
    return array


def structures(rows: Sequence[dict[str, Any]]) -> np.ndarray:
    """Return an array of structures, (1, n)."""
    array = np.zeros((1, len(rows)), [(name, object) for name in rows[0]])
    for place, row in enumerate(rows):
        array[0, place] = tuple(row.values())
    return array


def flowers(root: Path, first: int = 1) -> dict[str, list[int]]:
    """Write images, and their classes and splits by number; return the numbers of each split."""
    for number in range(first, 12 + first):
        noise(root / "jpg" / f"image_{number:05}.jpg")
    splits = {"trnid": [12, 3, 5, 2, 9], "valid": [1, 4, 6], "tstid": [7, 8, 10, 11]}
    savemat(root / "imagelabels.mat", {"labels": [[1 + n % 2 for n in range(1, 13)]]})
    savemat(root / "setid.mat", {name: np.uint16([ids]) for name, ids in splits.items()})
    return splits


def test_classes_and_splits_are_read_by_image_number(root: Path) -> None:
    splits = flowers(root)
    for found, numbers in zip(placed(root), (splits["trnid"], splits["tstid"]), strict=True):
        assert found == {str(1 + odd): [f"jpg/image_{n:05}.jpg" for n in sorted(numbers)
                                        if n % 2 == odd] for odd in (0, 1)}  # fmt: skip
    assert "validation images of `setid.mat` are not used" in str(read_tree(str(root)).notes)
    for number in range(1, 13):
        image = root / "jpg" / f"image_{number:05}.jpg"
        (root / f"c{number % 2}").mkdir(exist_ok=True)
        image.rename(root / f"c{number % 2}" / image.name)
    (root / "jpg").rmdir()
    assert [len(one["c0"]) for one in placed(root)] == [2, 2], "classes are folders, if they agree"


@pytest.mark.parametrize("fault", ["from 0", "one lacks", "segmim"])
def test_images_without_numbers_from_1_are_refused(root: Path, fault: str) -> None:
    flowers(root, first=0 if fault == "from 0" else 1)
    if fault == "one lacks":
        (root / "jpg" / "image_00012.jpg").unlink()
    if fault == "segmim":
        flat(root / "segmim", 12, "segmim_")
    with pytest.raises(DataError, match="do not number them from 1"):
        placed(root)


@pytest.mark.parametrize("content", [HDF5, b"", b"x" * 200])
def test_unreadable_files_are_named(root: Path, content: bytes) -> None:
    flowers(root)
    (root / "setid.mat").write_bytes(content)
    (note,) = (one for one in read_tree(str(root)).notes if one.serious)
    assert (note.kind, note.names) == ("unread-splits", ("setid.mat",))
    (root / "imagelabels.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"`imagelabels.mat` was not read: it is .*MATLAB|empty"):
        placed(root)
    with pytest.raises(DataError, match=r"is not a file of arrays: .*MATLAB|empty"):
        arrays(root / "setid.mat")


@pytest.mark.parametrize("inner", ["", "cars_{}/"])
def test_tables_of_structures_are_the_splits(root: Path, inner: str) -> None:
    """Stanford Cars: equal names in both splits, class names in a third file."""
    (root / "devkit").mkdir(parents=True)
    for kind, place, count in (("train", "devkit/", 6), ("test", "", 4)):
        rows = [{"bbox_x1": 39, "class": 1 + i % 2, "fname": f"{i:05}.jpg"} for i in range(count)]
        for row in rows:
            noise(root / f"cars_{kind}" / inner.format(kind) / row["fname"])
        title = f"{place}cars_{kind}_annos{'' if place else '_withlabels'}.mat"
        savemat(root / title, {"annotations": structures(rows)})
        unlabelled = [{"bbox_x1": 39, "fname": row["fname"]} for row in rows]
        savemat(root / "devkit/cars_test_annos.mat", {"annotations": structures(unlabelled)})
    savemat(root / "devkit/cars_meta.mat", {"class_names": cells(NAMES)})
    train, test = placed(root)
    assert {name: len(files) for name, files in train.items()} == dict.fromkeys(NAMES, 3)
    own = root / "cars_test" / inner.format("test")
    shown = [(own / f"{i:05}.jpg").relative_to(root).as_posix() for i in range(4)]
    assert test == {NAMES[0]: shown[::2], NAMES[1]: shown[1::2]}


def test_damaged_element_type_is_no_crash(root: Path) -> None:
    """They would crash the process within scipy."""
    flat(root, 4)
    file = root / "annos.mat"
    savemat(file, {"annotations": structures([{"fname": f"{i}.png", "class": 1} for i in "0123"])})
    content = bytearray(file.read_bytes())
    content[content.index(b"\x0e\0\0\0", 140) + 1] = 141  # of a matrix within the structures
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"`annos.mat` was not read: it is no MATLAB file, or a"):
        placed(root)


@pytest.mark.parametrize("inner", [False, True])
def test_structures_named_after_splits_are_the_splits(root: Path, inner: bool) -> None:
    flat(root / "images", 18)
    rows = [{"fname": f"{i}.png", "class": 1 + i % 2} for i in range(18)]
    parts = {"train": rows[:12], "test": rows[12:]}
    tables = {name: structures(part) for name, part in parts.items()}
    savemat(root / "lists.mat", {"annotations": tables} if inner else tables)
    images = load(root)
    assert [np.bincount(one.labels).tolist() for one in (images.train, images.test)] == [
        [6, 6],
        [3, 3],
    ]
    assert images.test_split == "test rows of `lists.mat`" and not images.warnings


def test_split_column_of_a_table_of_structures_is_read(root: Path) -> None:
    rows = [{"relative_im_path": f"car_ims/{i:06}.jpg", "class": 1 + i % 2, "test": int(i > 7)}
            for i in range(12)]  # fmt: skip
    for row in rows:
        noise(root / row["relative_im_path"])
    savemat(root / "cars_annos.mat", {"annotations": structures(rows), "class_names": cells(NAMES)})
    assert [[*found.values()] for found in placed(root)] == [
        [[f"car_ims/{i:06}.jpg" for i in range(first, last, 2)] for first in (start, start + 1)]
        for start, last in ((0, 8), (8, 12))
    ]


@pytest.mark.parametrize("in_folders", [True, False])
def test_lists_of_files_are_the_splits(root: Path, in_folders: bool) -> None:
    """Stanford Dogs: a list of all images beside those of the splits."""
    files = [
        f"{'Images/' * in_folders}{name}/{i}.jpg"
        for name in ("n02-Pug", "n03-Toy")
        for i in range(6)
    ]
    files = files if in_folders else [f"Images/{one.replace('/', '_')}" for one in files]
    for file in files:
        noise(root / file)
    for kind, chosen in (("file", range(6)), ("train", range(4)), ("test", range(4, 6))):
        own = [(file.removeprefix("Images/"), 1 + place // 6)
               for place, file in enumerate(files) if place % 6 in chosen]  # fmt: skip
        labels = np.array([[float(label)] for _, label in own])
        names = cells([name for name, _ in own]).T
        bare = cells([name.removesuffix(".jpg") for name, _ in own]).T
        savemat(
            root / f"{kind}_list.mat",
            {"file_list": names, "annotation_list": bare, "labels": labels},
        )
    classes = ["n02-Pug", "n03-Toy"] if in_folders else ["1", "2"]
    assert placed(root) == [
        {name: [file for i, file in enumerate(files) if i // 6 == place and (i % 6 < 4) == trained]
         for place, name in enumerate(classes)} for trained in (True, False)
    ]  # fmt: skip
    unread = next(one for one in read_tree(str(root)).notes if one.kind == "unread-tables")
    assert unread.names == ("file_list.mat",)


@pytest.mark.parametrize("in_folders", [True, False])
@pytest.mark.parametrize("order", ["train val test", "test train val"])
def test_structures_of_matconvnet_are_classes_and_splits(
    root: Path, in_folders: bool, order: str
) -> None:
    """As imdb.mat of DTD; numbers of images are not their names."""
    files = [f"{name}_{i}.jpg" for name in ("auk", "gull") for i in range(6)]
    files = [f"{file[:-6]}/{file}" for file in files] if in_folders else files
    for file in files:
        noise(root / "images" / file)
    sets = [(1, 1, 2, 3, 3, 1)[i % 6] for i in range(12)]
    images = {"id": np.arange(12.0), "name": cells(files), "set": np.array(sets, float),
              "class": np.arange(12.0) // 6 + 1, "size": np.zeros((0, 0))}  # fmt: skip
    meta = {"sets": cells(order.split()), "classes": cells(["auk", "gull"]), "none": []}
    (root / "imdb").mkdir()
    place = root / ("imdb/imdb.mat" if in_folders else "imdb.mat")
    savemat(place, {"images": images, "meta": meta})
    numbers = [1 + order.split().index(kind) for kind in ("train", "test")]
    assert placed(root) == [
        {name: [f"images/{file}" for i, file in enumerate(files)
                if sets[i] == number and i // 6 == place] for place, name in
         enumerate(("auk", "gull"))} for number in numbers
    ]  # fmt: skip


def arrays(path: Path) -> Dataset:
    return load_dataset(f"npz:{path}", Sources(path.parent / "cache", offline=True))


def test_last_axis_can_be_the_images(root: Path) -> None:
    """SVHN: one file per split, with the axis of images last."""
    root.mkdir(exist_ok=True)
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 3, 60), np.uint8)
    labels = np.arange(60)[:, None] % 10 + 1
    savemat(root / "train_32x32.mat", {"X": images[..., :40], "y": labels[:40]})
    savemat(root / "test_32x32.mat", {"X": images[..., 40:], "y": labels[40:]})
    savemat(root / "extra_32x32.mat", {"X": images, "y": labels})
    found = arrays(root)
    assert np.array_equal(found.test.images, images[..., 40:].transpose(3, 2, 0, 1))
    assert [found.classes[label] for label in found.train.labels] == [*map(str, labels[:40, 0])]
    assert "`extra_32x32.mat`" in found.notes[0].line()
    names = cells("abcdefghij")
    savemat(root / "one.mat", {"images": images[..., 0, :], "labels": labels.T, "classes": names})
    found = arrays(root / "one.mat")
    assert (found.classes, len(found.train), found.channels) == (tuple("abcdefghij"), 50, 1)
    with pytest.raises(DataError) as caught:
        placed(root / "one.mat")
    assert "`npz:" in str(caught.value.hint)
