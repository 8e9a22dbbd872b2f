"""Sort the rows of a table by one of its columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from convcompare.core.errors import UsageError, did_you_mean, quote

from .columns import DEFAULT, EXTRA, named
from .table import Column, Table

ALIASES = {"accuracy": "test_accuracy"}
ALWAYS = ("model", "status", "score", *(figure.column.key for figure in DEFAULT))


def check_sort(name: str, columns: Sequence[str]) -> str:
    """Return the key of the column to sort by, in a table with `columns` besides the default ones.

    Raises:
        UsageError: If no table has such a column, or this one does not.
    """
    key = _key(name)
    there = [*ALWAYS, *(figure.column.key for one in columns for figure in named(one))]
    if key in there:
        return key
    if name in EXTRA:
        raise UsageError(
            f"the table has no column {quote(name)} to sort by", f"add `--columns {name}`"
        )
    known = [one.replace("_", "-") for one in there]
    raise UsageError(
        f"there is no column {quote(name)} to sort by",
        did_you_mean(name, known) or f"columns: {', '.join(known)}",
    )


def sorted_by(table: Table, key: str) -> Table:
    """Return the table sorted by a column: best first if it has a best, otherwise smallest first.

    Rows without a value come last, in their present order. Row numbers are kept. A table without
    the column is unchanged.
    """
    column = next((one for one in table.columns if one.key == key), None)
    if column is None:
        return table
    order = sorted(range(len(table.rows)), key=lambda row: _rank(table, column, row))
    unranked = frozenset(place for place, row in enumerate(order) if row in table.unranked)
    places = {row: place for place, row in enumerate(order)}
    doubted = frozenset((places[row], key) for row, key in table.doubted)
    rows = tuple(table.rows[row] for row in order)
    return dataclasses.replace(table, rows=rows, unranked=unranked, doubted=doubted)


def _key(name: str) -> str:
    key = name.strip().lower()
    key = ALIASES.get(key, key)
    return key.replace("-", "_") if key.replace("-", "_") in ALWAYS else key


def _rank(table: Table, column: Column, row: int) -> tuple[bool, Any]:
    value = table.rows[row].get(column.key)
    if value is None:
        return True, 0
    if isinstance(value, str):
        return False, value
    return False, -float(value) if column.best == "high" else float(value)
