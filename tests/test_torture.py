"""The short form of the torture suite; ``make torture`` runs the long one."""

from __future__ import annotations

import pytest

from tests.torture.kinds import KINDS, Kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_is_promised_holds(kind: Kind) -> None:
    outcome = kind.run(kind.short, 1)
    assert not outcome.findings, "\n".join(outcome.findings)
    if not outcome.tried:
        pytest.skip("; ".join(outcome.skipped))
    assert outcome.held == outcome.tried
