"""``convcompare datasets``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convcompare.core import formatting
from convcompare.core.errors import UsageError
from convcompare.output.tables.formats import check_format
from convcompare.output.tables.table import Column, Table

from .. import completions as c
from .. import options as o
from ..output import emit_json, emit_table

COLUMNS = (
    Column("name", "data set", "left"),
    Column("shape", "shape", "left", priority=3),
    Column("classes", "classes", priority=4),
    Column("train", "train", show=formatting.count, priority=2),
    Column("test", "test", show=formatting.count, priority=2),
    Column("size", "size", show=lambda size: formatting.size(size) if size else "–", priority=5),
    Column("cached", "here", "left", show=lambda here: "yes" if here else "no", priority=1),
    Column("summary", "about", "left", priority=6, prose=True),
    Column("source", "source", "left", priority=7),
)

Name = Annotated[
    str | None,
    typer.Argument(
        help="Data set to show, as for `--dataset`: NAME or folder:PATH.",
        metavar="[NAME]",
        autocompletion=c.dataset_names,
        show_default=False,
    ),
]
Sheet = Annotated[
    Path | None,
    o.option(
        "--out",
        "-o",
        panel=o.OUTPUT,
        metavar="FILE",
        help="Draw examples of each class: a .png, .svg or .pdf.",
    ),
]


def datasets(
    name: Name = None,
    data_dir: o.DataDir = None,
    format: o.Format = "table",
    out: Sheet = None,
) -> None:
    """List the data sets, or show one: splits, classes, images, faults.

    $ convcompare datasets
    $ convcompare datasets folder:photos
    $ convcompare datasets folder:photos:size=64 --out sheet.png
    """
    from convcompare.data.dataset import Sources
    from convcompare.data.load import default_cache, list_datasets

    kind = check_format(format)
    cache = default_cache()
    if name is not None:
        from .dataset_details import show

        show(name, Sources(cache, data_dir), kind, out)
        return
    if out is not None:
        raise UsageError(
            "`--out` draws the images of one data set", "`convcompare datasets folder:PATH --out`"
        )
    rows = [dict(vars(status)) for status in list_datasets(Sources(cache, data_dir))]
    for row in rows:
        side = row["image_size"]
        row["shape"] = f"{row['channels']}×{side}×{side}" if side else None
    if kind == "json":
        emit_json({"datasets": rows})
        return
    note = f"not here: downloaded at first use into {cache}, and verified by checksum"
    emit_table(Table(COLUMNS, tuple(rows), (note,)), kind)
