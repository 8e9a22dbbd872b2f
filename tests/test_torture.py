"""The short form of the torture suite; ``make torture`` runs the long one."""

from __future__ import annotations

import pytest

from tests.torture.kinds import KINDS, Kind

MORE = 4
"""How many times the cases of the short form `make test-long` tries."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("times", [1, pytest.param(MORE, marks=pytest.mark.torture)])
def test_what_is_promised_holds(kind: Kind, times: int) -> None:
    outcome = kind.run(times * kind.short, times)
    assert not outcome.findings, "\n".join(outcome.findings)
    if not outcome.tried:
        pytest.skip("; ".join(outcome.skipped))
    assert outcome.held == outcome.tried
