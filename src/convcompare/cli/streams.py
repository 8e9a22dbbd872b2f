"""Standard streams that may be closed or full: lost results are errors, lost messages are not."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from convcompare.core.errors import StoreError


class PipeClosed(Exception):
    """The reader of stdout has closed the pipe."""


class Nowhere(io.StringIO):
    """A stream that discards everything."""

    def write(self, text: str) -> int:
        """Discard a text."""
        return len(text)


class _Stream:
    """A text stream with the attributes of another, which handles failures to write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        raise NotImplementedError

    def _drop(self) -> None:
        """Discard all pending and further output, so that Python exits without an error."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            self._stream = Nowhere()


class Results(_Stream):
    """Standard output: lost results are an error, unless the reader closed the pipe."""

    def _failed(self, error: Exception) -> None:
        self._drop()
        if isinstance(error, BrokenPipeError):
            raise PipeClosed from error
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(
            f"the result cannot be written: {reason}",
            "finished runs are kept: the same command prints the result again",
        ) from error


class Messages(_Stream):
    """Standard error: messages that cannot be written are dropped, and work continues."""

    def _failed(self, error: Exception) -> None:
        self._drop()


def install() -> None:
    """Replace the standard streams of this process; closed ones discard their output."""
    for name, kind in (("stdout", Results), ("stderr", Messages)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Nowhere())
        elif not isinstance(stream, _Stream):
            if isinstance(stream, io.TextIOWrapper):  # a terminal of another locale shows a mark
                stream.reconfigure(errors="replace")
                if not stream.isatty():
                    stream.reconfigure(encoding="utf-8")
            setattr(sys, name, kind(stream))
