"""A server of a small data set with every kind of fault, for the tests of downloads.

A stalling server stalls until its client disconnects: a client without a timeout hangs.
"""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from convcompare.data.dataset import Split
from convcompare.data.sources.download import Mirror
from tests.support.data import idx

_RNG = np.random.default_rng(5)
SPLITS = (
    Split(_RNG.integers(0, 256, (60, 1, 28, 28), np.uint8), _RNG.integers(0, 10, 60)),
    Split(_RNG.integers(0, 256, (20, 1, 28, 28), np.uint8), _RNG.integers(0, 10, 20)),
)


FILES = {
    f"{part}-{kind}-ubyte.gz": gzip.compress(idx(array), mtime=0)
    for part, split in zip(("train", "t10k"), SPLITS, strict=True)
    for kind, array in (("images-idx3", split.images[:, 0]), ("labels-idx1", split.labels))
}
SIZE = sum(len(content) for content in FILES.values())
ALL = "all"
"""Value of VICTIM for every file."""


class Handler(BaseHTTPRequestHandler):
    """``/FAULT/VICTIM/FILE``: the fault applies to the file VICTIM, others are served."""

    server: Server

    def do_GET(self) -> None:
        _, fault, victim, name = self.path.split("/")
        self.server.requests.append(self.path)
        if victim not in (ALL, name):
            self.good(FILES[name])
        elif fault.startswith("status_"):
            self.answer(b"no", status=int(fault[-3:]))
        else:
            getattr(self, fault)(FILES[name])

    def log_message(self, *args: object) -> None:
        pass

    def answer(self, content: bytes, length: int | None = None, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def good(self, content: bytes) -> None:
        self.answer(content)

    def stall(self, content: bytes) -> None:
        self.answer(content[: min(100, len(content) // 2)], len(content))
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
        self.answer(next(other for other in FILES.values() if other != content))

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
    """Return an archive of the permitted size that expands to a billion zeros."""
    return gzip.compress(bytes(90_000_000), 9)


class Server(ThreadingHTTPServer):
    """A server that runs within `served`; `requests` has the paths of all requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.over = threading.Event()
        self.requests: list[str] = []

    def handle_error(self, *args: Any) -> None:
        """Ignore a closed connection: the client is expected to hang up."""

    def base(self, fault: str, victim: str = ALL) -> str:
        """Return the base address of the files, one or all of which have a fault."""
        return f"http://127.0.0.1:{self.server_port}/{fault}/{victim}"

    def mirror(self, fault: str) -> Mirror:
        """Return a mirror all of whose files have a fault."""
        return Mirror(self.base(fault), tuple(FILES), SIZE)


@contextmanager
def served() -> Iterator[Server]:
    """Run a server until the end of the block."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            running.over.set()
            running.shutdown()
            thread.join()
