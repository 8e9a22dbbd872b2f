"""Write the tables of docs/reference/screens.md, of invented runs with five seeds.

python docs/screens_page.py            writes them into the page
python docs/screens_page.py --check    fails if they are not current
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))

from convcompare.comparison.assessment import Assessment
from convcompare.output.tables.table import MOST_NOTES, print_table
from convcompare.output.tables.verdict_block import verdict_blocks
from convcompare.output.tables.verdict_columns import assessed_table
from convcompare.store.run_store import Predictions, RunStore
from tests.support.runs import FCN, comparison, series, shifted

PAGE = Path(__file__).parent / "reference" / "screens.md"
HEADING = "## Tables\n"
SCREENS = ((2, (40, 120)), (12, (40, 80, 120, 200)))
"""Numbers of networks, and columns of the terminals that show them."""


def page() -> str:
    """Return the page with the current tables."""
    before, heading, _ = PAGE.read_text(encoding="utf-8").partition(HEADING)
    parts = [
        f"### {networks} networks, {columns} columns\n\n```text\n{shown}```\n"
        for networks, widths in SCREENS
        for columns, shown in screens(networks, widths)
    ]
    return before + heading + "\n" + "\n".join(parts)


def screens(networks: int, widths: Iterable[int]) -> Iterator[tuple[int, str]]:
    """Iterate over terminal widths and the output for this number of networks."""
    with tempfile.TemporaryDirectory() as folder:
        assessment = _assessment(networks, Path(folder))
        for columns in widths:
            yield columns, _screen(assessment, columns)


def _screen(assessment: Assessment, columns: int) -> str:
    file = io.StringIO()
    console = Console(file=file, width=columns, highlight=False, markup=False)
    print_table(console, assessed_table(assessment), columns, MOST_NOTES)
    for heading, block in verdict_blocks(assessment, columns):
        console.print(f"\n {heading}\n")
        print_table(console, block, columns)
    for note in assessment.notes:
        console.print(f" {note}")
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def _assessment(networks: int, folder: Path) -> Assessment:
    """Return the assessment of the same invented runs each time."""
    store, runs = RunStore(folder), []
    predictions = Predictions(np.zeros((10_000, 10), np.float32), np.arange(10_000) % 10)
    kernels = [f"cnn:kernel={side},dropout=0.25" for side in range(5, 27, 2)]
    for place, label in enumerate(["cnn:kernel=3", *kernels][:networks]):
        better = 0.003 * ((place * 5) % 12 - 4)
        for one in series(label, shifted(FCN[:5], better, noise=1 + place % 4)):
            with store.lock(one.id):
                store.begin(one.trial, one.environment)
                runs.append(store.finish(one, None, predictions))
    return Assessment(comparison(*runs), store)


def main() -> None:
    """Write or check the page."""
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    elif page() != PAGE.read_text(encoding="utf-8"):
        sys.exit(f"{PAGE.name} is not current: python {Path(__file__).name}")


if __name__ == "__main__":
    main()
