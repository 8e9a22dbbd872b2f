"""Prints results to the terminal, a pipe or a file, in the requested format."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from convcompare.core import formatting
from convcompare.core.errors import StoreError, UsageError, printable, shell_word
from convcompare.output.tables.formats import Format, chosen_format, render
from convcompare.output.tables.table import MOST_NOTES, Table, plain_console, print_table
from convcompare.store import atomic_files

from .console import err, out, show_error, show_warning, width

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.robustness import Robustness
    from convcompare.output.tables.robustness_table import Show
    from convcompare.store.run_store import RunStore

    from .option_groups import OutputOptions


def emit_table(
    table: Table, kind: Format, path: Path | None = None, most: int | None = None
) -> None:
    """Print a table or write it to a file, on a terminal with at most `most` lines of notes."""
    if kind != "table":
        emit_text(render(table, kind), path)
    elif path is None:
        console = out()
        print_table(console, table, width(console), most)
    elif path.suffix == ".txt":
        emit_text(_plain(table), path)
    else:
        emit_text(render(table, "markdown"), path)


def _plain(table: Table) -> str:
    """Return a table as shown on a terminal of unlimited width."""
    buffer = io.StringIO()
    print_table(plain_console(buffer), table, None)
    return buffer.getvalue().rstrip()


def emit_plan(table: Table, output: OutputOptions) -> None:
    """Print a plan; a file for results is not written, which a message reports."""
    emit_table(table, chosen_format(output.format, None))
    if output.out is not None:
        err().print(f"`--dry-run` writes no file: {printable(output.out)}", soft_wrap=True)


def emit_json(record: Mapping[str, Any], path: Path | None = None) -> None:
    """Print a JSON object with its schema version, or write it to a file."""
    whole = {"schema_version": 1, **record}
    emit_text(json.dumps(whole, indent=1, ensure_ascii=False, default=str), path)


def emit_text(text: str, path: Path | None) -> None:
    """Print text as it is, or write it to a file and report that."""
    if path is None:
        out().print(text, soft_wrap=True)
        return
    write_file(path, (text + "\n").encode())
    show_written(path)


def write_file(path: Path, data: bytes) -> None:
    """Write a file, and make its folder if there is none."""
    atomic_files.make_folder(path.parent)
    atomic_files.write(path, data)


def show_written(path: Path) -> None:
    """Report on stderr that a file was written."""
    from rich.text import Text

    err().print(Text.assemble("wrote ", (printable(path), f"link {path.absolute().as_uri()}")))


@dataclass(frozen=True)
class View:
    """How a comparison is shown.

    Attributes:
        columns: Additional columns.
        sort: Column by which the rows are sorted.
        verbose: Whether all notes and a warning per network are shown.
    """

    columns: Sequence[str] = ()
    sort: str | None = None
    verbose: bool = False

    @classmethod
    def parse(cls, columns: Sequence[str], sort: str | None, verbose: bool) -> View:
        """Return the view for the given options.

        Raises:
            UsageError: if it sorts by a column that is not shown.
        """
        from convcompare.output.tables.sorting import check_sort

        return cls(columns, None if sort is None else check_sort(sort, columns), verbose)


def emit_assessment(assessment: Assessment, kind: Format, path: Path | None, view: View) -> None:
    """Print the result of a comparison: table, verdicts, discrepancies, conclusions, warnings."""
    from convcompare.output.report.discrepancies import differences
    from convcompare.output.rows import rows
    from convcompare.output.tables.sorting import sorted_by
    from convcompare.output.tables.verdict_columns import assessed_json, assessed_table

    if not assessment.comparison.groups:
        gone = assessment.comparison.missing and not assessment.comparison.unfinished
        state = "is in the store" if gone else "has ended yet"
        raise UsageError(
            f"no run of the latest comparison {state}", "`convcompare runs` lists all runs"
        )
    shown = kind == "table" and path is None
    if shown and assessment.comparison.study:
        out().print(f"\n {_title(assessment.comparison.study)}\n", style="bold")
    table = assessed_table(assessment, view.columns)
    if kind == "json":
        named = {"table": rows(assessment, "models", view.columns)} if view.columns else {}
        emit_json({**assessed_json(assessment, table), **named}, path)
    else:
        table = sorted_by(table, view.sort) if view.sort else table
        most = None if view.verbose else MOST_NOTES
        if not shown:  # the table names the marks
            table = _with_verdicts(table, assessment, assessment.verdict_sentences)
        emit_table(table, kind, path, most)
    if shown:
        _print_verdicts(assessment)
        _print_list("discrepancies with published values", differences(assessment))
        _print_conclusions(assessment)
    show_warnings(assessment, each=view.verbose)


def emit_robustness(
    found: Robustness, assessment: Assessment, show: Show, kind: Format, path: Path | None
) -> None:
    """Print the table of networks on damaged images, verdicts and warnings."""
    from convcompare.output.tables.robustness_table import robustness_table

    if kind == "json":
        emit_json({**found.to_json(), "verdicts": assessment.to_json()["contrasts"]}, path)
    elif kind == "table" and path is None:
        emit_table(robustness_table(found, show), kind)
        _print_verdicts(assessment)
    else:
        table = _with_verdicts(robustness_table(found, show), assessment, assessment.sentences)
        emit_table(table, kind, path)
    show_warnings(assessment, each=True, timed=False)


def show_warnings(assessment: Assessment, each: bool, timed: bool = True) -> None:
    """Print the warnings of an assessment to stderr."""
    for text, hint in assessment.warnings(each, timed):
        show_warning(text, hint)


def _with_verdicts(table: Table, assessment: Assessment, sentences: Sequence[str]) -> Table:
    """Return the table with its verdicts as notes, for a file or another format."""
    return dataclasses.replace(table, notes=(*table.notes, *sentences, *assessment.notes))


def end(store: RunStore) -> None:
    """Report damage that a command skipped, and exit with the code for it."""
    show_damage(store)
    if store.damage:
        raise typer.Exit(StoreError.exit_code)


def show_damage(store: RunStore) -> None:
    """Report damage that a command skipped; the hints name the store unless it is the default."""
    usual = Path(os.environ.get("CONVCOMPARE_STORE") or "runs")
    named = "" if store.root == usual else f" --store {shell_word(store.root)}"
    for error in store.damage:
        if error.hint:
            error.hint = error.hint.replace("check --repair`", f"check --repair{named}`")
        show_error(error)


def _title(name: str) -> str:
    """Return the title of a study."""
    from convcompare.comparison.study import study_named
    from convcompare.core.registry import register

    if name not in register.study:
        return name
    study = study_named(name)
    return f"{study.title} · report {study.report}"


def _print_verdicts(assessment: Assessment) -> None:
    """Print the verdicts, and the matrix of all pairs if requested."""
    from convcompare.output.tables.verdict_block import verdict_blocks

    console = out()
    for heading, block in verdict_blocks(assessment, width(console)):
        console.print(f"\n {heading}\n", style="bold")
        emit_table(block, "table")
    _print_wrapped(assessment.notes)
    if assessment.all_pairs:
        from convcompare.output.tables.pair_table import pair_tables

        for table in pair_tables(assessment):
            console.print()
            emit_table(table, "table")


def _print_conclusions(assessment: Assessment) -> None:
    """Print each conclusion as a sentence with its number in the list of all conclusions."""
    from convcompare.comparison.claims.findings import findings, without_runs

    left = without_runs(assessment)
    lines = [one.sentence for one in findings(assessment)]
    _print_list("conclusions of the report", [*lines, *([left] if left else [])])


def _print_list(heading: str, lines: Sequence[str]) -> None:
    if lines:
        out().print(f"\n {heading}", style="bold")
        _print_wrapped(f"· {line}" for line in lines)


def _print_wrapped(lines: Iterable[str]) -> None:
    """Print lines, on a terminal wrapped with continuation lines indented."""
    console = out()
    columns = width(console)
    for line in lines:
        parts = [line] if columns is None else formatting.wrapped(line, columns - 2, "  ")
        for part in parts:
            console.print(f" {part}", soft_wrap=True)


def emit_paths(paths: Iterable[Path]) -> None:
    """Print paths of written files: links on a terminal, plain elsewhere."""
    from rich.text import Text

    for path in paths:
        out().print(Text(printable(path), style=f"link {path.absolute().as_uri()}"), soft_wrap=True)
