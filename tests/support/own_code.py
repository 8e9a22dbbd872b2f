"""Networks of one's own without a process of their own, where nothing about that is tested."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from convcompare.experiment import foreign_code


@contextmanager
def own_code_here() -> Iterator[None]:
    """Run such networks in this process, as a worker does: starting one takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign_code, "_runs_here", True)
        patch.setattr(foreign_code, "_known", {})
        yield
