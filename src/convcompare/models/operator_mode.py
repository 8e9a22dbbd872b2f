"""Modes that see every operator of a pass, those within custom functions too."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode


class OperatorMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The base of such modes, which need no compiler."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """As torch asks it; its answer for other modes imports the compiler at the first call."""
        return False
