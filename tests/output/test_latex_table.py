"""LaTeX of reports: tables, the paragraph on methods and the bibliography."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from convcompare.output.report.document import TableBlock
from convcompare.output.report.latex_table import to_latex
from convcompare.output.tables.latex_layout import latex
from convcompare.output.tables.page_cells import Folded
from convcompare.output.tables.table import Column, Linked, Table
from tests.support.latex import assert_fits, typeset

RECORDED = Path(__file__).parents[2] / "docs" / "results" / "recorded"
needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None or shutil.which("bibtex") is None, reason="no LaTeX here"
)


@needs_latex
def test_latex_files_of_a_report_can_be_typeset(tmp_path: Path) -> None:
    """The recorded report: 17 tables, one over several pages, with all citations."""
    shutil.copytree(RECORDED / "tables", tmp_path / "tables")
    for name in ("methods.tex", "report.bib"):
        shutil.copy(RECORDED / name, tmp_path / name)
    numbers = range(1, 1 + len(list((tmp_path / "tables").iterdir())))
    included = "".join(f"\\input{{tables/table-{number}}}\\clearpage\n" for number in numbers)
    works = "\\bibliographystyle{plain}\\bibliography{report}"
    first = typeset(f"\\input{{methods}}\n{included}{works}", tmp_path)
    assert_fits(first)
    done = subprocess.run(["bibtex", "page"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "Warning" not in done.stdout, done.stdout
    cited = set(re.findall(r"\\bibitem\{(\w+)\}", (tmp_path / "page.bbl").read_text()))
    methods = (tmp_path / "methods.tex").read_text()
    assert cited == {one for keys in re.findall(r"\\cite\{([^}]+)\}", methods)
                     for one in keys.split(",")}  # fmt: skip


NAMES = Column("model", "model", "left", names=True)


@needs_latex
@pytest.mark.parametrize(
    "table",
    [
        Table((NAMES,), ({"model": "50 % & #1_{x} ~^\\ \"<|>' → √ é × ± −"},)),
        Table((NAMES, Column("a", "")), ()),
        Table(
            (NAMES, *(Column(f"c{i}", f"figure {i}") for i in range(30))),
            tuple({"model": f"cnn:{n}", **{f"c{i}": 10.0**i for i in range(30)}} for n in range(3)),
        ),
        Table((NAMES, Column("a", "a")), tuple({"model": str(n), "a": n} for n in range(200))),
        Table(
            (NAMES, *(Column(f"t{i}", "text", "left") for i in range(4))),
            tuple({"model": f"cnn:{n}", **dict.fromkeys(["t0", "t1", "t2", "t3"], "word " * 60)}
                  for n in range(12)),
        ),
        Table(
            (NAMES, *(Column(f"t{i}", "some figure", show=lambda _: "0.9876 ± 0.0012")
                      for i in range(12))),
            tuple({"model": "torchvision:mobilenet_v3_large:dropout=0.25,width=512x256x128",
                   **dict.fromkeys([f"t{i}" for i in range(12)], 1.0)} for _ in range(60)),
            ("in doubt: not converged: torchvision:mobilenet_v3_large:dropout=0.25,width=512x256",),
        ),
    ],
    ids=["signs", "no rows", "30 columns", "200 rows", "much text", "long names on two pages"],
)  # fmt: skip
def test_odd_tables_fit_the_page(table: Table, tmp_path: Path) -> None:
    in_report = to_latex(TableBlock(table, "A `caption` of 5 %."), 1)
    assert_fits(typeset(f"{in_report}\\clearpage\n{latex(table)}", tmp_path))


def test_narrow_table_is_neither_smaller_nor_split() -> None:
    columns = (Column("number", "№", priority=8), NAMES, Column("loss", "test loss"))
    text = latex(Table(columns, ({"number": 1, "model": "residual", "loss": 0.12},)))
    assert text.startswith("\\begin{tabular}{rlr}") and "footnotesize" not in text
    assert "test loss" in text
    wide = (*columns, *(Column(f"c{i}", f"some figure{i}") for i in range(9)))
    text = latex(Table(wide, ({"number": 1, "model": "residual"},)))
    assert text.startswith("% in 2 parts") and text.count("\\shortstack[r]{\\strut some") == 9
    assert "No." not in text, "as on a terminal, the number of the row is left out first"


def test_each_part_names_its_rows_and_has_every_cell_once() -> None:
    columns = (NAMES, *(Column(f"c{i}", f"heading{i}") for i in range(12)))
    row = {"model": "residual", **{f"c{i}": f"{i}.1234567" for i in range(12)}}
    text = to_latex(TableBlock(Table(columns, (row,)), "Caption."), 4)
    parts = text.count("\\begin{tabular}")
    assert parts > 1 and text.count("residual") == parts
    for i in range(12):
        assert text.count(f" {i}.1234567") == 1 and text.count(f"heading{i} ") == 1
    assert text.count("\\caption") == 1 and "\\label{tab:convcompare-4}" in text


def test_folded_details_are_not_printed() -> None:
    columns = (NAMES, Column("why", "evidence", "left"))
    row = {"model": "residual", "why": Folded("evidence", Linked(("a, b, c",)))}
    text = to_latex(TableBlock(Table(columns, (row,)), "Caption."), 1)
    assert "residual" in text and "evidence" not in text and "a, b, c" not in text


def test_number_and_interval_stay_in_one_line() -> None:
    columns = (NAMES, *(Column(f"c{i}", f"text {i}", "left") for i in range(5)))
    row = {
        "model": "residual",
        **{f"c{i}": "× contradicted by +1.47 ± 0.28 points" for i in range(5)},
    }
    text = to_latex(TableBlock(Table(columns, (row,)), "Caption."), 1)
    assert "p{" in text and text.count("& $\\times$~contradicted by +1.47~$\\pm$~0.28~points") == 5
