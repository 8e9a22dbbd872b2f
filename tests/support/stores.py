"""A recorded store of version 1, and comparison of folders."""

from __future__ import annotations

from pathlib import Path

V1 = Path(__file__).parents[1] / "stores" / "v1"
FINISHED, INTERRUPTED, DIVERGED = "50ade97872ea", "87cea62a4ecb", "ebbd92f4264e"


def contents(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Return modification time and bytes of every file and folder, by path."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in [folder, *folder.rglob("*")]
    }


def files(store: Path, name: str) -> dict[str, bytes]:
    """Return the bytes of the files of that name, by run."""
    return {path.relative_to(store).parts[0]: path.read_bytes() for path in store.glob(f"*/{name}")}


def assert_same_bits(one: Path, other: Path) -> None:
    """Assert that the runs of two stores have equal weights and logits."""
    for name in ("weights.safetensors", "test_logits.npz"):
        assert files(one, name) == files(other, name) != {}
