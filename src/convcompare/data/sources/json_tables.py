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
    names of images; or the images, annotations and categories of COCO (one row per annotation).
    """
    content = json_content(path)
    rows = _records(content) if isinstance(content, list) else []
    if isinstance(content, dict):
        coco = all(isinstance(content.get(key), list) for key in _COCO)
        rows = list(_coco(content)) if coco else _by_name(content)
    named = rows and any(isinstance(one, str) and names_image(one) for one in rows[0].values())
    return rows if named else []


def _records(content: list[Any]) -> list[Row]:
    return content if all(isinstance(one, dict) for one in content) else []


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
