"""The short and medium forms of the torture suite; ``make torture`` runs the long one."""

from __future__ import annotations

import pytest

from tests.torture.kinds import KINDS, Kind

LONG = pytest.mark.torture
LATER = ("several-kills", "crashes", "errors", "processes", "commands")
"""Kinds that the short form leaves out, since cheaper tests cover the same.

The cheaper tests are `kills`, those of commits, those of two workers on one store
(`experiment/test_shards.py`), and random specs.
"""
CASES = [
    *(
        pytest.param(kind, "short", 1, id=f"{kind.name}-short")
        for kind in KINDS
        if kind.name not in LATER
    ),
    *(pytest.param(kind, "medium", 4, id=f"{kind.name}-medium", marks=LONG) for kind in KINDS),
]
"""Kinds with their form and seed."""


@pytest.mark.parametrize(("kind", "form", "seed"), CASES)
def test_promises_hold(kind: Kind, form: str, seed: int) -> None:
    outcome = kind.run(getattr(kind, form), seed)
    assert not outcome.findings, "\n".join(outcome.findings)
    if not outcome.tried:
        pytest.skip("; ".join(outcome.skipped))
    assert outcome.held == outcome.tried
