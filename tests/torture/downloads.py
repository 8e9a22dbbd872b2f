"""Servers that stall, cut, lie and redirect: the next source, and no unverified byte.

A server that stalls does so until its client has gone: who is too patient hangs.
"""

from __future__ import annotations

import gzip
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from .harness import Case, Outcome, cases, must, nursery

CONNECT, SPEED, WINDOW = 0.6, 20_000.0, 0.6
"""Patience of these tests: seconds for an answer, bytes a second over so many seconds."""
FAULTS = (
    "stall",
    "mute",
    "drip",
    "cut",
    "wrong",
    "swapped",
    "flip",
    "empty",
    "redirect_file",
    "redirect_loop",
    "status_404",
    "status_500",
    "status_503",
    "endless",
    "huge",
    "html",
    "reset",
    "garbage",
    "long_header",
    "bomb",
)


def downloads(n: int, seed: int) -> Outcome:
    """Round robin over the faults: in one file at random of the first source, then of all."""
    return cases([_case(FAULTS[number % len(FAULTS)], number) for number in range(n)], seed)


@lru_cache
def files() -> dict[str, bytes]:
    dice = np.random.default_rng(5)
    files = {}
    for part, count in (("train", 60), ("t10k", 20)):
        images = dice.integers(0, 256, (count, 28, 28), np.uint8)
        labels = dice.integers(0, 10, count).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            sizes = b"".join(side.to_bytes(4, "big") for side in array.shape)
            idx = bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()
            files[f"{part}-{kind}-ubyte.gz"] = gzip.compress(idx, mtime=0)
    return files


class Handler(BaseHTTPRequestHandler):
    """``/FAULT/VICTIM/FILE``: the fault happens to the file VICTIM, the others are answered."""

    server: Server

    def do_GET(self) -> None:
        _, fault, victim, name = self.path.split("/")
        content = files()[name]
        if fault == "good" or name != victim:
            self.answer(content)
        elif fault.startswith("status_"):
            self.answer(b"no", status=int(fault[-3:]))
        else:
            getattr(self, fault)(content)

    def log_message(self, *args: object) -> None:
        pass

    def answer(self, content: bytes, length: int | None = None, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def stall(self, content: bytes) -> None:
        self.answer(content[: len(content) // 2], len(content))
        self.server.over.wait()

    def mute(self, content: bytes) -> None:
        self.server.over.wait()

    def drip(self, content: bytes) -> None:
        self.answer(b"", len(content))
        for byte in content:
            if self.server.over.wait(0.05):
                return
            self.wfile.write(bytes((byte,)))

    def cut(self, content: bytes) -> None:
        self.answer(content[: random.randrange(len(content))], len(content))
        self.connection.close()

    def reset(self, content: bytes) -> None:
        self.connection.close()

    def wrong(self, content: bytes) -> None:
        self.answer(random.randbytes(len(content)))

    def swapped(self, content: bytes) -> None:
        self.answer(next(other for other in files().values() if other != content))

    def flip(self, content: bytes) -> None:
        raw = bytearray(gzip.decompress(content))
        raw[-1] ^= 1
        self.answer(gzip.compress(bytes(raw), mtime=0))

    def empty(self, content: bytes) -> None:
        self.answer(b"")

    def html(self, content: bytes) -> None:
        self.answer(b"<!DOCTYPE html><title>Log in to the network</title>")

    def garbage(self, content: bytes) -> None:
        self.wfile.write(b"\x00\xff not HTTP at all\r\n" * 10)

    def long_header(self, content: bytes) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n")

    def bomb(self, content: bytes) -> None:
        self.answer(_bomb())

    def huge(self, content: bytes) -> None:
        self.answer(b"0" * 100, 10**12)

    def endless(self, content: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.over.is_set():
            self.wfile.write(bytes(100_000))

    def redirect_file(self, content: bytes) -> None:
        self.redirect("file:///etc/hostname")

    def redirect_loop(self, content: bytes) -> None:
        self.redirect(self.path)

    def redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()


@lru_cache
def _bomb() -> bytes:
    """A billion zeros in what is allowed of a file."""
    return gzip.compress(bytes(90_000_000), 9)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.over = threading.Event()

    def handle_error(self, *args: Any) -> None:
        """The client hung up, as it should."""

    def base(self, fault: str, victim: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{fault}/{victim}"


@contextmanager
def served() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            running.over.set()
            running.shutdown()
            thread.join()


def _case(fault: str, number: int) -> tuple[str, Case]:
    def case(dice: random.Random, folder: Path) -> None:
        random.seed(dice.random())
        with served() as server:
            bad = server.base(fault, dice.choice(list(files())))
            good = server.base("good", "none")
            alone = fetch(folder / "one", [bad])
            must(alone["error"], f"the bytes of {fault} were used")
            must(alone["code"] == 3 and alone["hint"], alone)
            must(not [n for n in alone["left"] if n.endswith((".npz", ".part"))], alone)
            both = fetch(folder / "two", [bad, good])
            must(not both["error"], both)
            must([n for n in both["left"] if not n.startswith("tiny.lo")] != [], both)
            from_cache = fetch(folder / "two", [bad])
            must(from_cache["sha256"] == both["sha256"] == fingerprint_of_all(), from_cache)

    return f"server: {fault}", case


def fetch(cache: Path, bases: list[str], data_dir: str = "") -> dict[str, Any]:
    """What a process gets of a data set that these servers publish, or this folder holds."""
    cache.parent.mkdir(exist_ok=True)
    given = {"cache": str(cache), "bases": bases, "data_dir": data_dir}
    found: dict[str, Any] = nursery().call(
        "tests.torture.downloads:obtain_it", cache.parent, **given
    )
    return found


def obtain_it(cache: str, bases: list[str], data_dir: str) -> None:
    """Fetch in this process; print what came, or the error."""
    from convcompare.core.errors import ConvcompareError
    from convcompare.data.dataset import Sources, fingerprint
    from convcompare.data.sources.download import Mirror, Patience
    from convcompare.data.sources.fetch import PublishedFiles, obtain
    from convcompare.data.sources.idx import read_idx_folder

    names = tuple(files())
    size = sum(map(len, files().values()))
    origins = tuple(Mirror(base, names, size) for base in bases)
    published = PublishedFiles("tiny", "Tiny", fingerprint_of_all(), read_idx_folder, origins)
    found: dict[str, Any] = {"error": "", "hint": "", "code": 0, "sha256": ""}
    try:
        sources = Sources(Path(cache), data_dir=Path(data_dir) if data_dir else None)
        splits, _ = obtain(published, sources, Patience(CONNECT, SPEED, WINDOW))
        found["sha256"] = fingerprint(splits)
    except ConvcompareError as error:
        found |= {"error": error.message, "hint": error.hint, "code": error.exit_code}
    left = sorted(path.name for path in Path(cache).iterdir()) if Path(cache).exists() else []
    print(json.dumps({**found, "left": left}))


@lru_cache
def fingerprint_of_all() -> str:
    from convcompare.data.dataset import Split, fingerprint

    arrays = []
    for content in files().values():
        raw = gzip.decompress(content)
        sides = raw[3]
        shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(sides)]
        arrays.append(np.frombuffer(raw[4 + 4 * sides :], np.uint8).reshape(shape))
    splits = [
        Split(images[:, None], labels.astype(np.int64))
        for images, labels in zip(arrays[::2], arrays[1::2], strict=True)
    ]
    return fingerprint(splits)
