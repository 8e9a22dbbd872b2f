"""User-defined networks in this process, for tests that are not about process isolation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from convcompare.experiment import foreign_code
from convcompare.models import user_network


@contextmanager
def own_code_here() -> Iterator[None]:
    """Run user code in this process, as a worker does: starting a worker takes seconds.

    Files are loaded again, since a loaded file belongs to the working folder at that time.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign_code, "_runs_here", True)
        patch.setattr(foreign_code, "_known", {})
        patch.setattr(user_network, "_loaded", {})
        yield
