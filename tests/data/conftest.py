"""Fixtures of several test modules of data."""

from __future__ import annotations

from pathlib import Path

import pytest

from convcompare.data.dataset import Sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder for images."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """An empty cache and an empty folder of published files, without downloads."""
    (tmp_path / "data").mkdir()
    return Sources(tmp_path / "cache", tmp_path / "data", offline=True)
