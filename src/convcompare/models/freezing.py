"""Frozen parameters, selected by a regular expression on their names."""

from __future__ import annotations

import re

from torch import nn

from convcompare.core.errors import ModelError, quote
from convcompare.core.fine_tuning import Frozen

SHOWN = 3
"""Number of first and of last parameter names that a hint lists."""


def freeze(model: nn.Module, pattern: str, label: str) -> None:
    """Freeze the parameters with a match of `pattern` in their names (`re.search`).

    Raises:
        ModelError: if no parameter that trains matches, or all do. Its hint lists the names.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found = _matched(model, pattern)
    matched = [name for name, p in trained.items() if id(p) in found]
    if not matched or len(matched) == len(trained):
        what = "matches no parameter of" if not matched else "leaves nothing to train of"
        raise ModelError(
            f"`--freeze {pattern}` {what} {quote(label)}",
            f"its parameters: {_excerpt([*trained])}",
        )
    for name in matched:
        trained[name].requires_grad_(False)


def freeze_again(model: nn.Module, pattern: str) -> None:
    """Freeze the same parameters again, after a network has changed `requires_grad` itself."""
    for parameter in _matched(model, pattern).values():
        parameter.requires_grad_(False)


def frozen_part(model: nn.Module, pattern: str) -> Frozen:
    """Return the numbers of frozen parameters, their elements and updated norms."""
    kept = _matched(model, pattern).values()
    norms = sum(map(_is_updated, model.modules()))
    return Frozen(len(kept), len([*model.parameters()]), sum(p.numel() for p in kept), norms)


def _matched(model: nn.Module, pattern: str) -> dict[int, nn.Parameter]:
    """Return the parameters with a match in one of their names, by `id`.

    A parameter that several modules share has several names.
    """
    named = model.named_parameters(remove_duplicate=False)
    return {id(p): p for name, p in named if re.search(pattern, name)}


def _is_updated(module: nn.Module) -> bool:
    """Return whether a module has running statistics, and parameters that are all frozen."""
    parameters = [*module.parameters(recurse=False)]
    running = getattr(module, "running_mean", None) is not None
    return running and bool(parameters) and not any(p.requires_grad for p in parameters)


def _excerpt(names: list[str]) -> str:
    if len(names) <= 2 * SHOWN + 1:
        return ", ".join(map(quote, names))
    first, last = names[:SHOWN], names[-SHOWN:]
    between = f"{len(names) - 2 * SHOWN} more"
    return ", ".join([*map(quote, first), between, *map(quote, last)])
