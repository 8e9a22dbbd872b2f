"""Pillow without its warnings and log: what matters is an error, or is in the notes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep what Pillow says of odd files off the terminal, in all threads."""
    handler, log = logging.NullHandler(), logging.getLogger("PIL")
    log.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.removeHandler(handler)
