"""Data sets of arrays: in an .npz file, or given by a program as arrays, tensors or data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Subset, TensorDataset

import convcompare as cc
from convcompare.core.errors import DataError, UsageError
from convcompare.data.array_labels import flat_labels
from convcompare.data.given_arrays import keep
from convcompare.data.labelled_arrays import LabelledArrays, dataset_of
from convcompare.data.load import Sources, load_dataset
from convcompare.store.feature_record import FeatureRecord
from convcompare.store.layout import FEATURES
from convcompare.store.run_store import RunStore

Run = Callable[..., Any]
RNG = np.random.default_rng(0)
Y = np.arange(90) % 3
X = (RNG.random((90, 12, 12, 3)) * 80 + Y[:, None, None, None] * 60).astype(np.uint8)
SHORT = ("-e", "1", "--threads", "1", "-f", "json")
PARTS = (X[:60], Y[:60], X[60:], Y[60:])


def made(x: Any = X, y: Any = Y, n: int = 60) -> Any:
    return dataset_of(LabelledArrays(x[:n], y[:n], x[n:], y[n:]), "a", "b")


def test_layout_and_dtype_do_not_change_the_data_set() -> None:
    plain = made()
    assert plain.train.images.shape == (60, 3, 12, 12)
    np.testing.assert_array_equal(plain.train.images, X[:60].transpose(0, 3, 1, 2))
    one_hot = np.eye(3, dtype=np.float32)[Y]
    for x, y in [
        (X.transpose(0, 3, 1, 2), Y),
        (X.astype(np.int64), Y[:, None]),
        (X / 255, one_hot),
        (X.astype(np.float32), Y.astype(float)),
        (X.astype(np.uint16), np.array(["a", "b", "c"])[Y]),
    ]:
        assert made(x, y).sha256 == plain.sha256
    grey = made(X[..., 0])
    assert (grey.channels, grey.augmentation, plain.augmentation) == (1, "crop", "flip-crop")


def test_classes_are_sorted() -> None:
    names = made(X, np.array([10, 2, 7])[Y]).classes
    assert names == ("2", "7", "10")
    assert made(X, np.array(["cat", "ant", "bee"])[Y]).classes == ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x[:, :5], y), "not square"),
        (lambda x, y: (x[..., :2], y), "2 channels"),
        (lambda x, y: (x[:, 0], y), "not square"),
        (lambda x, y: (x.astype(str), y), "of type"),
        (lambda x, y: (x, y[:40]), "labels of the shape"),
        (lambda x, y: (x, np.eye(4)[y] + 1), "without exactly one 1 per row"),
        (lambda x, y: (x, np.where(np.arange(90) < 60, y, 0)), "has no test image"),
        (lambda x, y: (x, np.zeros(90, int)), "there is only one class"),
        (lambda x, y: (x * np.nan, y), "not numbers"),
        (lambda x, y: (x, y + 0.5), "not whole numbers, as 0.5"),
        (lambda x, y: (x, np.where(y == 1, np.nan, y)), "not whole numbers, as nan"),
        (lambda x, y: (x, y * 1e300), "no numbers of classes, as 2e\\+300"),
        (lambda x, y: (x, np.where(y == 1, np.inf, y)), "no numbers of classes, as inf"),
        (lambda x, y: (x, y.astype(np.uint64) + 2**63), "no numbers of classes, as 9223372036854"),
        (lambda x, y: (x, np.array([b"a", b"b", b"\xff"])[y]), "bytes that are not UTF-8"),
        (lambda x, y: (x[:, :3, :3], y), "channels may be first or last"),
        (lambda x, y: (x[:, :0], y), "there are no training images"),
        (lambda x, y: (x[..., 0].reshape(90, 144), y), "images are rows of 144 numbers"),
        (lambda x, y: (x, y.astype("datetime64[D]")), "labels are of type datetime64"),
    ],
)
def test_inconsistent_arrays_are_refused(change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        made(*change(X, Y))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("x_test", "y_test", "message"),
    [
        (X[60:, :8, :8], Y[60:], "training images are 3×12×12 and test images 3×8×8"),
        (X[60:], Y[60:].astype(str), "labels are texts in one split and numbers in the other"),
    ],
)
def test_splits_of_different_kinds_are_refused(x_test: Any, y_test: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset_of(LabelledArrays(X[:60], Y[:60], x_test, y_test), "a", "b")


def test_splits_with_different_ranges_are_named() -> None:
    """Each split has a usual range, but together one is black or half as wide."""
    for change in (lambda x: x / 255, lambda x: x / 255 * 2, lambda x: x // 16):
        parts = (X[:60] * 1.0, Y[:60], change(X[60:]), Y[60:])
        assert "ranges" in {note.kind for note in dataset_of(LabelledArrays(*parts), "a", "").notes}


def test_channel_axis_is_the_one_that_leaves_squares() -> None:
    small = X[:, :4, :4]
    last, first = made(small, Y), made(small.transpose(0, 3, 1, 2), Y)
    assert last.sha256 == first.sha256 and (last.channels, last.image_size) == (3, 4)
    assert made(small[:, :3, :3, :1], Y).image_size == 3


def test_note_states_the_range_of_pixels() -> None:
    assert made().notes == ()
    (note,) = made(X.astype(float) * 3).notes
    assert note.kind == "scaling" and note.serious and "scaled from 0 to" in note.text
    (note,) = made(X / 255).notes
    assert not note.serious, "floats from 0 to 1 are usual"


@pytest.mark.parametrize(
    "names",
    [
        "x_train y_train x_test y_test",
        "X_train Y_train X_test Y_test",
        "xtrain ytrain xtest ytest",
        "trainX trainY testX testY",
        "train_images train_labels test_images test_labels",
        "train_data train_targets test_data test_targets",
        "imgs_train y_train imgs_valid y_valid",
        "data labels test_data test_labels",
    ],
)
def test_npz_file_is_read_under_common_names(tmp_path: Path, names: str) -> None:
    np.savez(tmp_path / "a.npz", **dict(zip(names.split(), PARTS, strict=True)))
    found = load_dataset(f"npz:{tmp_path}/a.npz", Sources(tmp_path))
    assert (found.sha256, found.name) == (made().sha256, f"npz:{tmp_path}/a.npz")


def test_invalid_npz_file_is_refused(run: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X)
    (tmp_path / "b.npz").write_text("nothing")
    np.savez(tmp_path / "c.npz", x_train=np.array([{}]))
    for name, message in [
        ("a.npz", "has the arrays `x`"),
        ("b.npz", "is not a file of arrays"),
        ("c.npz", "x_train.npy holds Python objects"),
        ("d.npz", "there is no file"),
    ]:
        result = run("compare", "fcn", "-d", f"npz:{tmp_path / name}")
        assert result.code == 3
        assert message in result.err


@pytest.mark.parametrize(
    "names", ["x y", "images labels", "x_train y_train", "x_train y_train x_test"]
)
@pytest.mark.parametrize("form", ["numbers", "one-hot"])
def test_arrays_without_a_test_split_hold_out_a_share_of_each_class(
    tmp_path: Path, names: str, form: str
) -> None:
    """Images keep their labels; a test split without labels is named."""
    pixels = np.arange(60, dtype=np.uint8)[:, None, None] + np.zeros((1, 4, 4), np.uint8)
    pixels[:, 0, 0] += 100  # so that no image has a single colour
    labels = np.arange(60) % 3
    labels = np.eye(3)[labels] if form == "one-hot" else labels
    np.savez(tmp_path / "a.npz", **dict(zip(names.split(), (pixels, labels, pixels), strict=False)))
    found = load_dataset(f"npz:{tmp_path}/a.npz:test=0.25,seed=3", Sources(tmp_path))
    assert np.bincount(found.train.labels).tolist() == [15] * 3
    assert found.test_split == "25 % held out of each class, split seed 3"
    for split in (found.train, found.test):
        assert (split.images[:, 0, 1, 1] % 3 == split.labels).all()
    kept = [*found.train.images[:, 0, 1, 1], *found.test.images[:, 0, 1, 1]]
    assert sorted(kept) == list(range(60))
    unused = [note.names for note in found.warnings if note.kind == "unused"]
    assert unused == ([("x_test",)] if "x_test" in names else [])


@pytest.mark.parametrize("alone", [True, False])
def test_folder_of_npz_files_is_read(tmp_path: Path, alone: bool) -> None:
    """As of Kuzushiji-49, with a file per array, or with one per split."""
    with pytest.raises(DataError, match="holds no file of arrays"):
        load_dataset(f"npz:{tmp_path}", Sources(tmp_path))
    for split, (x, y) in (("train", PARTS[:2]), ("test", PARTS[2:])):
        if alone:
            np.savez(tmp_path / f"k49-{split}-imgs.npz", x)
            np.savez(tmp_path / f"k49-{split}-labels.npz", y)
        else:
            np.savez(tmp_path / f"set_{split}.npz", images=x, labels=y)
    read = load_dataset(f"npz:{tmp_path}", Sources(tmp_path))
    assert read.sha256 == made().sha256 and not read.notes
    np.savez(tmp_path / "train_2.npz", images=X[:6], labels=Y[:6])
    with pytest.raises(DataError, match="several files hold the array `train"):
        load_dataset(f"npz:{tmp_path}", Sources(tmp_path))


def test_folder_with_one_file_per_array_is_read(tmp_path: Path) -> None:
    for name, part in zip(("x_train", "y_train", "x_test", "y_test"), PARTS, strict=True):
        np.save(tmp_path / f"{name}.npy", part)
    read = load_dataset(f"npz:{tmp_path}", Sources(tmp_path))
    assert read.sha256 == made().sha256 and not read.notes
    (note,) = load_dataset(f"npz:{tmp_path}:test=0.3,seed=1", Sources(tmp_path)).warnings
    assert note.text.startswith("`test=0.3` and `seed=1`, not used: the data set has a test split")
    for spec, hint in (("folder:{0}", "`npz:{0}` reads"), ("npz:{0}/x_test.npy", "`npz:FOLDER`")):
        with pytest.raises(DataError) as caught:
            load_dataset(spec.format(tmp_path), Sources(tmp_path))
        assert hint.format(tmp_path) in str(caught.value.hint)
    np.save(tmp_path / "y_test.npy", np.array([{}], object))
    with pytest.raises(DataError, match="is not a file of arrays"):
        load_dataset(f"npz:{tmp_path}", Sources(tmp_path))


def test_flat_images_and_wrong_axes_are_refused_with_the_remedy() -> None:
    with pytest.raises(DataError) as caught:
        made(X[..., 0].reshape(90, -1))
    assert "x.reshape(-1, 12, 12)" in str(caught.value.hint)
    with pytest.raises(DataError) as caught:
        flat_labels(Y, 12, "training")
    assert "numpy.moveaxis(x, -1, 0)" in str(caught.value.hint)


def test_class_of_one_image_cannot_be_held_out(tmp_path: Path) -> None:
    names = np.array(["ant", "bee", "cow"])
    np.savez(tmp_path / "a.npz", x=X[:5], y=[0, 0, 1, 2, 2], class_names=names)
    with pytest.raises(DataError, match=r"class `bee` in .* has one image, too few"):
        load_dataset(f"npz:{tmp_path}/a.npz", Sources(tmp_path))


def test_ambiguous_array_names_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=X, train_images=X, y_train=Y)
    with pytest.raises(DataError, match="`train_images`, `x_train` are the same by their names"):
        load_dataset(f"npz:{tmp_path}/a.npz", Sources(tmp_path))


def test_unused_arrays_are_named(tmp_path: Path) -> None:
    """For example MedMNIST's validation split beside its test split."""
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), PARTS, strict=True))
    found = []
    for more in ("val_images", "ids"):
        np.savez(tmp_path / f"{more}.npz", **arrays, **{more: X})
        (note,) = load_dataset(f"npz:{tmp_path}/{more}.npz", Sources(tmp_path)).notes
        found.append((note.names, note.serious))
    assert found == [(("val_images",), True), (("ids",), False)]


@pytest.mark.parametrize("key", ["classes", "class_names", "label_names"])
def test_class_names_are_read_under_common_names(tmp_path: Path, key: str) -> None:
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), PARTS, strict=True))
    np.savez(tmp_path / "a.npz", **arrays, **{key: np.array(["ant", "bee", "cow"])})
    found = load_dataset(f"npz:{tmp_path}/a.npz", Sources(tmp_path))
    assert found.classes == ("ant", "bee", "cow") and not found.notes


@pytest.mark.parametrize("names", ["x_{}", "{}_images"])
def test_validation_arrays_are_the_test_split_if_there_is_no_other(
    tmp_path: Path, names: str
) -> None:
    labels = names.replace("x", "y").replace("images", "labels")
    keys = [one.format(split) for split in ("train", "val") for one in (names, labels)]
    np.savez(tmp_path / "a.npz", **dict(zip(keys, PARTS, strict=True)))
    found = load_dataset(f"npz:{tmp_path}/a.npz", Sources(tmp_path))
    assert (found.sha256, found.test_split) == (made().sha256, "the validation arrays")


@pytest.mark.parametrize("kind", ["npz", "parquet", "folder"])
@pytest.mark.parametrize("rest", ["", ":", ":size=64"])
def test_missing_path_is_refused(run: Run, kind: str, rest: str) -> None:
    result = run("datasets", f"{kind}{rest}")
    assert result.code == 2 and f"`{kind}{rest}` names no path" in result.err
    assert f"{kind}:PATH" in result.err


@pytest.mark.parametrize("classes", ["abc", [["a"], ["b"], ["c"]], [b"\xff", b"b", b"c"]])
def test_invalid_class_names_are_refused(run: Run, tmp_path: Path, classes: Any) -> None:
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), PARTS, strict=True))
    np.savez(tmp_path / "a.npz", **arrays, classes=np.array(classes))
    result = run("datasets", f"npz:{tmp_path / 'a.npz'}")
    assert result.code == 3 and "`classes`" in result.err and "hint:" in result.err


def test_arrays_tensors_and_torch_data_sets_are_one_data_set(tmp_path: Path) -> None:
    tensors = [torch.from_numpy(part) for part in PARTS]
    x = torch.from_numpy(X).permute(0, 3, 1, 2).float() / 255
    sets = [TensorDataset(x[part], torch.from_numpy(Y)[part])
            for part in (slice(60), slice(60, None))]  # fmt: skip
    specs = {keep(given, tmp_path) for given in (PARTS, tensors, sets)}
    (spec,) = specs
    found = load_dataset(spec, Sources(tmp_path))
    assert found.sha256.startswith(spec.removeprefix("arrays:"))
    assert found.sha256 == made().sha256


class Items(list[tuple[Any, Any]]):
    """A map-style data set of images and labels."""

    def __init__(self, x: Any, y: Any, classes: Any = (), change: Any = lambda image: image):
        super().__init__(zip(x, y, strict=True))
        self.classes, self.change = classes, change

    def __getitem__(self, index: Any) -> Any:
        image, label = super().__getitem__(index)
        return self.change(image), label


def halves(y: Any, classes: Any = ((), ()), **more: Any) -> list[Items]:
    return [Items(X[:60], y[:60], classes[0], **more), Items(X[60:], y[60:], classes[1], **more)]


def test_torch_data_set_may_have_any_form_of_labels(tmp_path: Path) -> None:
    texts = np.array(["a", "b", "c"])[Y].tolist()
    forms = (Y.tolist(), torch.from_numpy(Y), list(np.eye(3)[Y]), texts, Y.astype(float).tolist())
    assert {keep(halves(y), tmp_path) for y in forms} == {keep(PARTS, tmp_path)}
    with pytest.raises(DataError, match=r"not whole numbers, as 0\.5"):
        keep(halves((Y + 0.5).tolist()), tmp_path)


def test_keras_splits_and_pandas_labels_are_accepted(tmp_path: Path) -> None:
    texts = np.array(["a", "b", "c"])[Y].astype(object)
    pairs = ((X[:60], Y[:60]), (X[60:], Y[60:]))
    assert keep(pairs, tmp_path) == keep(PARTS, tmp_path)
    spec = keep((X[:60], texts[:60], X[60:], texts[60:]), tmp_path)
    assert load_dataset(spec, Sources(tmp_path)).classes == ("a", "b", "c")
    halved = [torch.from_numpy(X[part]).bfloat16() / 255 for part in (slice(60), slice(60, None))]
    assert keep((halved[0], Y[:60], halved[1], Y[60:]), tmp_path).startswith("arrays:")


def test_subsets_of_a_torch_data_set_have_its_classes(tmp_path: Path) -> None:
    complete = Items(X, Y.tolist(), ("ant", "bee", "cow"))
    spec = keep((Subset(complete, range(60)), Subset(complete, range(60, len(X)))), tmp_path)
    assert load_dataset(spec, Sources(tmp_path)).classes == ("ant", "bee", "cow")


def test_failing_torch_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="an item of the Items in `dataset=` cannot be read: OSError"
    ):
        keep(halves(Y, change=lambda image: (_ for _ in ()).throw(OSError("no 7"))), tmp_path)


def test_torch_data_sets_with_different_classes_are_refused(tmp_path: Path) -> None:
    """Labels are indices into the classes of each split, which may differ between folders."""
    with pytest.raises(DataError, match="has the classes `a`, `b`, `c`, and the test set `a`, `c`"):
        keep(halves(Y, ("abc", "acd")), tmp_path)


def test_classes_are_named_by_the_labels_of_torch_data_sets(tmp_path: Path) -> None:
    """``class_to_idx`` says what labels mean, whatever the order of ``classes``."""
    splits = halves(Y, ("abc", "abc"))
    for one in splits:
        one.class_to_idx = {"b": 0, "c": 1, "a": 2}  # type: ignore[attr-defined]
    spec = keep((Subset(splits[0], range(60)), splits[1]), tmp_path)
    assert load_dataset(spec, Sources(tmp_path)).classes == ("b", "c", "a")
    splits[1].class_to_idx = {"a": 0, "b": 1, "c": 2}  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="has the classes `b`, `c`, `a`, and the test set `a`"):
        keep(splits, tmp_path)


def test_random_transforms_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(DataError, match="another image each time") as caught:
        keep(halves(Y, change=lambda image: np.roll(image, rng.integers(12), 0)), tmp_path)
    assert "random transforms" in str(caught.value.hint)


def test_equal_arrays_have_the_class_names_given_last(tmp_path: Path) -> None:
    for classes in ("abc", "xyz"):
        spec = keep(halves(Y, (classes, classes)), tmp_path)
        assert load_dataset(spec, Sources(tmp_path)).classes == tuple(classes)


def test_scaling_of_given_arrays_is_still_named_when_they_are_read_again(tmp_path: Path) -> None:
    for scale, warned in ((3.0, True), (1.0, False), (3.0, True)):
        x = X * scale - X.mean()
        spec = keep((x[:60], Y[:60], x[60:], Y[60:]) if warned else PARTS, tmp_path)
        notes = load_dataset(spec, Sources(tmp_path)).warnings
        assert [note.kind for note in notes] == ["scaling"] * warned


def test_masked_values_are_refused(tmp_path: Path) -> None:
    masked = np.ma.array(Y[:60], mask=Y[:60] == 1)
    with pytest.raises(DataError, match="has masked values"):
        keep((X[:60], masked, X[60:], Y[60:]), tmp_path)


@pytest.mark.parametrize("given", [(X,), (X, Y, X), ("a", Y, X, Y), ([1, 2], [3]), (X, Y)])
def test_other_objects_are_refused(tmp_path: Path, given: Any) -> None:
    with pytest.raises(UsageError) as caught:
        keep(given, tmp_path)
    assert caught.value.hint


def test_networks_are_compared_on_arrays(run: Run, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("CONVCOMPARE_CACHE", str(tmp_path / "cache"))
    called = cc.compare(["fcn:hidden=4"], dataset=PARTS, epochs=1, batch_size=8, threads=1)
    (model,) = called.to_json()["models"]
    name = called.assessment.comparison.conditions.dataset
    assert name.startswith("arrays:")
    result = run("compare", "fcn:hidden=4", "-d", name, "-b", "8", *SHORT)
    assert result.json()["models"][0]["runs"][0]["id"] == model["runs"][0]["id"]
    with pytest.raises(UsageError, match="`dataset=` cannot be a int"):
        cc.compare(["fcn"], dataset=5)  # type: ignore[arg-type]


def test_feature_images_are_distinct_with_few_classes(run: Run, tmp_path: Path) -> None:
    keys = ("x_train", "y_train", "x_test", "y_test")
    np.savez(tmp_path / "a.npz", **dict(zip(keys, PARTS, strict=True)))
    few = ("--batch-size", "20", *SHORT)
    assert run("train", "fcn:hidden=4", "-d", f"npz:{tmp_path / 'a.npz'}", *few).code == 0
    store = RunStore(Path("runs"))
    (run_id,) = store.ids()
    record = FeatureRecord.from_arrays(store.analysis(store.run(run_id), FEATURES))
    assert len(record.rows) == len(set(record.rows.tolist())) > 3
