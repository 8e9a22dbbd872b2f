"""Files over HTTP: bounded in size and in patience, never downgraded. Standard library only."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from convcompare.store import atomic_files

Advance = Callable[[int], None]
"""Told the number of bytes that have just come in."""
_CHUNK = 1 << 16


class SourceError(Exception):
    """A source did not deliver: why, in a few words. `slow`: it did answer, and might in time."""

    def __init__(self, reason: str, slow: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.slow = slow


@dataclass(frozen=True)
class Patience:
    """How long to wait for a source.

    ``connect`` is in seconds, for the connection and for each read after it; a source that sends
    less than ``min_speed`` bytes a second on average over ``window`` seconds is too slow.
    """

    connect: float = 10.0
    min_speed: float = 200_000.0
    window: float = 15.0

    def seconds_for(self, size: int) -> float:
        """The longest that `size` bytes may take."""
        return max(4 * self.window, size / self.min_speed if self.min_speed else 3600.0)


class Origin(Protocol):
    """A place on the network that data sets come from."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def size(self) -> int:
        """Bytes to be fetched."""

    def fetch(self, folder: Path, patience: Patience, advance: Advance) -> None:
        """Put the files into `folder`, which is empty; raises SourceError."""


@dataclass(frozen=True)
class Mirror:
    """A server with the files of a data set, under `base`; `size` is their bytes together."""

    base: str
    files: tuple[str, ...]
    size: int

    @property
    def name(self) -> str:
        """The host."""
        return urllib.parse.urlsplit(self.base).netloc

    def fetch(self, folder: Path, patience: Patience, advance: Advance) -> None:
        """Download the files into `folder`, which is empty; raises SourceError."""
        left = self.size + self.size // 20 + 100_000
        for file in self.files:
            target = folder / file
            download(f"{self.base}/{file}", target, left, patience, advance)
            left -= target.stat().st_size


def download(
    url: str, target: Path, max_bytes: int, patience: Patience, advance: Advance = lambda _: None
) -> None:
    """Write what `url` answers to `target`, which nobody has verified yet.

    Raises SourceError where the source does not answer, breaks off, is too slow or sends more than
    `max_bytes`; StoreError where `target` cannot be written.
    """
    opener = urllib.request.build_opener(_NoDowngrade())
    request = urllib.request.Request(url, headers={"User-Agent": "convcompare"})
    try:
        response = opener.open(request, timeout=patience.connect)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(f"HTTP {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SourceError(_reason(error)) from None
    with response:
        atomic_files.write(target, lambda file: _copy(response, file, max_bytes, patience, advance))


def _copy(
    response: http.client.HTTPResponse,
    file: IO[bytes],
    max_bytes: int,
    patience: Patience,
    advance: Advance,
) -> None:
    declared = response.headers.get("Content-Length", "")
    expected = int(declared) if declared.isdecimal() else None
    if expected is not None and expected > max_bytes:
        raise SourceError("more than expected")
    total, window_start, window_bytes = 0, time.monotonic(), 0
    while True:
        try:
            chunk = response.read1(_CHUNK)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceError(_reason(error, "broke off")) from None
        if not chunk:
            break
        file.write(chunk)
        advance(len(chunk))
        total += len(chunk)
        window_bytes += len(chunk)
        if total > max_bytes:
            raise SourceError("more than expected")
        elapsed = time.monotonic() - window_start
        if elapsed >= patience.window:
            if window_bytes < patience.min_speed * elapsed:
                raise SourceError("too slow", slow=True)
            window_start, window_bytes = time.monotonic(), 0
    if expected is not None and total != expected:
        raise SourceError("broke off")


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to anything else, nor away from the web."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, *rest: Any
    ) -> urllib.request.Request | None:
        scheme = urllib.parse.urlsplit(rest[-1]).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            fp.close()
            raise SourceError("redirects to an insecure address")
        return super().redirect_request(req, fp, code, msg, *rest)


def _reason(error: Exception, otherwise: str = "no connection") -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "no answer"
    if isinstance(cause, ssl.SSLError):
        return "no trusted connection"
    return otherwise
