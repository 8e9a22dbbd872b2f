"""One thing that ``convcompare doctor`` has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """What was found, and what to do where it is not as it should."""

    name: str
    found: str
    state: Literal["ok", "warning", "error"] = "ok"
    hint: str = ""
    exit_code: int = 0
