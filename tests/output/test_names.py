"""Shortened names: without common parts, distinct, and with wide characters counted as two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from convcompare.output.names import elided, fitted

KERNELS = [f"cnn:layers=32-MP-64-MP,kernel={k}" for k in (3, 5, 7)]


def test_names_that_fit_are_unchanged() -> None:
    assert fitted(KERNELS, 40) == KERNELS


def test_common_parts_are_left_out_first() -> None:
    assert fitted(KERNELS, 12) == ["…kernel=3", "…kernel=5", "…kernel=7"]
    files = ["/home/me/nets/a.py:Net", "/home/me/nets/b.py:Net"]
    assert fitted(files, 10) == ["…a.py…", "…b.py…"]


def test_family_is_kept_if_there_is_room() -> None:
    assert fitted(KERNELS, 24) == ["cnn:…kernel=3", "cnn:…kernel=5", "cnn:…kernel=7"]
    assert fitted(["simple", *KERNELS], 24)[0] == "simple"


def test_long_common_prefix_stays_readable() -> None:
    base = "residual:width=16,stem_bias=false,grid=1,blocks=2x16-2x32/2-2x64/2"
    shown = fitted([base, f"{base},block=wide"], 24)
    assert shown == ["residual:wid…32/2-2x64/2", "residual:…,block=wide"]
    assert fitted([f"{base},block=wide", base], 24) == shown[::-1]


def test_short_name_that_prefixes_another_is_kept() -> None:
    assert fitted(["fcn", "fcn:hidden=1000,dropout=0.25"], 12) == ["fcn", "fcn:hi…=0.25"]


def test_wide_characters_take_two_cells() -> None:
    ends = fitted(["net:k=3", *(f"net:k={k},dropout=0.25" for k in (5, 11, 13))], 9)
    assert ends == ["…k=3", "…k=5,dro…", "…k=11,dr…", "…k=13,dr…"], "what they differ in is kept"
    names = ["net:kernel=3", *(f"net:kernel={k},dropout=0.25" for k in (5, 11, 13))]
    assert fitted(names, 9) == ["…3", "…5,dropo…", "…11,drop…", "…13,drop…"]
    assert elided("卷积神经网络比较", 9) == "卷积…比较"
    assert cell_len(elided("🙂" * 9, 8)) <= 8


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=8), st.integers(12, 30))
def test_shortened_names_fit_and_are_distinct(names: list[str], room: int) -> None:
    names = [name for name in names if name.isprintable()]
    short = fitted(names, room)
    assert all(cell_len(name) <= room for name in short)
    assert len(set(short)) == len(set(names))
    assert fitted(names, room) == short
