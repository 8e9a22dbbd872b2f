"""Images in Parquet files and from the Hugging Face hub: splits, columns, classes, faults."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcompare.core.errors import ConvcompareError, DataError, UsageError
from convcompare.data.dataset import Dataset, Sources
from convcompare.data.load import load_dataset
from convcompare.data.sources import parquet_files, parquet_splits

pa = pytest.importorskip("pyarrow", reason="pyarrow is an extra")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def png(shade: int, size: tuple[int, int] = (9, 9)) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, shade).save(file, "PNG")
    return file.getvalue()


def table(
    labels: list[Any],
    first: int = 0,
    names: tuple[str, ...] = ("cat", "dog"),
    size: tuple[int, int] = (9, 9),
    columns: tuple[str, ...] = ("label",),
) -> Any:
    """Return a table of grey images with one shade each, as the Hugging Face library writes it."""
    images = [{"bytes": png(first + i, size), "path": f"{i}.png"} for i in range(len(labels))]
    fields = {"image": images, **dict.fromkeys(columns, labels)}
    found = pa.table(fields)
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    features |= {column: {"names": list(names), "_type": "ClassLabel"} for column in columns}
    text = json.dumps({"info": {"features": features if names else {}}})
    return found.replace_schema_metadata({"huggingface": text})


def write(folder: Path, name: str, *arguments: Any, **more: Any) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(*arguments, **more), file)


def load(path: Path, options: str = "") -> Dataset:
    return load_dataset(f"parquet:{path}{options}", Sources(path / "cache", offline=True))


def fail(path: Path, options: str = "", kind: type[ConvcompareError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        load(path, options)
    assert caught.value.hint and "\n" not in caught.value.message + caught.value.hint
    return f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize(
    "names",
    [
        ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet"),
        ("data/train-00000-of-00001-1359597a978bc4fa.parquet", "data/test.parquet"),
        ("plain_text/train/0000.parquet", "plain_text/test/0000.parquet"),
        ("mnist/train-00000-of-00001.parquet", "mnist/test-00000-of-00001.parquet"),
        ("Training.parquet", "holdout.parquet"),
        ("data/train_0.parquet", "data/validation_0.parquet"),
    ],
)
def test_splits_are_recognised_by_file_names(tmp_path: Path, names: tuple[str, str]) -> None:
    write(tmp_path, names[0], [0, 1, 0, 1, 1, 0])
    write(tmp_path, names[1], [1, 0], 50)
    for name in ("._train.parquet", "__MACOSX/data/._train.parquet"):  # as macOS packs them
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"Mac OS X")
    found = load(tmp_path)
    assert found.classes == ("cat", "dog")
    assert found.train.images.shape == (6, 1, 9, 9) and found.train.images.dtype == np.uint8
    assert found.train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert found.train.labels.tolist() == [0, 1, 0, 1, 1, 0]
    assert found.test.images[:, 0, 0, 0].tolist() == [50, 51]
    words = "validation split" if "validation" in names[1] else "test split"
    assert found.test_split == words


def test_unread_split_column_is_named(
    tmp_path: Path,
) -> None:
    rows = table([0, 1] * 6).append_column("split", pa.array(["train", "test"] * 6))
    (tmp_path / "a").mkdir()
    pq.write_table(rows, tmp_path / "a" / "train.parquet")
    (note,) = (note for note in load(tmp_path / "a").warnings if note.kind == "unused")
    assert note.names == ("split",)
    write(tmp_path / "a", "test.parquet", [0, 1], 90)
    assert "unused" not in {note.kind for note in load(tmp_path / "a").notes}


def test_shards_are_joined_in_order_and_must_be_complete(tmp_path: Path) -> None:
    for shard in range(3):
        write(tmp_path, f"train-0000{shard}-of-00003.parquet", [0, 1], 10 * shard)
    write(tmp_path, "test-00000-of-00001.parquet", [0, 1], 90)
    write(tmp_path, "validation-00000-of-00001.parquet", [0, 1], 95)
    found = load(tmp_path)
    assert found.train.images[:, 0, 0, 0].tolist() == [0, 1, 10, 11, 20, 21]
    assert found.test.images[:, 0, 0, 0].tolist() == [90, 91], "validation is not used"
    (note,) = (note for note in found.warnings if note.kind == "unused")
    assert note.names == ("validation-00000-of-00001.parquet",)
    (tmp_path / "train-00001-of-00003.parquet").unlink()
    assert "has 2 of the 3 files of `train`" in fail(tmp_path)


@pytest.mark.parametrize(
    ("names", "train", "test"),
    [
        ("a/train a/test README", "a/train", "a/test"),
        ("train/x train_extra/x test/x", "train/x", "test/x"),
        ("seg_train seg_test seg_val", "seg_train", "seg_test"),
        ("x y", "x y", ""),
        ("train_0 train_1 test_0", "train_0 train_1", "test_0"),
        ("data/extra-0-of-1 data/train-0-of-1", "data/train-0-of-1", ""),
    ],
)
def test_training_and_test_files_are_selected(names: str, train: str, test: str) -> None:
    def paths(text: str) -> tuple[PurePosixPath, ...]:
        return tuple(PurePosixPath(f"{name}.parquet") for name in text.split())

    found = parquet_splits.split_files(paths(names), "x")
    assert (found.train, found.test) == (paths(train), paths(test))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("train_a train_b test", "several splits of one kind"),
        ("test", "has no training split"),
        ("all/partial-train/0000 all/test/0000", "only partly available"),
        ("a/train b/train", "has 2 configurations"),
    ],
)
def test_ambiguous_or_incomplete_files_are_refused(names: str, words: str) -> None:
    with pytest.raises(ConvcompareError, match=words):
        parquet_splits.split_files([PurePosixPath(f"{one}.parquet") for one in names.split()], "x")


def test_file_without_splits_holds_out_a_share(tmp_path: Path) -> None:
    write(tmp_path, "birds.parquet", [0, 1] * 10)
    found = load(tmp_path / "birds.parquet", ":test=0.3")
    assert (len(found.train), len(found.test)) == (14, 6)
    assert found.test_split == "30 % held out of each class, split seed 0"


def test_text_labels_and_plain_bytes_are_read(tmp_path: Path) -> None:
    images = [png(i) for i in range(10)]
    found = pa.table({"id": range(10), "img": images, "class": ["b", "a"] * 5})
    pq.write_table(found, tmp_path / "all.parquet")
    assert load(tmp_path).classes == ("a", "b")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (pa.array([0.0, 1.0] * 6), ("0", "1")),
        (pa.array([False, True] * 6), ("0", "1")),
        (pa.array(["cat", "dog"] * 6).dictionary_encode(), ("cat", "dog")),
    ],
)
def test_labels_written_by_pandas_are_read(
    tmp_path: Path, labels: Any, classes: tuple[str]
) -> None:
    found = pa.table({"image": [png(i) for i in range(12)], "label": labels})
    pq.write_table(found, tmp_path / "all.parquet")
    images = load(tmp_path / "all.parquet")
    assert images.classes == classes and np.bincount(images.train.labels).tolist() == [5, 5]


@pytest.mark.parametrize("labels", [[[0, 1]] * 12, [[0]] * 11 + [[0, 1]], [{"id": 0}] * 12])
def test_several_classes_per_image_are_refused(tmp_path: Path, labels: list[Any]) -> None:
    images = [png(i) for i in range(12)]
    pq.write_table(pa.table({"image": images, "labels": labels}), tmp_path / "a.parquet")
    words = fail(tmp_path, ":label=labels")
    assert "of `a.parquet` has several values for its class" in words
    pq.write_table(pa.table({"image": images, "labels": [[0], [1]] * 6}), tmp_path / "a.parquet")
    assert load(tmp_path, ":label=labels").classes == ("0", "1")


def test_blank_label_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet", ["cat", " ", "dog"] * 4, names=())
    assert "row 1 of `a.parquet` has a blank text for its class" in fail(tmp_path)


def test_classes_of_one_image_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet", [0, 1, 1, 1, 2], names=("cat", "dog", "emu"))
    words = fail(tmp_path)
    assert "classes `cat`, `emu`" in words and "have one image each" in words


def test_notes_name_images_by_row_if_some_are_held_out(tmp_path: Path) -> None:
    """Numbers within the random splits would name other rows."""
    images = [np.random.default_rng(i % 9).integers(0, 256, (9, 9), np.uint8) for i in range(18)]
    pngs = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        pngs.append(file.getvalue())
    pq.write_table(pa.table({"image": pngs, "label": [0, 1] * 9}), tmp_path / "a.parquet")
    notes = {note.kind: note for note in load(tmp_path).notes}
    pairs = [name for kind in ("leak", "two-classes") for name in notes[kind].names]
    assert len(pairs) == 9
    for pair in pairs:
        one, other = (int(part.removeprefix("image ")) for part in pair.split(" = "))
        assert abs(one - other) == 9


def test_images_are_examined_like_those_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet", [0, 1] * 6, size=(30, 9))
    notes = {note.kind: note for note in load(tmp_path, ":size=32").notes}
    assert notes["tiny"].serious and notes["tiny"].text.startswith("12 images smaller than half")
    assert notes["cut-off"].serious and "image 11" in notes["cut-off"].names
    assert notes["sizes"].text.startswith("sizes: all 30×9 pixels")
    assert notes["modes"].text == "kinds of pixels: 12 L"


def test_ambiguous_label_column_must_be_chosen(tmp_path: Path) -> None:
    labels = ("coarse_label", "fine_label")
    for name in ("train.parquet", "test.parquet"):
        write(tmp_path, name, [0, 1, 0, 1], columns=labels)
    message = fail(tmp_path, kind=UsageError)
    assert "several columns of labels: `coarse_label`, `fine_label` | `label=COLUMN`" in message
    assert load(tmp_path, ":label=fine_label").name.endswith(":label=fine_label")
    assert "there is no column `fine`" in fail(tmp_path, ":label=fine", UsageError)


def test_other_column_of_labels_is_named_unless_it_has_the_same_classes(tmp_path: Path) -> None:
    rows = table([0, 1] * 6, columns=("label",))
    for name, values, found in (
        ("class", ["a", "b", "a"] * 4, ["class"]),
        ("target", [5, 7] * 6, []),
    ):
        pq.write_table(rows.append_column(name, pa.array(values)), tmp_path / "a.parquet")
        notes = [note for note in load(tmp_path).warnings if note.kind == "label"]
        assert [one for note in notes for one in note.names] == found
    assert "label" not in {note.kind for note in load(tmp_path, ":label=target").notes}


@pytest.mark.parametrize("test", [None, ["c", "d"], ["e", None]])
def test_images_of_one_patient_in_both_splits_are_named(
    tmp_path: Path, test: list[str | None] | None
) -> None:
    for name, labels, values in (("train", [0, 1] * 4, [*"abcdabcd"]), ("test", [0, 1], test)):
        rows = table(labels, 100 if name == "test" else 0)
        if values:
            rows = rows.append_column("patient_id", pa.array(values))
            pq.write_table(rows, tmp_path / f"{name}.parquet")
    notes = [note for note in load(tmp_path).warnings if note.kind == "divided"]
    assert [note.names for note in notes] == (
        [()] if test is None else [("c", "d")] * ("c" in test)
    )


def test_files_that_number_classes_differently_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "train.parquet", [0, 1] * 3)
    write(tmp_path, "test.parquet", [0, 1], 90, names=("dog", "cat"))
    assert "numbers the classes `dog`, `cat`, and another file `cat`, `dog`" in fail(tmp_path)


def test_id_column_is_no_label(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [0, 1], "image": [png(0), png(1)]}), tmp_path / "a.parquet")
    assert "no column of labels among id, image" in fail(tmp_path, kind=UsageError)


def test_only_other_column_is_the_label(tmp_path: Path) -> None:
    images, species = [png(i) for i in range(60)], ["owl", "bee"] * 30
    pq.write_table(pa.table({"jpg": images, "species": species}), tmp_path / "a.parquet")
    found = load(tmp_path)
    assert found.classes == ("bee", "owl") and len(found.train) == 48
    assert "classes are the column `species`, the only one beside that of images" in [
        note.text for note in found.notes
    ]
    for values in ([i % 30 for i in range(60)], [f"an owl, {i}" for i in range(60)]):
        pq.write_table(pa.table({"jpg": images, "about": values}), tmp_path / "a.parquet")
        assert "no column of labels among jpg, about" in fail(tmp_path, kind=UsageError)


def test_paths_instead_of_images_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": ["0.png", "1.png"], "label": [0, 1]}), tmp_path / "a.parquet")
    assert "images have to be bytes in the file" in fail(tmp_path, kind=UsageError)


def test_class_names_without_images_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet", [0, 2] * 5, names=("cat", "unknown", "dog"))
    found = load(tmp_path)
    assert found.classes == ("cat", "dog") and set(found.train.labels) == {0, 1}
    (note,) = (one for one in found.warnings if one.kind == "no-images")
    assert note.line() == "1 of 3 names of classes that no image is of, left out: `unknown`"


@pytest.mark.parametrize(
    ("labels", "words"), [([0, -1], "the class -1"), ([0, None], "the class None")]
)
def test_images_without_a_class_are_refused(tmp_path: Path, labels: list[int], words: str) -> None:
    write(tmp_path, "train.parquet", [0, 1])
    write(tmp_path, "test.parquet", labels)
    assert f"row 1 of `test.parquet` has {words}" in fail(tmp_path)


@pytest.mark.parametrize("kept_back", [-1, None, "column"])
@pytest.mark.parametrize("validation", [False, True])
def test_test_split_without_classes_is_not_used(
    tmp_path: Path, kept_back: Any, validation: bool
) -> None:
    """As in ImageNet and competitions."""
    write(tmp_path, "train.parquet", [0, 1] * 6)
    rows = table([0 if kept_back == "column" else kept_back] * 3, 50)
    if kept_back == "column":
        rows = rows.drop_columns(["label"])
    pq.write_table(rows, tmp_path / "test.parquet")
    if validation:
        write(tmp_path, "validation.parquet", [0, 1], 90)
    found = load(tmp_path)
    (note,) = (note for note in found.warnings if note.kind == "unused")
    assert note.text == "the test split is not used: it has no classes"
    if validation:
        assert found.test_split == "validation split" and len(found.train) == 12
        assert found.test.images[:, 0, 0, 0].tolist() == [90, 91]
    else:
        assert found.test_split.startswith("20 % held out") and len(found.train) == 10


def test_faulty_files_are_refused(tmp_path: Path) -> None:
    assert "there is no file" in fail(tmp_path / "nowhere")
    assert "has no Parquet files" in fail(tmp_path)
    (tmp_path / "train.parquet").write_bytes(b"PAR1 not really")
    assert "is no Parquet file" in fail(tmp_path)
    images = [{"bytes": None, "path": "a.png"}, {"bytes": b"no image", "path": "b.png"}]
    for image, words in zip(images, ("has no image", "an image that cannot be read"), strict=True):
        one = [image, {"bytes": png(1), "path": ""}]
        pq.write_table(pa.table({"image": one, "label": [0, 1]}), tmp_path / "train.parquet")
        assert words in fail(tmp_path)


def test_several_configurations_or_sizes_are_refused(tmp_path: Path) -> None:
    for config, side in (("small", 9), ("large", 12)):
        write(tmp_path, f"{config}/train.parquet", [0, 1, 0, 1], size=(side, side))
        write(tmp_path, f"{config}/test.parquet", [0, 1], size=(side, side - 1))
    assert "has 2 configurations | choose one of `large`, `small`" in fail(tmp_path, "", UsageError)
    assert "images that are not square (8×9)" in fail(tmp_path / "small")
    assert load(tmp_path / "small", ":size=8").image_size == 8


def test_missing_pyarrow_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "train.parquet", [0, 1])

    def importing(module: str) -> Any:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr(parquet_files.importlib, "import_module", importing)
    assert fail(tmp_path) == "pyarrow is not installed | pip install 'convcompare[hf]'"


# --- a hub ---------------------------------------------------------------------------------------


class Hub(ThreadingHTTPServer):
    """A hub with one data set, ``owner/birds``, that records the requested paths."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files, self.requested = files, list[str]()


class HubHandler(BaseHTTPRequestHandler):
    """Answers the two kinds of requests that the client sends."""

    server: Hub

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        api, resolve = "/api/datasets/owner/birds", f"/datasets/owner/birds/resolve/{COMMIT}/"
        name = self.path.removeprefix(resolve)
        if self.path.startswith(api) and not self.path.endswith("/nowhere"):
            siblings = [{"rfilename": name} for name in self.server.files]
            self.answer(
                json.dumps({"id": "owner/birds", "sha": COMMIT, "siblings": siblings}).encode()
            )
        elif name in self.server.files:
            self.answer(self.server.files[name])
        else:
            self.answer(b"", 404)

    do_HEAD = do_GET

    def answer(self, content: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is an extra")
    write(tmp_path / "hub", "data/train-00000-of-00001.parquet", [0, 1, 0, 1])
    write(tmp_path / "hub", "data/test-00000-of-00001.parquet", [0, 1], 20)
    write(tmp_path / "hub", "data/validation-00000-of-00001.parquet", [0, 1], 30)
    root = tmp_path / "hub"
    files = {
        file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*.parquet")
    }
    server = Hub({**files, "README.md": b"birds"})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def test_hub_data_set_is_pinned_and_cached(hub: Hub, tmp_path: Path) -> None:
    sources = Sources(tmp_path / "cache", quiet=True)
    found = load_dataset("hf:owner/birds", sources)
    assert found.name == f"hf:owner/birds@{COMMIT}"
    assert (len(found.train), len(found.test)) == (4, 2)
    assert found.test.images[:, 0, 0, 0].tolist() == [20, 21]
    assert not any("validation" in path for path in hub.requested), "unused files are not fetched"
    requests = len(hub.requested)
    offline = Sources(tmp_path / "cache", offline=True)
    again = load_dataset(found.name, offline)
    assert (again.name, again.sha256) == (found.name, found.sha256) and len(
        hub.requested
    ) == requests
    sized = load_dataset(f"{found.name}:size=8", offline)
    assert sized.name == f"hf:owner/birds@{COMMIT}:size=8" and sized.image_size == 8
    with pytest.raises(DataError, match="is not on this machine, and downloads are off"):
        load_dataset("hf:owner/birds", offline)


def test_missing_hub_data_set_is_reported(hub: Hub, tmp_path: Path) -> None:
    sources = Sources(tmp_path / "cache", quiet=True)
    for name in ("owner/none", "owner/birds@nowhere"):
        with pytest.raises(DataError, match="the hub did not give hf:owner/") as caught:
            load_dataset(f"hf:{name}", sources)
        assert "\n" not in caught.value.message
    for name in ("", "a/b/c", "../x"):
        with pytest.raises(UsageError, match="is not a data set of the hub"):
            load_dataset(f"hf:{name}", sources)
    del hub.files["data/train-00000-of-00001.parquet"]
    with pytest.raises(DataError, match="has no training split"):
        load_dataset("hf:owner/birds", sources)
