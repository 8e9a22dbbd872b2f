"""Missing paths are reported with suggestions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import fill

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("sets/Photos", "did you mean `photos`?"),
        ("sets/photo/cat", "did you mean `photos`?"),
        ("sets\\photos", "did you mean `folder:sets/photos`?"),
        ("'sets/photos'", "did you mean `folder:sets/photos`?"),
        (" sets/photos", "did you mean `folder:sets/photos`?"),
        ("file://{root}/sets/photos", "did you mean `folder:{root}/sets/photos`?"),
        ("https://example.org/photos", "it is an address: download what lies there"),
        ("sets/birds", "there is no `birds` in `{root}/sets`"),
    ],
)
def test_missing_folder_gets_a_suggestion(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch, path: str, hint: str
) -> None:
    fill(root / "sets" / "photos")
    monkeypatch.chdir(root)
    result = run("datasets", f"folder:{path.format(root=root)}")
    assert result.code == 3 and "there is no folder" in result.err
    assert hint.format(root=root) in result.err.replace("\n", " ")
    if "`folder:" in hint:
        spec = hint.format(root=root).split("`")[1]
        assert run("datasets", spec).code == 0


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_missing_file_gets_a_suggestion(run: Run, root: Path, kind: str) -> None:
    (root / f"train.{kind}").touch()
    result = run("datasets", f"{kind}:{root}/trian.{kind}")
    assert result.code == 3 and f"did you mean `train.{kind}`?" in result.err
