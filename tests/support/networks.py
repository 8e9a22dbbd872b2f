"""Networks that take long to build and to follow, left to `make test-long`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

_DEEP = re.compile(r"110|164|wrn|densenet|preact|resnet-?(34|44|50|56)|plain-(44|56)|vgg-19")
"""Of each kind a smaller one remains."""


def is_deep(spec: str) -> bool:
    """Whether a network of the same kind shows the same with fewer layers."""
    return bool(_DEEP.search(spec))


def deep_ones_long(specs: Iterable[str]) -> list[Any]:
    """Parameters of a test, of which those of deep networks are marked `torture`."""
    marks = {True: [pytest.mark.torture], False: []}
    return [pytest.param(spec, marks=marks[is_deep(spec)], id=spec) for spec in specs]
