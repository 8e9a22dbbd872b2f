"""Write the levels of the usual looks, computed with four times the cells of other schedules.

python benchmarks/look_levels.py  (about two minutes; writes comparison/stats/look_levels.py)
"""

from __future__ import annotations

from pathlib import Path

from convcompare.comparison.stats import spending
from convcompare.comparison.stats.estimates import ALPHA

SCHEDULE = (3, 5, 8, 13, 20)
HYPOTHESES = 6
CELLS = 4 * spending.CELLS


def text() -> str:
    """The module."""
    rows = []
    for hypotheses in range(1, HYPOTHESES + 1):
        levels = spending.exact_levels(SCHEDULE, ALPHA / hypotheses, CELLS)
        rows.append(f"        ({', '.join(f'{level:.4g}' for level in levels)}),")
    return f'''"""Levels of the usual looks, by `benchmarks/look_levels.py`: not written by hand."""

from __future__ import annotations

from collections.abc import Mapping

KNOWN: Mapping[tuple[int, ...], tuple[tuple[float, ...], ...]] = {{
    {SCHEDULE}: (
{chr(10).join(rows)}
    ),
}}
"""By the numbers of seeds: the level of each look for one hypothesis, for each of two, of three…"""
'''


def main() -> None:
    Path(spending.__file__).with_name("look_levels.py").write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
