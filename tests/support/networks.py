"""Networks that take long to build and to trace, tested by `make test-long`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

_DEEP = re.compile(r"110|164|wrn|densenet|preact|resnet-?(34|44|50|56)|plain-(44|56)|vgg-19")
"""A smaller network of each kind is always tested."""


def is_deep(spec: str) -> bool:
    """Return True if a network of the same kind with fewer layers tests the same."""
    return bool(_DEEP.search(spec))


def deep_ones_long(specs: Iterable[str]) -> list[Any]:
    """Return test parameters in which deep networks are marked `torture`."""
    marks = {True: [pytest.mark.torture], False: []}
    return [pytest.param(spec, marks=marks[is_deep(spec)], id=spec) for spec in specs]
