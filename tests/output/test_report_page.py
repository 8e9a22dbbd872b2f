"""The page of a report in a browser, opened from disk: `make browser-test`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from convcompare import cli
from convcompare.output.code_spans import code
from convcompare.output.plots.figure import Drawing, panels
from convcompare.output.plots.rendered import render
from convcompare.output.report.document import (
    Bullets,
    CommandBlock,
    Document,
    Facts,
    FigureBlock,
    Heading,
    Paragraph,
    TableBlock,
    Warnings,
)
from convcompare.output.report.folder import write_report
from convcompare.output.tables.table import Column, Table
from tests.support.hostile import HANDLER, SCRIPT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: `apt install chromium`"),
]
OVERFLOW = """() => {
    const wide = [...document.querySelectorAll('body *')].filter(e =>
        !e.closest('.table table, figure div > *') &&
        e.getBoundingClientRect().right > innerWidth + 0.5);
    return [document.documentElement.scrollWidth > innerWidth, wide.map(e => e.outerHTML)];
}"""
# Numbers of a figure may have the colour of their mark, which needs a contrast of 3.
FAINT = """() => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const over = (top, below) => {
        const [r, g, b, a = 1] = numbers(top);
        return [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
    };
    const ground = e => {
        if (!e) return [255, 255, 255];
        const colour = getComputedStyle(e).backgroundColor;
        const opaque = numbers(colour)[3] ?? 1;
        return opaque === 0 ? ground(e.parentElement) : over(colour, ground(e.parentElement));
    };
    // BLACK and WHITE of figures are written on coloured areas: the last below their middle counts.
    const area = (e, below) => {
        const {left, right, top, bottom} = e.getBoundingClientRect();
        const [x, y] = [(left + right) / 2, (top + bottom) / 2];
        const holds = ({left, right, top, bottom}) =>
            left <= x && x <= right && top <= y && y <= bottom;
        return [...e.closest('svg').querySelectorAll('path')]
            .filter(p => getComputedStyle(p).fill !== 'none' && holds(p.getBoundingClientRect()))
            .reduce((rgb, p) => over(getComputedStyle(p).fill, rgb), below);
    };
    const onColour = ['rgb(1, 1, 1)', 'rgb(254, 254, 254)'];
    const light = rgb => rgb.map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const texts = [...document.querySelectorAll('body *')].filter(e =>
        e.checkVisibility() &&
        [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
    const contrasts = texts.map(e => {
        const style = getComputedStyle(e), colour = e.closest('svg') ? style.fill : style.color;
        const page = ground(e), behind = onColour.includes(colour) ? area(e, page) : page;
        const [low, high] = [light(over(colour, behind)), light(behind)]
            .sort((a, b) => a - b);
        return [(high + 0.05) / (low + 0.05), e.outerHTML];
    });
    return [contrasts.length, contrasts.filter(([contrast, html]) =>
        contrast < (html.startsWith('<text') ? 3 : 4.5))];
}"""


def extreme_page(folder: Path) -> Path:
    """Write a page with very long words, a wide table and a tall figure; return its path."""
    long = "x" * 300
    columns = tuple(
        Column(f"c{i}", f"heading {i}", "left" if i == 0 else "right") for i in range(20)
    )
    rows = tuple({column.key: f"{HANDLER} {long}"[:80] for column in columns} for _ in range(3))
    drawings = [
        render(Drawing(name, panels(1, 1, width, height)[0], long, ("model",), [(long,)], HANDLER))
        for name, width, height in (("wide", 20, 1), ("tall", 1, 12))
    ]
    blocks = [
        Heading(2, long),
        Paragraph(f"{long} {code(long)}"),
        Bullets([long, code(long)]),
        Warnings([(long, code(long))]),
        TableBlock(Table(columns, rows, (long,), frozenset([1])), long),
        Heading(3, f"{SCRIPT} {HANDLER}"),
        *map(FigureBlock, drawings),
        Facts([(long, long), (code(long), code(long))]),
        CommandBlock(f"convcompare {long} '{SCRIPT}'"),
    ]
    return write_report(Document(long, long, blocks), folder)[1]


@pytest.fixture(scope="module")
def paths(hostile_store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(hostile_store.parent)
        assert cli.run(["report", "--out", str(folder / "hostile")]) == 0
    return {
        "hostile": folder / "hostile" / "report.html",
        "torture": extreme_page(folder / "torture"),
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [("hostile", 400, "light"), ("hostile", 1400, "dark"), ("torture", 400, "dark"),
     ("torture", 1400, "light")],
)  # fmt: skip
def test_page_loads_offline_fits_and_is_legible(
    browser: Any, paths: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    messages: list[str] = []
    requests: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("dialog", lambda dialog: messages.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(paths[name].as_uri(), wait_until="load")
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [paths[name].as_uri()]
    sizes = page.evaluate("[...document.images].map(i => i.complete && i.naturalWidth)")
    assert len(sizes) + page.evaluate("document.querySelectorAll('svg.plot').length") >= 2
    assert all(sizes)
    assert page.evaluate(OVERFLOW) == [False, []]
    headings = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => h.tagName)")
    levels = [int(heading[1]) for heading in headings]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(after <= before + 1 for before, after in pairwise(levels))
    texts, faint = page.evaluate(FAINT)
    assert texts > 20
    assert faint == []
    page.close()


def test_page_is_accessible(browser: Any, paths: dict[str, Path]) -> None:
    page = browser.new_page()
    page.goto(paths["hostile"].as_uri())
    broken = "[...document.querySelectorAll('a')].filter(a => !document.querySelector(a.hash))"
    assert page.evaluate(f"{broken}.length") == 0
    assert page.evaluate("[...document.images].every(i => i.alt.length > 20)")
    assert page.evaluate("document.querySelectorAll('table caption').length") == 1
    assert page.evaluate("document.querySelectorAll('thead th:not([scope=col])').length") == 0
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title() == "Convolutional networks compared"
    assert SCRIPT in page.inner_text("table")
    assert page.evaluate("document.scripts.length") == 0
    page.close()


def test_page_prints_in_light_colours(browser: Any, paths: dict[str, Path]) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(paths["hostile"].as_uri())
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(FAINT)[1] == []
    page.close()


def test_contents_are_folded_on_narrow_screens_only(browser: Any, paths: dict[str, Path]) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 800})
    page.goto(paths["hostile"].as_uri())
    assert page.evaluate("document.querySelector('main h2').getBoundingClientRect().top") < 500
    assert not page.locator("nav a").first.is_visible()
    page.get_by_text("Contents", exact=True).click()
    assert page.locator("nav a").first.is_visible()
    page.set_viewport_size({"width": 1600, "height": 900})
    page.reload()
    assert page.locator("nav a").first.is_visible()
    page.close()
