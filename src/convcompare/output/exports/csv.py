"""Data frames as CSV files, for pandas, R and spreadsheets."""

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
    """Write CSV files with a row per model, run and epoch, and per measurement on damaged images.

    Raises:
        UsageError: If the target is a file name.
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
