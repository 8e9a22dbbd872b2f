"""Modes that receive every operator of a pass, including those in custom functions."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode


class OperatorMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Base class of modes that receive every operator, without importing torch's compiler."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False: otherwise torch imports the compiler at the mode's first operator."""
        return False
