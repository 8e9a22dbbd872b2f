"""Annotations in JSON as rows of a table: lists of records, names with classes, COCO."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .image_files import names_image
from .split_names import names_masks, says_nothing, split_words

LARGEST = 64 << 20
"""Maximum size of a file that is read, in bytes."""
_COCO = ("images", "annotations", "categories")
Row = dict[str, object]


def json_content(path: Path) -> Any:
    """Return the content of a JSON file, or of its lines; None if it is too large or not JSON."""
    if path.stat().st_size > LARGEST:
        return None
    text = path.read_bytes()
    with suppress(ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return json.loads(text)
    with suppress(ValueError, RecursionError):
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return None


def annotation_rows(path: Path) -> list[Row]:
    """Return the rows of a file of annotations, by column; empty for other files.

    Annotations are a list of records, one field of which names an image; classes or records by the
    names of images; the images, annotations and categories of COCO (one row per annotation); a list
    by column; a list of images by class; or a list of records, or of images and classes
    (``[["7.png", 3]]``), in an object. Exports of Label Studio have a row per choice, and those of
    FiftyOne are places in a list of classes, or samples with a label.
    """
    content = json_content(path)
    forms = [_tasks(content), _records(content)] if isinstance(content, list) else []
    if isinstance(content, dict):
        if rows := [*_places(content)]:  # names of images without their extension
            return rows
        coco = all(isinstance(content.get(key), list) for key in _COCO)
        forms = [list(_coco(content))] if coco else [_by_name(content), _by_column(content)]
        forms.append(_by_class(content))
        lists = [one for one in content.values() if isinstance(one, list)]
        forms += [] if coco or len(lists) != 1 else [_records(lists[0]), _pairs(lists[0])]
    return next(filter(_names_images, forms), [])


def _names_images(rows: list[Row]) -> bool:
    first = rows[0].values() if rows else ()
    return any(isinstance(one, str) and names_image(one) for one in first)


def _records(content: list[Any]) -> list[Row]:
    if not all(isinstance(one, dict) for one in content):
        return []
    return [{name: _of_sample(name, value) for name, value in one.items()} for one in content]


def _of_sample(name: str, value: Any) -> Any:
    """Return the class of a classification of FiftyOne, or its only tag; other values as they are.

    Tags may be splits.
    """
    if isinstance(value, dict) and value.get("_cls") == "Classification":
        return value.get("label")
    return value[0] if name == "tags" and isinstance(value, list) and len(value) == 1 else value


def _tasks(content: list[Any]) -> list[Row]:
    """Return a row per choice in tasks of Label Studio, and one without a class for other tasks."""
    rows: list[Row] = []
    with suppress(AttributeError, KeyError, TypeError):  # of another form
        for task in content:
            texts = (one for one in task["data"].values() if isinstance(one, str))
            file = next(filter(names_image, texts), None)
            results = [result for one in task["annotations"] if not one.get("was_cancelled")
                       for result in one["result"]]  # fmt: skip
            labels = [label for one in results for label in one["value"].get("choices", ())]
            rows += [{"file": file, "label": label} for label in labels or [None]]
        return rows
    return []


def _places(content: dict[str, Any]) -> Iterator[Row]:
    """Yield the rows of images with the places of their classes in a list, as FiftyOne has them."""
    names, labels = content.get("classes", ...), content.get("labels")
    if not isinstance(labels, dict) or not isinstance(names, list | None):
        return
    for file, value in labels.items():
        label = value.get("label") if isinstance(value, dict) else value
        if isinstance(label, int) and isinstance(names, list):
            label = names[label] if 0 <= label < len(names) else None
        yield {"file": file, "label": label}


def _by_class(content: dict[str, Any]) -> list[Row]:
    """Return the rows of lists of images by class; empty if the keys may be something else."""
    rows = [{"file": file, "label": name} for name, files in content.items()
            if isinstance(files, list) for file in files]  # fmt: skip
    generic = any(says_nothing(name) or names_masks(name) or split_words(name) for name in content)
    images = all(isinstance(row["file"], str) and names_image(row["file"]) for row in rows)
    return rows if images and not generic else []


def _pairs(content: list[Any]) -> list[Row]:
    """Return the rows of images and classes, one of each per entry."""
    if not all(isinstance(one, list) and len(one) == 2 for one in content):
        return []
    return [{"file": file, "label": label} for file, label in content]


def _by_column(content: dict[str, Any]) -> list[Row]:
    """Return the rows of lists of equal length, one of which names images; empty for others."""
    lists = {name: one for name, one in content.items() if isinstance(one, list)}
    rows = [dict(zip(lists, cells, strict=False)) for cells in zip(*lists.values(), strict=False)]
    same = all(len(one) == len(rows) for one in lists.values()) and len(lists) > 1
    images = [
        one for one in (rows or [{}])[0].values() if isinstance(one, str) and names_image(one)
    ]
    return rows if same and len(images) == 1 else []


def _by_name(content: dict[str, Any]) -> list[Row]:
    return [
        {"file": name, **value} if isinstance(value, dict) else {"file": name, "label": value}
        for name, value in content.items()
    ]


def _coco(content: dict[str, Any]) -> Iterator[Row]:
    """Yield a row per annotation, and one without a class for images that have none."""
    images, annotations, categories = (_records(content[key]) for key in _COCO)
    names = {one.get("id"): one.get("name") for one in categories}
    labels: dict[object, list[Row]] = {}
    for one in annotations:
        row = {"label": names.get(one.get("category_id")), "bbox": one.get("bbox")}
        labels.setdefault(one.get("image_id"), []).append(row)
    for image in images:
        for row in labels.get(image.get("id"), [{"label": None, "bbox": None}]):
            yield {"file": image.get("file_name"), **row}
