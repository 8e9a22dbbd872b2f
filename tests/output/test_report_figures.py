"""Figures of reports: drawn once, cached by their contents, and accessible on a page."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from convcompare.output.plots import vector
from convcompare.output.plots.figure import Drawing, panels, styled
from convcompare.output.plots.rendered import RenderedFigure, render
from convcompare.output.plots.source import Source
from convcompare.output.report import drawn, figure_cache
from convcompare.output.report.drawn import draw_figures
from convcompare.output.report.figure_cache import FigureCache, key_of
from convcompare.output.report.sections import Section
from tests.support.figures import Made
from tests.support.figures import source as made_source

KIND = "seeds"


def made() -> Source:
    return made_source([Made("one"), Made("two", (0.8, 0.81, 0.79))])


@pytest.fixture
def source() -> Source:
    return made()


def of(source: Source) -> Section:
    return Section(source, "A comparison", figures=(KIND,))


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds that were drawn, in order."""
    found: list[str] = []
    real: Callable[..., drawn.Outcome] = drawn._draw

    def counted(source: Source, kind: str) -> drawn.Outcome:
        found.append(kind)
        return real(source, kind)

    monkeypatch.setattr(drawn, "_draw", counted)
    return found


def test_second_report_takes_figures_from_the_cache(
    source: Source, draws: list[str], tmp_path: Path
) -> None:
    first = draw_figures([of(source)], FigureCache(tmp_path))
    assert draws == [KIND]
    assert draw_figures([of(source)], FigureCache(tmp_path)) == first
    assert draws == [KIND]


def test_changed_record_is_drawn_again(source: Source, draws: list[str], tmp_path: Path) -> None:
    before = draw_figures([of(source)], FigureCache(tmp_path))
    group, *others = source.comparison.groups
    run = group.runs[0]
    last = dataclasses.replace(run.history[-1], test_accuracy=0.5)
    moved = dataclasses.replace(run, history=(*run.history[:-1], last))
    changed = dataclasses.replace(group, runs=(moved, *group.runs[1:]))
    comparison = dataclasses.replace(source.comparison, groups=(changed, *others))
    after = draw_figures(
        [of(dataclasses.replace(source, comparison=comparison))], FigureCache(tmp_path)
    )
    assert draws == [KIND, KIND]
    assert after != before


def test_same_picture_is_the_same_file() -> None:
    """Matplotlib's names of clip paths depend on the last bit of coordinates."""

    def drawn_with(salt: str) -> bytes:
        with styled(), matplotlib.rc_context({"svg.hashsalt": salt}):
            figure, axes = panels(6, 3, 2.0)
            for each in axes:
                each.plot([0, 1], [1, 0])
            return vector.svg(figure)

    first = drawn_with("one")
    assert first.count(b"<clipPath") == 6
    assert drawn_with("another") == first


@pytest.mark.parametrize("change", ["tool", "settings", "kind", "name"])
def test_cache_key_covers_everything_that_is_drawn(
    source: Source, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    before, kind = key_of(source, KIND), KIND
    assert before is not None and key_of(made(), KIND) == before
    if change == "tool":
        monkeypatch.setattr(figure_cache, "_tool", lambda: "another")
    elif change == "settings":
        monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 9.0)
    elif change == "kind":
        kind = "accuracy"
    else:
        source = dataclasses.replace(
            source, comparison=dataclasses.replace(source.comparison, baseline="another")
        )
    assert key_of(source, kind) != before


def test_damaged_figure_is_drawn_again(source: Source, draws: list[str], tmp_path: Path) -> None:
    draw_figures([of(source)], FigureCache(tmp_path))
    (kept,) = tmp_path.iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content.replace(b"png" if b'"png"' in content else b"svg", b"xyz", 1))
    draw_figures([of(source)], FigureCache(tmp_path))
    assert draws == [KIND, KIND]


def test_pruning_removes_the_oldest_figures(tmp_path: Path) -> None:
    cache = FigureCache(tmp_path)
    figure = RenderedFigure("a", "", "", "", None, "svg", b"x" * 1000, b"", 1, 1)
    for number in range(3):
        cache.keep(str(number), [figure])
        os.utime(tmp_path / f"{number}.figures", (number, number))
    cache.prune(4000)
    assert [number for number in range(3) if cache.get(str(number))] == [1, 2]


def test_svg_figure_has_text_and_the_colours_of_its_page() -> None:
    with styled():
        figure, (axes,) = panels(1, 1, 2, 4)
        axes.plot([0, 1], [0, 1], color="#0072B2")
        axes.set_xlabel("a <b> & c")
        found = render(Drawing("one", figure, "caption", ("x",), [(1,)], 'says "this"'))
    assert (found.kind, found.width, found.height) == ("svg", 384, 192)
    root = ElementTree.fromstring(found.file)
    texts = ["".join(one.itertext()) for one in root.iter() if one.tag.endswith("text")]
    assert "a <b> & c" in texts
    page = vector.inline(found.file, "one", found.alt, found.width, found.height)
    shown = ElementTree.fromstring(page)
    assert (shown.get("role"), shown.get("aria-label")) == ("img", 'says "this"')
    assert "stroke:var(--c0072b2,#0072b2)" in page
    ids = re.findall(r' id="([^"]+)"', page)
    referred = re.findall(r'(?:href="|url\()#([^")]+)', page)
    assert set(referred) == set(ids) and all(one.startswith("one-") for one in ids)


def test_image_figures_are_png_files() -> None:
    with styled():
        figure, (axes,) = panels(1, 1, 2, 4)
        axes.imshow([[0, 1], [1, 0]])
        found = render(Drawing("one", figure, "caption", ("x",), [(1,)]))
    assert found.kind == "png"
    assert found.file.startswith(b"\x89PNG") and found.page.startswith(b"\x89PNG")
