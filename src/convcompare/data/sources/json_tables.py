"""Annotations in JSON as rows of a table: lists of records, names with classes, COCO."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .image_files import names_image

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
    by column; or a list of records, or of images and classes (``[["7.png", 3]]``), in an object.
    """
    content = json_content(path)
    forms = [_records(content)] if isinstance(content, list) else []
    if isinstance(content, dict):
        coco = all(isinstance(content.get(key), list) for key in _COCO)
        forms = [list(_coco(content))] if coco else [_by_name(content), _by_column(content)]
        lists = [one for one in content.values() if isinstance(one, list)]
        forms += [] if coco or len(lists) != 1 else [_records(lists[0]), _pairs(lists[0])]
    return next(filter(_names_images, forms), [])


def _names_images(rows: list[Row]) -> bool:
    first = rows[0].values() if rows else ()
    return any(isinstance(one, str) and names_image(one) for one in first)


def _records(content: list[Any]) -> list[Row]:
    return content if all(isinstance(one, dict) for one in content) else []


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
