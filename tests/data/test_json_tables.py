"""Classes in JSON files: records, names with classes, COCO."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.images import fill, flat, load, placed, refused

FILES = [f"{i}.png" for i in range(12)]


def coco(files: list[str], labels: list[int], categories: tuple[str, ...]) -> dict[str, Any]:
    """Return COCO annotations with categories from 1; a label of -1 means none."""
    return {
        "images": [{"id": 100 + i, "file_name": name} for i, name in enumerate(files)],
        "annotations": [
            {"id": i, "image_id": 100 + i, "category_id": label + 1, "bbox": [0, 0, 9, 9]}
            for i, label in enumerate(labels)
            if label >= 0
        ],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(categories)],
    }


@pytest.mark.parametrize(
    "content",
    [
        [
            {"image": f"/data/upload/1/{name}", "choice": "ba"[i % 2]}
            for i, name in enumerate(FILES)
        ],
        {name: "ba"[i % 2] for i, name in enumerate(FILES)},
        {name: {"width": 16, "label": "ba"[i % 2]} for i, name in enumerate(FILES)},
        coco(FILES, [i % 2 for i in range(12)], ("b", "a")),
        {"data": [{"image": name, "choice": "ba"[i % 2]} for i, name in enumerate(FILES)]},
        {"filenames": FILES, "labels": [*"ba" * 6]},
        {"labels": [[name, "ba"[i % 2]] for i, name in enumerate(FILES)]},
        {"b": FILES[::2], "a": FILES[1::2]},
        {"classes": ["b", "a"], "labels": {str(i): i % 2 for i in range(12)}},
        {
            "samples": [
                {
                    "filepath": f"images/{name}",
                    "tags": [],
                    "ground_truth": {"_cls": "Classification", "label": "ba"[i % 2]},
                }
                for i, name in enumerate(FILES)
            ]
        },
        [
            {
                "file_upload": f"ab-{name}",
                "data": {"image": f"/data/local-files/?d=images/{name}"},
                "annotations": [
                    {"was_cancelled": True, "result": [{"value": {"choices": ["c"]}}]},
                    {"result": [{"type": "choices", "value": {"choices": ["ba"[i % 2]]}}]},
                ],
            }
            for i, name in enumerate(FILES)
        ],
    ],
    ids=[
        *("records", "names", "records by name", "coco", "object", "columns", "StyleGAN"),
        *("by class", "FiftyOne", "FiftyOne samples", "Label Studio"),
    ],
)
def test_annotations_are_read(root: Path, content: Any) -> None:
    flat(root / "images", 12)
    (root / "labels.json").write_text(json.dumps(content))
    images = load(root, ":test=0.01,size=16")
    assert images.classes == ("a", "b") and not images.warnings
    own = load_pixels(root / "images")
    for image, label in zip(images.train.images, images.train.labels, strict=True):
        assert (own[image.tobytes()] % 2 == 0) == (images.classes[label] == "b")


def load_pixels(folder: Path) -> dict[bytes, int]:
    """Return the number of each image by its pixels, as Pillow reads them."""
    from PIL import Image

    arrays = {i: np.asarray(Image.open(folder / name)) for i, name in enumerate(FILES)}
    return {array.transpose(2, 0, 1).tobytes(): i for i, array in arrays.items()}


def test_coco_files_of_each_split_are_read(root: Path) -> None:
    """As in Roboflow's _annotations.coco.json, where category 0 has no images."""
    for split, count in (("train", 8), ("test", 6)):
        flat(root / split, count, prefix=split)
        files = [f"{split}{i}.png" for i in range(count)]
        labels = [-1, *(1 + i % 2 for i in range(1, count))]
        content = coco(files, labels, ("animals", "cat", "dog"))
        (root / split / "_annotations.coco.json").write_text(json.dumps(content))
    images = load(root)
    assert images.classes == ("cat", "dog")
    assert (len(images.train), len(images.test)) == (7, 5)
    assert [note.text.split(",")[0] for note in images.warnings if note.kind == "no-class"] == [
        "1 row of `train/_annotations.coco.json` without a class",
        "1 row of `test/_annotations.coco.json` without a class",
    ]


def test_tags_of_samples_are_splits(root: Path) -> None:
    """As FiftyOne writes them."""
    flat(root / "data", 12)
    samples = [{"filepath": f"data/{i}.png", "tags": [("train", "test")[i > 7]],
                "ground_truth": {"_cls": "Classification", "label": "ab"[i % 2]}}
               for i in range(12)]  # fmt: skip
    (root / "samples.json").write_text(json.dumps({"samples": samples}))
    assert placed(root)[1] == {"a": ["data/10.png", "data/8.png"],
                               "b": ["data/11.png", "data/9.png"]}  # fmt: skip


def test_two_categories_of_one_image_are_refused(root: Path) -> None:
    flat(root / "images", 3)
    content = coco(["0.png", "1.png", "1.png"], [0, 0, 1], ("cat", "dog"))
    content["annotations"][2]["image_id"] = 101
    (root / "instances.json").write_text(json.dumps(content))
    message, hint = refused(root)
    assert "names `1.png` twice, as `cat` and as `dog`" in message
    assert hint.startswith("cut out the box of each object")


@pytest.mark.parametrize(
    "content",
    [
        '{"images": ["cat/0.png"], "masks": ["cat/1.png"]}',
        '[{"data": {"image": "cat/0.png"}, "annotations": [{"result": [7]}]}]',
        '{"classes": 7, "labels": {"0": []}}',
        '{"0": "cat", "1": "dog"}',
        '[{"id": 0, "label": "cat"}]',
        "[1, 2]",
        "{",
        "null",
        "[" * 9999,
    ],
)
def test_other_files_are_no_annotations(root: Path, content: str) -> None:
    fill(root)
    (root / "labels.json").write_text(content)
    images = load(root)
    assert images.classes == ("cat", "dog") and not images.warnings
