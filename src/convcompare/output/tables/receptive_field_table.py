"""Receptive fields as a table, as rows for a spreadsheet, and as JSON. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convcompare.core import formatting

from .table import Column, Table

if TYPE_CHECKING:
    from convcompare.analysis.receptive_field.axis import Axis
    from convcompare.analysis.receptive_field.traced import ReceptiveField
    from convcompare.analysis.receptive_field.tracer import LayerField

MOST_ROWS = 25
"""Maximum number of layers of all networks together that are shown without `--layers`."""
WHOLE = "whole image"
NOT_KNOWN = "not known"
WITHOUT_GATES = (
    "without gates: the features' own path, where a gate or attention sees the whole image"
)


def _sides(axes: Sequence[Axis | None], what: str) -> tuple[Any, Any]:
    """Return one quantity for height and width: an integer if it is one, None if there is none."""
    found = [None if axis is None else getattr(axis, what) for axis in axes]
    height, width = (
        one if one is None else int(one) if int(one) == one else float(one) for one in found
    )
    return height, width


def _reading(axes: Sequence[Axis | None]) -> dict[str, Any]:
    """Return each quantity, as [height, width] if the sides differ, and those of each side."""
    both = {name: _sides(axes, name) for name in ("size", "stride", "start")}
    return {
        **{name: pair[0] if pair[0] == pair[1] else list(pair) for name, pair in both.items()},
        "height": {name: height for name, (height, _) in both.items()},
        "width": {name: width for name, (_, width) in both.items()},
    }


def _strict(layer: LayerField) -> list[Axis | None]:
    return [None if whole else axis for axis, whole in zip(layer.axes, layer.whole, strict=True)]


def _layer_json(layer: LayerField) -> dict[str, Any]:
    """Return a layer as JSON; ``size`` is null for the whole image, ``local`` is without gates."""
    local = _reading(layer.axes) if layer.axes != (None, None) else None
    reading = _reading(_strict(layer))
    return {
        "name": layer.name,
        **{name: reading.pop(name) for name in ("size", "stride", "start")},
        "kind": layer.kind,
        "units": list(layer.units),
        **reading,
        "local": local,
    }


def to_json(model: str, found: ReceptiveField) -> dict[str, Any]:
    """Return one network as JSON: its features, and all its layers.

    ``size``, ``stride`` and ``start`` are those of the features before any global pooling and
    before a pooling head in front of it. Null means the whole image, or unknown if `not_known` has
    a reason.
    """
    nothing = dict.fromkeys(("size", "stride", "start", "height", "width", "local"))
    features = nothing if found.features is None else _layer_json(found.features)
    pooled = found.after_pooling
    return {
        "model": model,
        **{name: features[name] for name in nothing},
        "features": None if found.features is None else found.features.name,
        "after_pooling": None if pooled is None else _layer_json(pooled),
        "whole_from": found.whole_from,
        "image": list(found.image),
        "method": found.method,
        "reason": found.reason or None,
        "not_known": found.not_known or None,
        "layers": [_layer_json(layer) for layer in found.layers],
    }


LAYER_COLUMNS = (
    Column("shown_model", "model", "left", names=True),
    Column("layer", "layer", "left"),
    Column("size", "size"),
    Column("stride", "stride", priority=2),
    Column("start", "start", priority=3),
    Column("share", "of image", show=formatting.whole_percent, priority=1),
    Column("local", "without gates", priority=1),
    Column("note", "note", "left", priority=4, missing=""),
)
SUMMARY_COLUMNS = (
    Column("model", "model", "left", names=True),
    Column("size", "field"),
    Column("stride", "stride", priority=2),
    Column("start", "start", priority=4),
    Column("share", "of image", show=formatting.whole_percent, priority=1),
    Column("pooled", "after pooling", priority=3),
    Column("local", "without gates", priority=1),
    Column("whole_from", "whole image from", "left", priority=2),
    Column("method", "method", "left", priority=5),
)
_CSV = (
    "model", "layer", "kind", "height", "width", "stride_height", "stride_width", "start_height",
    "start_width", "local_height", "local_width", "rows", "columns", "method",
)  # fmt: skip


def field_table(fields: Mapping[str, ReceptiveField], layers: bool, image: str) -> Table:
    """Return a row per layer that changes the field, or per network if that exceeds 25 rows."""
    rows = [row for model, found in fields.items() for row in _layer_rows(model, found)]
    notes = _notes(fields, image)
    if layers or len(rows) <= MOST_ROWS:
        return Table(_filled(LAYER_COLUMNS, rows), tuple(rows), notes)
    rows = [_summary(model, found) for model, found in fields.items()]
    notes = ("field: the features before the first operation over all places", *notes)
    return Table(_filled(SUMMARY_COLUMNS, rows), tuple(rows), (*notes, "each layer: --layers"))


def _filled(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    """Return the columns that are not empty; the method unless all networks are traced."""
    optional = ("local", "pooled", "note", "whole_from")
    kept = [c for c in columns if c.key not in optional or any(row.get(c.key) for row in rows)]
    methods = {row.get("method") for row in rows}
    return tuple(c for c in kept if c.key != "method" or methods != {"traced"})


def csv_table(fields: Mapping[str, ReceptiveField]) -> Table:
    """Return every layer of every network with all figures, for programs; empty: whole image."""
    rows = []
    for model, found in fields.items():
        for layer in found.layers:
            strict, local = _strict(layer), layer.axes
            values: list[Any] = [model, layer.name, layer.kind]
            for what in ("size", "stride", "start"):
                values += _sides(strict, what)
            values += [*_sides(local, "size"), *layer.units, found.method]
            rows.append(dict(zip(_CSV, values, strict=True)))
    return Table(tuple(Column(key, key) for key in _CSV), tuple(rows))


def _layer_rows(model: str, found: ReceptiveField) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    before: tuple[Any, ...] = ()
    for layer in found.layers:
        state = (layer.axes, layer.whole)
        if state == before:
            continue
        before = state
        note = "" if layer.is_whole or not layer.covers(found.image) else "covers the image"
        rows.append(
            {
                "shown_model": "" if rows else model,
                "layer": layer.name,
                **_cells(layer, found.image),
                "note": "measured" if found.method == "measured" else note,
            }
        )
    if found.not_known:
        shown = "" if rows else model
        rows.append({"shown_model": shown, "layer": "features", "size": NOT_KNOWN})
    return rows


def _summary(model: str, found: ReceptiveField) -> dict[str, Any]:
    layer, pooled = found.features, found.after_pooling
    whole = NOT_KNOWN if found.not_known else WHOLE
    cells = {"size": whole} if layer is None else _cells(layer, found.image)
    return {
        "model": model,
        **cells,
        "pooled": None if pooled is None else _size(_strict(pooled)),
        "whole_from": found.whole_from,
        "method": found.method,
    }


def _cells(layer: LayerField, image: tuple[int, int]) -> dict[str, Any]:
    """Return the cells of a layer; stride and start are those of the features."""
    strict = _strict(layer)
    gated = any(layer.whole) and layer.axes != (None, None)
    shares = [
        1.0 if axis is None else min(1.0, axis.size / n)
        for axis, n in zip(strict, image, strict=True)
    ]
    size = _size(strict)
    return {
        "size": WHOLE if size is None else size,
        "stride": _shown(_sides(layer.axes, "stride")),
        "start": _shown(_sides(layer.axes, "start")),
        "share": None if size is None else max(shares),
        "local": _size(layer.axes) if gated else None,
    }


def show_size(layer: LayerField) -> str:
    """Return the size of a layer's field for people: ``7×7`` or ``whole image``."""
    return _size(_strict(layer)) or WHOLE


def _size(axes: Sequence[Axis | None]) -> str | None:
    if all(axis is None for axis in axes):
        return None
    return "×".join("all" if axis is None else str(axis.size) for axis in axes)


def _shown(pair: tuple[Any, Any]) -> str | None:
    texts = ["–" if value is None else formatting.minus(f"{float(value):.4g}") for value in pair]
    if pair == (None, None):
        return None
    return texts[0] if texts[0] == texts[1] else "×".join(texts)


def _notes(fields: Mapping[str, ReceptiveField], image: str) -> tuple[str, ...]:
    notes = [f"images of {image}; size, stride and start in pixels, height×width"]
    if any(
        layer.is_whole and layer.axes != (None, None) for f in fields.values() for layer in f.layers
    ):
        notes.append(WITHOUT_GATES)
    for model, found in fields.items():
        if found.method == "measured":
            notes.append(f"{model} is measured on an image, not traced: {found.reason}")
        if found.not_known:
            notes.append(f"{model}: its field is not known: {found.not_known}")
    return tuple(notes)
