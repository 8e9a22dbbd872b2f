"""Data frames as files: CSV that pandas, R and spreadsheets read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from convcompare.comparison.robustness import is_measured
from convcompare.core.errors import UsageError, quote
from convcompare.core.registry import register
from convcompare.store import atomic_files

from ..rows import KINDS, rows
from ..tables.formats import csv_text

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment


@register.export("csv")
def csv(assessment: Assessment, target: str) -> Iterator[str]:
    """CSV files: a row for each of the models, the runs, the epochs; and of what was measured on
    damaged images, if it was.
    """
    folder = Path(target)
    if folder.suffix == ".csv" and not folder.is_dir():
        raise UsageError(
            f"{quote(target, 300)} names a file, and several are written",
            "`--out FOLDER`; `convcompare runs latest --out FILE.csv` writes the table alone",
        )
    atomic_files.make_folder(folder)
    measured = is_measured(assessment.comparison, assessment.store)
    for kind in KINDS if measured else KINDS[:-1]:
        found = rows(assessment, kind)
        names = list(found[0]) if found else []
        path = folder / f"{kind}.csv"
        atomic_files.write(path, csv_text(names, (list(row.values()) for row in found)).encode())
        yield str(path)
