"""Networks of one's own without a process of their own, where nothing about that is tested."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from convcompare.experiment import foreign_code
from convcompare.models import user_network


@contextmanager
def own_code_here() -> Iterator[None]:
    """Run such networks in this process, as a worker does: starting one takes seconds.

    Files are loaded anew, since each belongs to the working folder that it was loaded in.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign_code, "_runs_here", True)
        patch.setattr(foreign_code, "_known", {})
        patch.setattr(user_network, "_loaded", {})
        yield
