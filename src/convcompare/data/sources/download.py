"""Downloads over HTTP, with limits on size and time. Standard library only.

Redirects from https to http are refused.
"""

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
from typing import IO, Any

from convcompare.store import atomic_files

Advance = Callable[[int], None]
"""Called with the number of bytes that have just arrived."""
_CHUNK = 1 << 16


class SourceError(Exception):
    """Raised if a source fails.

    Attributes:
        reason: the reason in a few words.
        slow: whether it responded but too slowly, so that a longer wait may succeed.
    """

    def __init__(self, reason: str, slow: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.slow = slow


@dataclass(frozen=True)
class TimeLimits:
    """Time limits for a source.

    Attributes:
        connect: timeout of the connection and of each read, in seconds.
        min_speed: average speed, in bytes per second, below which a source is too slow.
        window: time over which the speed is averaged, in seconds.
    """

    connect: float = 10.0
    min_speed: float = 200_000.0
    window: float = 15.0

    def seconds_for(self, size: int) -> float:
        """Return the maximum duration of `size` bytes, in seconds."""
        return max(4 * self.window, size / self.min_speed)


@dataclass(frozen=True)
class Mirror:
    """A server with the files of a data set.

    Attributes:
        base: URL of the folder of the files.
        files: names of the files.
        size: size of all files in bytes.
    """

    base: str
    files: tuple[str, ...]
    size: int

    @property
    def name(self) -> str:
        """Host of the server, for messages."""
        return urllib.parse.urlsplit(self.base).netloc

    def fetch(self, folder: Path, limits: TimeLimits, advance: Advance) -> None:
        """Download the files into the empty `folder`; raise SourceError if that fails."""
        left = self.size + self.size // 20 + 100_000
        for file in self.files:
            target = folder / file
            download(f"{self.base}/{file}", target, left, limits, advance)
            left -= target.stat().st_size


def download(url: str, target: Path, max_bytes: int, limits: TimeLimits, advance: Advance) -> None:
    """Download `url` to `target`, without verifying its content.

    Args:
        url: URL of the file.
        target: path of the file to write.
        max_bytes: maximum size of the file.
        limits: time limits.
        advance: called with the number of bytes of each chunk.

    Raises:
        SourceError: if the source does not respond, breaks off, is too slow or sends more than
            `max_bytes`.
        StoreError: if `target` cannot be written.
    """
    opener = urllib.request.build_opener(_NoDowngrade())
    request = urllib.request.Request(url, headers={"User-Agent": "convcompare"})
    try:
        response = opener.open(request, timeout=limits.connect)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(f"HTTP {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SourceError(_reason(error)) from None
    with response:
        atomic_files.write(target, lambda file: _copy(response, file, max_bytes, limits, advance))


def _copy(
    response: http.client.HTTPResponse,
    file: IO[bytes],
    max_bytes: int,
    limits: TimeLimits,
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
        if elapsed >= limits.window:
            if window_bytes < limits.min_speed * elapsed:
                raise SourceError("too slow", slow=True)
            window_start, window_bytes = time.monotonic(), 0
    if expected is not None and total != expected:
        raise SourceError("broke off")


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only, and from https to https only."""

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
