"""Recorded stores of earlier versions, and what a folder holds."""

from __future__ import annotations

from pathlib import Path

V1 = Path(__file__).parents[1] / "stores" / "v1"
FINISHED, HALF_DONE, DIVERGED = "50ade97872ea", "87cea62a4ecb", "ebbd92f4264e"


def contents(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in [folder, *folder.rglob("*")]
    }
