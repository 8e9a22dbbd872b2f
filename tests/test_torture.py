"""The short and the medium form of the torture suite; ``make torture`` runs the long one."""

from __future__ import annotations

import pytest

from tests.torture.kinds import KINDS, Kind

FORMS = (("short", 1), pytest.param("medium", 4, marks=pytest.mark.torture))
"""Which cases are tried, with the seed of their random numbers."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(("form", "seed"), FORMS)
def test_what_is_promised_holds(kind: Kind, form: str, seed: int) -> None:
    outcome = kind.run(getattr(kind, form), seed)
    assert not outcome.findings, "\n".join(outcome.findings)
    if not outcome.tried:
        pytest.skip("; ".join(outcome.skipped))
    assert outcome.held == outcome.tried
