"""Result of one check of ``convcompare doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """What a check found, and a remedy if there is a problem."""

    name: str
    found: str
    state: Literal["ok", "warning", "error"] = "ok"
    hint: str = ""
    exit_code: int = 0
