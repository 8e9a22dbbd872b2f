"""Standard output and error that may be closed, full or gone: results are missed, talk is not."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from convcompare.core.errors import StoreError


class PipeClosed(Exception):
    """Whoever read the standard output has enough."""


class Nowhere(io.StringIO):
    """A stream that keeps nothing."""

    def write(self, text: str) -> int:
        """Take a text."""
        return len(text)


class _Stream(io.TextIOBase):
    """A text stream with the attributes of another, whose failures are dealt with."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __del__(self) -> None:
        """Leave the stream as it is: it may be closed by now, which Python 3.13 would report."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """What becomes of characters that it cannot write."""
        return self._stream.errors

    def fileno(self) -> int:
        """That of the stream."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """Hand what was written to the system."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        raise NotImplementedError

    def _drop(self) -> None:
        """Let all that is still to be written go nowhere, so that the end of Python is quiet."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            self._stream = Nowhere()


class Results(_Stream):
    """Standard output: who does not get the result is told, unless it is enough for a reader."""

    def _failed(self, error: Exception) -> None:
        self._drop()
        if isinstance(error, BrokenPipeError):
            raise PipeClosed from error
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(
            f"the result cannot be written: {reason}",
            "finished runs are kept: the same command prints the result again",
        ) from error


class Talk(_Stream):
    """Standard error: what cannot be said is left out, and the work goes on."""

    def _failed(self, error: Exception) -> None:
        self._drop()


def install() -> None:
    """Put them in the place of the streams of this process; closed ones go nowhere."""
    for name, kind in (("stdout", Results), ("stderr", Talk)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Nowhere())
        elif not isinstance(stream, _Stream):
            if isinstance(stream, io.TextIOWrapper):  # a terminal of another locale shows a mark
                stream.reconfigure(errors="replace")
                if not stream.isatty():
                    stream.reconfigure(encoding="utf-8")
            setattr(sys, name, kind(stream))
