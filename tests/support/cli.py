"""Results of commands that tests ran, and exit codes of those that a signal ended."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import Any

import pytest

ENDED_BY = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}
"""Exit codes by the signal that ended a command."""
each_signal = pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.torture),
        pytest.param(signal.SIGKILL, marks=pytest.mark.torture),
    ],
)
"""Run a test with each signal that ends a command."""


@dataclass
class Result:
    """Exit code, stdout and stderr of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)
