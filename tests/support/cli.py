"""Result of a command that a test ran."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass
class Result:
    """Exit code, stdout and stderr of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)
