"""Results on their way out: to the terminal, a pipe or a file, in the format asked for."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from .. import files
from ..tables import Format, Table, print_table, render
from .console import out, show_warning, talk, width

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..comparison import Comparison
    from ..drawing import Drawing
    from ..store import RunStore


def emit_table(table: Table, kind: Format, path: Path | None = None) -> None:
    """Print a table, or write it to a file."""
    if kind == "table" and path is None:
        console = out()
        print_table(console, table, width(console))
    else:
        emit_text(render(table, "markdown" if kind == "table" else kind), path)


def emit_text(text: str, path: Path | None) -> None:
    """Print text as it is, or write it to a file and say so."""
    if path is None:
        out().print(text, soft_wrap=True)
        return
    from rich.text import Text

    files.make_folder(path.parent)
    files.write(path, (text + "\n").encode())
    talk().print(Text.assemble("wrote ", (str(path), f"link {path.absolute().as_uri()}")))


def emit_comparison(
    comparison: Comparison,
    store: RunStore,
    kind: Format,
    path: Path | None,
    columns: Sequence[str] = (),
) -> None:
    """The result of a comparison: the table, what was published otherwise, and the warnings."""
    from ..comparison_table import comparison_table
    from ..differences import differences

    if kind == "json":
        emit_text(json.dumps(comparison.to_json(), indent=1, ensure_ascii=False), path)
    else:
        emit_table(comparison_table(comparison, store, columns), kind, path)
    told = differences(comparison, store)
    if told and kind == "table" and path is None:
        _print_list("published otherwise", told)
    for text, hint in comparison.warnings():
        show_warning(text, hint)


def _print_list(heading: str, lines: Sequence[str]) -> None:
    console = out()
    console.print(f"\n {heading}", style="bold")
    for line in lines:
        for part, start in _wrapped(line, width(console)):
            console.print(f" {start} {part}", soft_wrap=True)
    console.print()


def _wrapped(line: str, columns: int | None) -> list[tuple[str, str]]:
    parts = textwrap.wrap(line, columns - 4) if columns else [line]
    return [(part, "·" if i == 0 else " ") for i, part in enumerate(parts)]


def emit_drawings(drawings: Sequence[Drawing], folder: Path, kind: str) -> None:
    """Save figures with their data, and print where."""
    emit_paths(drawing.save(folder, kind) for drawing in drawings)


def emit_paths(paths: Iterable[Path]) -> None:
    """Print where something was written: a link on a terminal, a path elsewhere."""
    from rich.text import Text

    for path in paths:
        out().print(Text(str(path), style=f"link {path.absolute().as_uri()}"), soft_wrap=True)
