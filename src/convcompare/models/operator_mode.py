"""Modes that receive every operator of a pass, including those in custom functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class OperatorMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Base class of modes that receive every operator, without importing torch's compiler."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False: otherwise torch imports the compiler at the mode's first operator."""
        return False


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Yield the tensors among arguments or outputs, also those nested in lists and tuples."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from tensors_in(value)
