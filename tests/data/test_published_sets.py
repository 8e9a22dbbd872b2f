"""Published sets with checksums, read from small files of the same format."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from convcompare.core.errors import DataError
from convcompare.data.dataset import Sources
from convcompare.data.datasets import cifar100, emnist, kmnist, svhn
from convcompare.data.load import load_dataset
from convcompare.experiment.shapes import shape_for
from tests.support.data import idx

DRAW = np.random.default_rng(3)
WRONG = {
    "kmnist": "KMNIST/raw/train-images-idx3-ubyte.gz",
    "svhn": "train_32x32.mat",
    "emnist": "EMNIST/raw/gzip.zip",
    "cifar100": "cifar-100-binary.tar.gz",
    "cifar100 ": "cifar-100-python/train",
}


@pytest.mark.parametrize("name", WRONG)
def test_files_with_another_checksum_are_refused(name: str, sources: Sources) -> None:
    assert sources.data_dir
    file = sources.data_dir / WRONG[name]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"something else")
    if name == "svhn":
        (file.parent / "test_32x32.mat").write_bytes(b"")
    if name == "cifar100 ":
        (file.parent / "test").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        load_dataset(name.strip(), sources)
    assert "is not the published file of" in caught.value.message
    assert caught.value.hint and not sources.cache.exists()


@pytest.mark.parametrize("name", ["kmnist", "svhn", "emnist:split=letters", "cifar100"])
def test_missing_files_without_network_are_reported(name: str, sources: Sources) -> None:
    with pytest.raises(DataError, match="is not on this machine"):
        load_dataset(name, sources)


def kmnist_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Write four small files and replace the published checksums by theirs."""
    folder.mkdir(parents=True)
    arrays = [DRAW.integers(0, 256, (20, 28, 28)), np.arange(20) % 10,
              DRAW.integers(0, 256, (10, 28, 28)), np.arange(10)]  # fmt: skip
    for name, array in zip([*kmnist.FILES], arrays, strict=True):
        packed = gzip.compress(idx(array))
        (folder / name).write_bytes(packed)
        monkeypatch.setitem(kmnist.FILES, name, hashlib.sha256(packed).hexdigest())
    return arrays


def test_kmnist_is_read_from_packed_files(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sources.data_dir
    arrays = kmnist_files(sources.data_dir / "KMNIST" / "raw", monkeypatch)
    found = load_dataset("kmnist", sources)
    np.testing.assert_array_equal(found.train.images[:, 0], arrays[0])
    np.testing.assert_array_equal(found.test.images[:, 0], arrays[2])
    assert found.test.labels.tolist() == arrays[3].tolist()
    assert found.mean[0] == pytest.approx(arrays[0].mean() / 255, abs=1e-4)
    (sources.data_dir / "KMNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="only the packed files have checksums"):
        load_dataset("kmnist", sources)


def test_files_of_mnist_are_not_taken_for_kmnist(sources: Sources) -> None:
    assert sources.data_dir
    name = "train-images-idx3-ubyte.gz"
    (sources.data_dir / name).write_bytes(gzip.compress(idx(np.zeros((2, 28, 28)))))
    with pytest.raises(DataError, match="is not on this machine"):
        load_dataset("kmnist", sources)


def test_svhn_is_read_with_digit_10_as_0(tmp_path: Path) -> None:
    from scipy.io import savemat

    images = DRAW.integers(0, 256, (32, 32, 3, 12)).astype(np.uint8)
    labels = np.array([10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1], np.uint8)[:, None]
    savemat(tmp_path / "train_32x32.mat", {"X": images, "y": labels}, do_compression=True)
    split = svhn.read_mat(tmp_path / "train_32x32.mat")
    assert split.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    for i in range(12):
        np.testing.assert_array_equal(split.images[i].transpose(1, 2, 0), images[..., i])
    savemat(tmp_path / "other.mat", {"X": images, "y": labels + 1})
    with pytest.raises(ValueError, match="labels other than 1 to 10"):
        svhn.read_mat(tmp_path / "other.mat")


@pytest.mark.parametrize("split", emnist.CLASSES)
def test_emnist_is_upright(split: emnist.SplitName, tmp_path: Path) -> None:
    first, classes = int(split == "letters"), len(emnist.CLASSES[split])
    upright = np.zeros((classes, 28, 28), np.uint8)
    upright[:, 3, :] = 200  # a bar at the top, published as one at the left side
    labels = np.arange(classes) + first
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        for part in ("train", "test"):
            stem = f"gzip/emnist-{split}-{part}"
            images = idx(upright.transpose(0, 2, 1))
            archive.writestr(f"{stem}-images-idx3-ubyte.gz", gzip.compress(images))
            archive.writestr(f"{stem}-labels-idx1-ubyte.gz", gzip.compress(idx(labels)))
    for found in emnist.read_archive(split, tmp_path / "gzip.zip"):
        np.testing.assert_array_equal(found.images[:, 0], upright)
        assert found.labels.tolist() == list(range(classes))
        assert found.images.flags.c_contiguous


def test_emnist_splits_have_their_own_classes() -> None:
    counts = [shape_for(f"emnist{option}").num_classes
              for option in ("", ":split=balanced", ":split=letters", ":split=digits")]  # fmt: skip
    assert counts == [47, 47, 26, 10]
    assert shape_for("emnist:channels=3,split=letters").in_channels == 3
    balanced = emnist.CLASSES["balanced"]
    assert (balanced[10], balanced[35], balanced[36], balanced[46]) == ("A", "Z", "a", "t")


def test_both_forms_of_cifar_100_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    archive = tmp_path / "other" / "cifar-100-binary.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        for name, n in (("train", 30), ("test", 10)):
            pixels = DRAW.integers(0, 256, (n, 3072)).astype(np.uint8)
            fine, coarse = DRAW.integers(0, 100, n), DRAW.integers(0, 20, n)
            fields = {"data": pixels, "fine_labels": fine.tolist(), "filenames": ["a.png"] * n,
                      "coarse_labels": coarse.tolist(), "batch_label": "1 of 1"}  # fmt: skip
            content = pickle.dumps(fields, protocol=2)
            (folder / name).write_bytes(content)
            monkeypatch.setitem(cifar100.PYTHON, name, hashlib.md5(content).hexdigest())
            records = np.concatenate([coarse[:, None], fine[:, None], pixels], 1).astype(np.uint8)
            member = tarfile.TarInfo(f"cifar-100-binary/{name}.bin")
            member.size = records.nbytes
            tar.addfile(member, io.BytesIO(records.tobytes()))
    ours = cifar100.read_cifar100(tmp_path)
    assert ours is not None
    for one, other in zip(ours, cifar100.read_binary(archive), strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        assert one.labels.tolist() == other.labels.tolist() and len(set(other.labels)) > 5


def test_damaged_cached_copy_is_detected(tmp_path: Path) -> None:
    """By the fingerprint in the file if none is pinned."""
    from convcompare.data.dataset import fingerprint
    from convcompare.data.sources.array_file import write_splits
    from convcompare.data.sources.idx import idx_split

    cache = tmp_path / "cache"
    cache.mkdir()
    part = idx_split(idx(DRAW.integers(0, 256, (20, 28, 28))), idx(np.arange(20) % 10))
    other = idx_split(idx(DRAW.integers(0, 256, (20, 28, 28))), idx(np.arange(20) % 10))
    file = cache / "kmnist.npz"
    write_splits(file, (part, part), source="here", sha256=fingerprint((part, part)))
    found = load_dataset("kmnist", Sources(cache, offline=True))
    assert found.source == "here" and found.sha256 == fingerprint((part, part))
    write_splits(file, (part, other), source="here", sha256=fingerprint((part, part)))
    for _ in range(2):
        with pytest.raises(DataError, match="the cached copy of Kuzushiji-MNIST is damaged"):
            load_dataset("kmnist", Sources(cache, offline=True))
        write_splits(file, (part, part), source="here")  # no fingerprint
