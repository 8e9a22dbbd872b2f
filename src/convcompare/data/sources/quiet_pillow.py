"""Pillow without its warnings and log messages; relevant facts are in errors or notes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Suppress Pillow's warnings and log messages within the context, in all threads."""
    handler, log = logging.NullHandler(), logging.getLogger("PIL")
    log.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.removeHandler(handler)
