"""Decides whether ``torch.compile`` is used for training steps, by timing a few of them.

Compilation takes from ten seconds to minutes, and its gain differs between networks and processors;
on some it is a loss. It is therefore only tried if the training is much longer, and used if
compiled steps are faster than plain ones timed alternately. The results differ by rounding, so a
resumed run keeps its choice, and the record contains it.
"""

from __future__ import annotations

import statistics
import sys
import sysconfig
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from convcompare.core.config import Compile
from convcompare.core.failures import reason
from convcompare.models.devices import compile_options, traits

from .step_timing import STEPS, in_turn
from .trainer import Trainer

MODULE_SECONDS = 0.7
"""Approximate compile time per module without children, in addition to the device's own
(`models.devices`): on an AMD EPYC 10 s for `simple` (11 modules), 21 s for `residual` (31), 81 s
for a bottleneck network (138). On a GPU a guess."""
TRIED_STEPS = 2 * (1 + 1) + 2 * (2 * STEPS + 1)
"""Steps of a trial of compilation: plain and compiled alternately, first to compile, then to
time."""
SHARE = 0.05
"""Maximum share of the training time that the trial of compilation may take."""
GAIN = 1.05
"""Minimum speed-up of compiled steps, by the medians, for which they are used."""


@dataclass(frozen=True)
class CompileRequest:
    """When steps are compiled.

    Attributes:
        when: The option: ``auto``, ``on`` or ``off``.
        began: Whether the earlier steps of a resumed run were compiled; None if unknown.
        others: Whether the steps of the network's other seeds are compiled; None if unknown.
    """

    when: Compile
    began: bool | None = None
    others: bool | None = None


PLAIN = CompileRequest("off")


@dataclass(frozen=True)
class Choice:
    """Whether compiled steps are used, and the reason as text; empty if that was not tried."""

    compiled: bool
    why: str = ""


def choose(trainer: Trainer, request: CompileRequest, seconds: float) -> Choice:
    """Compile the network of `trainer` if that is requested or faster.

    `seconds` is the time of a plain step.

    Raises:
        RuntimeError: if compilation was requested and fails.
    """
    began = request.began if trainer.epoch else None
    if began is not None or request.when != "auto":
        if not (request.when == "on" if began is None else began):
            return Choice(False)
        trainer.compiled = _compiled(trainer)
        return Choice(
            True, f"steps are compiled, as {'they were before' if began else 'requested'}"
        )
    compiled_steps = _long_enough(trainer, seconds) if request.others is None else request.others
    if not compiled_steps:
        trainer.compiled = None
        return Choice(False)
    try:
        trainer.compiled = _compiled(trainer)
        if request.others:
            return Choice(True, "steps are compiled, as those of other seeds")
        plain, compiled = in_turn(trainer)
    except Exception as error:
        trainer.compiled = None
        return Choice(False, f"torch.compile failed, plain steps are used: {reason(error)}")
    gain = statistics.median(plain) / statistics.median(compiled)
    if gain < GAIN:
        trainer.compiled = None
    used = "used" if gain >= GAIN else "not used"
    return Choice(gain >= GAIN, f"torch.compile makes steps {gain:.2f} times as fast: {used}")


def _long_enough(trainer: Trainer, seconds: float) -> bool:
    """Return whether the remaining training is long compared with compilation.

    False for training on several devices, and if every batch is smaller than the batch size.
    """
    if trainer.devices.size > 1 or len(trainer.train_batches) < trainer.config.batch_size:
        return False
    steps = trainer.total - trainer.steps * trainer.epoch
    return steps * seconds * SHARE > trial_seconds(trainer, seconds)


def trial_seconds(trainer: Trainer, seconds: float) -> float:
    """Return the approximate duration of a trial of compilation; a plain step takes `seconds`."""
    modules = sum(next(one.children(), None) is None for one in trainer.model.modules())
    compiling = traits(trainer.device).compiling_seconds + MODULE_SECONDS * modules
    return compiling + TRIED_STEPS * seconds


def _compiled(trainer: Trainer) -> Callable[[Tensor], Tensor]:
    """Return the compiled form of the trainer's network, after two steps that leave no trace.

    Random numbers are drawn as in plain steps, so that dropout is the same.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from torch about its own code
        # Python 3.13.0 only; the speed is measured anyway.
        warnings.filterwarnings("ignore", "Guards may run slower", RuntimeWarning)
        warnings.filterwarnings("ignore", "Can't find Python.h", UserWarning)  # see `_lacking`
        try:
            how = {"fallback_random": True, **compile_options(trainer.device)}
            _leave_out_hooks(trainer.model)
            trainer.compiled = torch.compile(trainer.model, dynamic=False, options=how)
            in_turn(trainer, steps=1)
        except Exception as error:
            trainer.compiled = None
            raise RuntimeError(f"torch.compile failed: {_lacking() or reason(error)}") from error
    return trainer.compiled


def _lacking() -> str | None:
    """Return what this Python lacks for compilation, as text; None if nothing known is missing."""
    header = Path(sysconfig.get_path("include"), "Python.h")
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-dev"
    return None if header.exists() else f"no {header} (Debian and Ubuntu: `apt install {package}`)"


def _leave_out_hooks(model: nn.Module) -> None:
    """Exclude hooks of the whole network from compilation, which would compile each separately."""
    for key, hook in model._forward_hooks.items():
        model._forward_hooks[key] = torch.compiler.disable(hook)  # type: ignore[no-untyped-call]
