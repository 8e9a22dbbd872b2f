"""Reports: text is escaped, nothing is left out, and the same records give the same report."""

from __future__ import annotations

import dataclasses
import io
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from PIL import Image

from convcompare.comparison.comparison import Comparison, InterimSchedule
from convcompare.comparison.unplanned_looks import Picked
from convcompare.data.dataset import Sources
from convcompare.output.code_spans import code, one_line, spans
from convcompare.output.plots import vector
from convcompare.output.plots.figure import styled
from convcompare.output.plots.pictures import canvas
from convcompare.output.plots.rendered import RenderedFigure
from convcompare.output.plots.style import short
from convcompare.output.report.bibliography import WORKS, bibtex
from convcompare.output.report.compose import compared, compose
from convcompare.output.report.document import (
    Block,
    Bullets,
    CommandBlock,
    Details,
    Document,
    Facts,
    FigureBlock,
    Heading,
    Paragraph,
    TableBlock,
    Warnings,
    unique_names,
)
from convcompare.output.report.html import to_html
from convcompare.output.report.markdown import to_markdown
from convcompare.output.report.methods import as_latex, as_text, cited, looks
from convcompare.output.report.sections import Section, select
from convcompare.output.report.setup import changed_surroundings, conditions, trained_seeds
from convcompare.output.tables.page_cells import DrawnInterval, Folded, Mark
from convcompare.output.tables.table import Column, Link, Linked, Table
from convcompare.store.run_store import RunStore
from tests.support.hostile import HANDLER, SCRIPT
from tests.support.runs import FCN, comparison, series, trained

Run = Callable[..., Any]
HOSTILE = [
    SCRIPT,
    HANDLER,
    "`a` ``b` |c| $d$ $`e`$",
    "# one\n\n- two\n<b>three</b>\n```\n</pre>",
    "</title></style><svg onload=alert(1)>&lt;&amp;",
    "[x](javascript:alert(1)) ![y](http://example.org/z.png) <http://example.org>",
    "\x1b[31m\u202eabc\x00\ud800",
]
VALUES = ("text", "mark", "interval", "folded")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"


VOID = {"meta", "img", "br", "wbr"}


class Tags(HTMLParser):
    """Checks that every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def assert_well_formed(page: str) -> None:
    """Assert that every element is closed, and every picture has a text or repeats one."""
    tags = Tags()
    tags.feed(page)
    assert tags.opened == []
    for picture in re.findall(r"<(?:img|svg)\b[^>]*>", page):
        assert re.search(r'(?:alt|aria-label)="[^"]+"|aria-hidden="true"', picture)


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser finds them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words += data


def svg_of(text: str) -> bytes:
    """Return an SVG file that shows a text, shortened to 400 characters."""
    with styled():
        figure, axes = canvas(4, 1)
        axes.text(0, 0, short(text, 400))
        return vector.svg(figure)


def everywhere(text: str) -> Document:
    """Return a document with a text in every place for one, plain and as a code span."""
    figures = [
        RenderedFigure("figure", text, shown, "", (text,), kind, file, b"", 1, 1)
        for shown in (text, code(text))
        for kind, file in (("png", b""), ("svg", svg_of(text)))
    ]
    columns = (Column("model", text, "left"), *(Column(name, name) for name in VALUES))
    values = (text, Mark("✓", text, "yes"), DrawnInterval(text, 1, 0, 2, 1.5),
              Folded(text, Linked((text, Link(text, "#")))))  # fmt: skip
    row = {"model": text, **dict(zip(VALUES, values, strict=True))}
    table = Table(columns, (row,), (text, code(text)))
    blocks: list[Block] = [Heading(2, text), Heading(3, code(text))]
    for shown in (text, code(text)):
        blocks += [
            Paragraph(shown),
            Bullets([shown]),
            Warnings([(shown, shown)]),
            TableBlock(table, shown),
            *map(FigureBlock, figures),
            Facts([(shown, shown)]),
            Facts([(shown, shown)], boxed=True),
            Details(shown, [Paragraph(shown)]),
        ]
    return Document(text, text, [*blocks, CommandBlock(text)])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_html_escapes_every_text(text: str) -> None:
    plain, page = (Page(to_html(everywhere(t))) for t in ("name", text))
    kept = [[t for t in p.tags if t not in ("code", "wbr", "span")] for p in (plain, page)]
    assert kept[0] == kept[1]
    assert page.attributes == plain.attributes
    assert page.words.count(one_line(text)) >= 6


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_markdown_escapes_every_text(text: str) -> None:
    rendered = []
    for shown in ("name", text):
        markdown = to_markdown(everywhere(shown), {"figure": "figures/figure.png"})
        markdown.encode()
        html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)
        rendered.append(Page(html))
    plain, page = rendered
    assert [t for t in page.tags if t != "code"] == [t for t in plain.tags if t != "code"]
    assert page.words.count(one_line(text)) >= 6


@settings(max_examples=40)
@given(st.text())
def test_code_span_preserves_a_name(name: str) -> None:
    pieces = [(text, is_code) for text, is_code in spans(f"a {code(name)} b") if text]
    assert pieces == [("a ", False), (one_line(name) or "–", True), (" b", False)]


@given(st.lists(st.text(max_size=90)))
def test_file_names_are_safe_and_distinct(texts: list[str]) -> None:
    names = unique_names(texts)
    assert len(set(names)) == len(texts)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,70}", name) for name in names)


def test_picture_is_scaled_down_to_a_maximum_size() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "png")
    noisy = RenderedFigure(
        "noise",
        "",
        "",
        "",
        None,
        "png",
        buffer.getvalue(),
        page=bytes(90_000),
        width=400,
        height=300,
    )
    assert noisy.page_within(10**9) == noisy.page
    found = noisy.page_within(40_000)
    assert len(found) < 40_000
    with Image.open(io.BytesIO(found)) as opened:
        assert opened.width / opened.height == pytest.approx(4 / 3, abs=0.02)


# Reports of runs


def section(store: Path) -> Section:
    (found,) = select([], RunStore(store), Sources(store, store.parent))
    return found


@pytest.fixture
def composed(hostile_store: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Document]:
    """Compose the report of the hostile comparison, with changes to its section."""
    monkeypatch.chdir(hostile_store.parent)

    def call(store: Path = hostile_store, **changes: Any) -> Document:
        return compose([dataclasses.replace(section(store), **changes)])

    return call


def as_markdown(document: Document) -> str:
    return to_markdown(document, {d.name: f"figures/{d.name}.png" for d in document.figures})


def test_report_command_writes_a_self_contained_report(
    run: Run, hostile_store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(hostile_store.parent)
    done = run("report", "--out", str(tmp_path / "one"))
    assert done.code == 0, done.err
    paths = [Path(line) for line in done.out.splitlines()]
    assert paths == [tmp_path / "one" / "report.md", tmp_path / "one" / "report.html"]
    markdown, page = (path.read_text() for path in paths)
    assert_well_formed(page)
    entries = re.findall(
        r"^@[a-z]+\{([a-z0-9]+),$", (tmp_path / "one/report.bib").read_text(), re.M
    )
    assert sorted(entries) == sorted(
        key for keys in re.findall(r"\\cite\{([^}]+)\}", (tmp_path / "one/methods.tex").read_text())
        for key in keys.split(",")
    )  # fmt: skip
    assert len(list((tmp_path / "one/tables").iterdir())) == page.count("<table>")
    linked = re.findall(r"\]\((figures/[^)]+)\)", markdown)
    assert len(linked) == 2 * page.count("<figure>") > 10
    assert set(linked) == {f"figures/{p.name}" for p in (tmp_path / "one/figures").iterdir()}
    assert not re.findall(r"(?:src|href)=\"(?!data:image/png;base64,|#)", page)
    assert not re.findall(r"url\((?!#)", page) and "<script" not in page
    assert SCRIPT not in page
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in page
    assert len(page) < 1_000_000


@pytest.mark.torture
def test_same_records_give_the_same_files(
    run: Run, hostile_store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(hostile_store.parent)
    for name in ("one", "two"):
        assert run("report", "--out", str(tmp_path / name)).code == 0
    for path in (tmp_path / "one").rglob("*.*"):
        twin = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == twin.read_bytes(), path.name


def test_same_records_give_the_same_text(composed: Callable[..., Document]) -> None:
    assert as_markdown(composed(figures=["loss"])) == as_markdown(composed(figures=["loss"]))


def test_heading_levels_descend_one_at_a_time(composed: Callable[..., Document]) -> None:
    document = composed(figures=["loss", "gradients"])
    tags = Page(to_html(document)).tags
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert levels == [1, 2, 2, 3, 3, 2]


def test_report_contains_what_its_section_specifies(composed: Callable[..., Document]) -> None:
    document = composed(
        title="Depth", summary="Does depth help?", name="depth", figures=["gradients"],
        columns=["macs"],
    )  # fmt: skip
    text = as_markdown(document)
    for words in ("## Depth", "Does depth help?", "- fcn:hidden=8 "):
        assert words in text
    (table,) = (block.table for block in document.blocks if isinstance(block, TableBlock))
    assert "macs" in [column.key for column in table.shown]
    names = [drawing.name for drawing in document.figures]
    assert names[0] == "depth-gradients-by-layer"
    assert "convcompare compare 'net`|$x$*_&<script>alert(1)</script>.py:Net' fcn:hidden=8" in text


def test_report_has_the_dates_of_its_runs(
    composed: Callable[..., Document], hostile_store: Path
) -> None:
    """Not the date of the command that showed them last."""
    source = section(hostile_store).source
    days = iter(["2026-01-05", "2026-01-03", "2026-01-04"] * 9)
    groups = tuple(
        dataclasses.replace(
            group, runs=tuple(dataclasses.replace(run, ended=next(days)) for run in group.runs)
        )
        for group in source.comparison.groups
    )
    later = dataclasses.replace(source.comparison, groups=groups, created="2026-02-01")
    dated = composed(source=dataclasses.replace(source, comparison=later), figures=())
    assert "of 2026-01-03 to 2026-01-05, by" in dated.subtitle


def test_figure_names_the_networks_that_it_lacks(composed: Callable[..., Document]) -> None:
    (filters,) = composed(figures=["filters"]).figures
    assert "Nothing of this kind is recorded of `fcn:hidden=8`." in filters.caption


def test_missing_records_are_named(
    composed: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunStore, "analysis", lambda *_: None)
    document = composed(figures=["gradients", "filters"])
    assert not list(document.figures)
    text = as_markdown(document)
    assert "Not recorded, `gradients`: these runs recorded no gradients; ``" in text
    assert text.count("--fresh `` records it") == 2


def test_missing_images_are_reported(
    composed: Callable[..., Document], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Not drawn, `activations`: " in as_markdown(composed(figures=["activations"]))


def test_incomplete_runs_are_named(
    composed: Callable[..., Document], hostile_store: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(hostile_store, tmp_path / "runs"))
    record = RunStore(store).comparison(RunStore(store).comparisons()[-1])
    (run_id,) = record["models"][1]["trials"]
    (store / run_id / "run.json").unlink()
    assert f"Without a result: `fcn:hidden=8` (run {run_id}) incomplete" in as_markdown(
        composed(store, figures=())
    )
    for path in store.glob("*/run.json"):
        path.unlink()
    text = as_markdown(composed(store, figures=()))
    assert "No network has a result on" in text
    assert text.count("incomplete at epoch 0") == 2


def test_diverged_runs_are_named(run: Run, tmp_path: Path) -> None:
    mini = ("--dataset", "mnist-mini", "--epochs", "1", "--threads", "1")
    assert run("compare", *mini, "fcn:hidden=8", "--optimizer", "sgd", "--lr", "1e25").code == 1
    assert run("report").code == 0
    text = (tmp_path / "convcompare-report" / "report.md").read_text()
    assert "Without a result: `fcn:hidden=8` (seed 0) diverged." in text
    assert "There are no figures: no run has finished." in text


def test_conditions_report_different_machines_and_versions(hostile_store: Path) -> None:
    comparison = section(hostile_store).comparison
    assert not changed_surroundings(comparison)
    first, *rest = comparison.groups
    place = dataclasses.replace(first.runs[0].environment, processor="another", torch="1.0")
    moved = dataclasses.replace(first.runs[0], environment=place)
    groups = (dataclasses.replace(first, runs=(moved,)), *rest)
    other: Comparison = dataclasses.replace(comparison, groups=groups)
    assert [text.split(":")[0] for text, _ in changed_surroundings(other)] == [
        "the runs were not all made on one machine",
        "the runs were not all made with the same versions, which may differ a little",
    ]
    facts = dict(conditions(other))
    assert facts["Processor"].startswith("another; ")
    assert facts["Seeds"] == "seed 0"
    assert "SHA-256" in facts["Own code"]


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        ([], "no comparison in `runs`, which does not exist", "`convcompare compare` creates one"),
        (
            ["lates"],
            "no study, comparison, model or run is called `lates`",
            "did you mean `latest`?",
        ),
    ],
)
def test_invalid_options_are_refused(run: Run, arguments: list[str], error: str, hint: str) -> None:
    done = run("report", *arguments)
    assert (done.code, done.out) == (2, "")
    assert error in done.err
    assert hint in done.err


def test_report_begins_with_a_summary(composed: Callable[..., Document]) -> None:
    document = composed(figures=())
    heading, question, answer, table, *_ = document.blocks
    assert heading == Heading(2, "Summary")
    assert isinstance(question, Paragraph) and question.text.startswith("Question: how does ")
    assert isinstance(answer, Bullets) and "trained with one seed" in answer.items[-1]
    assert isinstance(table, TableBlock)
    (box,) = (one for one in document.blocks if isinstance(one, Facts) and one.boxed)
    assert dict(box.pairs)["Seeds"] == "seed 0"


def test_names_are_unchanged_and_captions_are_sentences(
    composed: Callable[..., Document], hostile_store: Path
) -> None:
    document = composed(figures=("verdicts", "accuracy"))
    page, labels = as_markdown(document), section(hostile_store).comparison.labels
    answer = next(block for block in document.blocks if isinstance(block, Bullets)).items[0]
    assert answer.startswith(tuple(labels)), "a network is not called otherwise in a sentence"
    for figure in document.figures:
        assert not re.search(r"\. (?:hollow|marked)", f"{figure.caption} {figure.alt}")
    assert "with convcompare (version " in page
    given = [dict(block.pairs) for details in document.blocks if isinstance(details, Details)
             for block in details.blocks if isinstance(block, Facts)]  # fmt: skip
    assert all(name != value for facts in given for name, value in facts.items())


def test_both_documents_have_the_same_numbers(composed: Callable[..., Document]) -> None:
    document = composed(figures=())
    (block,) = document.tables
    words = Page(to_html(document)).words.replace("\u00a0", " ")
    markdown = re.sub(r"\\([\[\]])", r"\1", as_markdown(document))  # without escapes
    for row in range(len(block.table.rows)):
        for column in block.table.shown[2:]:
            shown = block.table.text(row, column)
            assert shown in markdown and shown in words


def test_only_known_works_are_cited() -> None:
    text = f"Adjusted [@holm1979], on {code('folder:[@none]')} [@student1908; @smyth2004]."
    assert cited(text) == ["holm1979", "student1908", "smyth2004"]
    assert as_text(text).endswith("on `folder:[@none]` (Student, 1908; Smyth, 2004).")
    assert "\\cite{student1908,smyth2004}" in as_latex(text)
    assert as_latex("5 % of `a_b`") == "5 \\% of \\texttt{a\\_b}\n"
    for entry in bibtex(WORKS).split("\n\n"):
        assert re.match(r"@[a-z]+\{[a-z0-9]+,\n(  [a-z]+ = \{.*\},?\n)+\}", entry)
        assert entry.count("{") == entry.count("}")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"plan": InterimSchedule((3, 5), 1, 0.005)}, "it was tested after 3 and 5 seeds"),
        (
            {"looked": (3,)},
            "of 3 could be seen, which was not planned: up to 10 %",
        ),
        ({"picked": Picked(8, 2)}, "The 2 seeds of a comparison were picked from 8 after their"),
        (
            {"picked": Picked(8, 2, unseen=True)},
            "could be seen, after those of 6 others.",
        ),
    ],
)
def test_methods_describe_how_seeds_were_added_or_chosen(
    changes: dict[str, Any], expected: str
) -> None:
    text = " ".join(looks(dataclasses.replace(comparison(trained("fcn", 0, 0.9)), **changes)))
    assert expected in text and bool(expected) == bool(text)


def test_conditions_name_the_epoch_whose_figures_are_shown() -> None:
    last = comparison(trained("fcn", 0, 0.9))
    assert dict(conditions(last))["Epochs"] == "5; the figures are those after the last"
    terms = dataclasses.replace(last.conditions, selected="the epoch best on held-out images")
    best = dataclasses.replace(last, conditions=terms)
    assert dict(conditions(best))["Epochs"].endswith("after the epoch best on held-out images")


def test_report_states_the_number_of_seeds_of_each_network() -> None:
    runs = [*series("fcn", FCN), *series("simple", FCN[:3])]
    assert trained_seeds(comparison(*runs)) == "3 to 8 seeds"
    assert trained_seeds(comparison(*runs[:8])) == "8 seeds"
    assert trained_seeds(comparison(runs[0])) == "one seed"
    assert " with 3 to 8 seeds each" in compared(comparison(*runs))
