"""File operations: atomic writes, cleanup of leftovers, and no other module changes files."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import convcompare
from convcompare.core import process
from convcompare.core.errors import StoreError
from convcompare.store import atomic_files
from convcompare.store.disk import Disk

SOURCE = Path(convcompare.__file__).parent
CHANGES = {
    *("write_bytes", "write_text", "touch", "rename", "renames", "link", "symlink", "hardlink_to"),
    *("symlink_to", "unlink", "rmdir", "mkdir", "makedirs", "rmtree", "mkstemp", "mkdtemp"),
    *("copyfile", "copytree", "NamedTemporaryFile", "TemporaryDirectory", "truncate", "removedirs"),
}
OPENERS = {"Image", "tarfile", "gzip", "opener", "archive"}
"""Objects whose ``open`` only reads: pictures, archives, addresses."""
READS = {
    *("user_network", "registry", "plugins", "html", "cpu_contention", "hardware", "process"),
    *("failures", "archive", "array_file", "mnist_mini", "image_damage"),
    *("table_rows", "source_files", "completions", "cifar100", "kmnist", "hub_set"),
    *("npz_file", "checksums", "weights_file", "figure_cache", "json_tables", "stand_ins"),
    *("list_files", "tiff_tags", "bibliography"),
}
"""Modules that read files outside the store, or that verify the files themselves."""
STREAMS = {"worker", "torchrun_rank"}
TRANSIENT = {
    "torchrun": {"TemporaryDirectory"},
    "torchrun_launcher": {"mkdtemp", "rmtree", "read_text"},
    "ray_task": {"TemporaryDirectory", "rmtree"},
    "verify": {"TemporaryDirectory"},
    "streams": {"open"},
    "published_weights": {"mkdir"},
}
"""Operations of modules in their own temporary folder, which is deleted at the end, on the null
device, or in the cache of a library."""


class Full(Disk):
    """A disk whose operation of that name fails."""

    def __init__(self, operation: str) -> None:
        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        setattr(self, operation, fail)


@pytest.fixture
def restored() -> Iterator[None]:
    before = atomic_files.disk
    yield
    atomic_files.disk = before


@pytest.mark.parametrize("operation", ["create", "rename"])
def test_failed_write_leaves_the_old_file(tmp_path: Path, operation: str, restored: None) -> None:
    path = tmp_path / "file"
    atomic_files.write(path, b"old")
    atomic_files.disk = Full(operation)
    with pytest.raises(StoreError, match=r"cannot write `.*file`: No space left"):
        atomic_files.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_first_write_wins(tmp_path: Path) -> None:
    assert atomic_files.write_first(tmp_path / "a", b"one")
    assert not atomic_files.write_first(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_files_have_the_permissions_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_files.write(tmp_path / "a", b"")
        atomic_files.write_first(tmp_path / "b", b"")
    finally:
        os.umask(before)
    assert {p.stat().st_mode & 0o777 for p in tmp_path.iterdir()} == {0o640}


def test_only_files_of_dead_processes_are_collected(
    tmp_path: Path,
) -> None:
    code = (
        "import os, sys; from pathlib import Path; from convcompare.store import atomic_files\n"
        "atomic_files.write(Path(sys.argv[1]), lambda file: os._exit(0))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], check=True)
    assert len(atomic_files.leftovers(tmp_path)) == 1
    me = process.this()
    mine = tmp_path / f"{atomic_files.TEMPORARY}{me.host}-{me.pid}-{me.started}-0"
    mine.write_bytes(b"")
    atomic_files.make_folder(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]
    assert atomic_files.names(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "pipe", "large"])
def test_only_regular_files_of_a_bounded_size_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"12345")
    with pytest.raises(StoreError, match="cannot read"):
        atomic_files.read(path, limit=4)


def test_reused_pid_is_another_process() -> None:
    me = process.this()
    assert not me.dead
    assert process.Process(me.host, me.pid, me.started - 1).dead
    assert not process.Process("elsewhere", me.pid, me.started - 1).dead


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: p.stem)
def test_only_the_file_module_changes_files(path: Path) -> None:
    if path.parent == SOURCE / "store" and path.name in ("atomic_files.py", "disk.py"):
        return
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if ast.unparse(function).startswith("atomic_files."):
            continue
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = function.value if isinstance(function, ast.Attribute) else None
        whose = owner.id if isinstance(owner, ast.Name) else ""
        if name in CHANGES or (whose == "os" and name in ("open", "replace", "remove", "fdopen")):
            found.append(name)
        elif name in ("open", "read_bytes", "read_text") and whose not in OPENERS:
            found += [] if path.stem in READS else [name]
    others = set(found) - TRANSIENT.get(path.stem, set())
    assert not others or path.stem in STREAMS, others


def test_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """As `--out /dev/stdout`, which a command run as root would otherwise delete."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(StoreError, match="it is a device or a pipe"):
            atomic_files.write(tmp_path / name, b"text")
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "link").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "link"}
