"""Fixtures of several test modules of data."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder for images."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder
