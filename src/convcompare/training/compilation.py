"""Whether ``torch.compile`` makes the steps of a training: where a few of them show that it pays.

Compiling takes from ten seconds to minutes, and what it gains differs between networks and
processors: on some it loses. So it is only tried on a training that is long beside it, and kept
where compiled steps are faster than plain ones, measured in turn. Their numbers differ by rounding,
so a half-done run goes on as it began, and the record says how.
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
"""What compiling takes, about, for each module without children beside what the device takes
(`models.devices`): on an AMD EPYC 10 s for `simple` (11 modules), 21 s for `residual` (31), 81 s
for a bottleneck network (138). On a GPU a guess."""
TRIED_STEPS = 2 * (1 + 1) + 2 * (2 * STEPS + 1)
"""Steps that are made while it is tried: plain and compiled in turn, to compile, then to time."""
SHARE = 0.05
"""It is tried where it takes no more of a training than this."""
GAIN = 1.05
"""Compiled steps are kept where plain ones take so many times as long, by the median."""


@dataclass(frozen=True)
class CompileRequest:
    """When steps are compiled.

    ``began`` says whether those of a half-done run were, ``others`` whether those of other seeds
    are; None if that is not known.
    """

    when: Compile
    began: bool | None = None
    others: bool | None = None


PLAIN = CompileRequest("off")


@dataclass(frozen=True)
class Choice:
    """Whether compiled steps are used, and why in words; no words where it was not tried."""

    compiled: bool
    why: str = ""


def choose(trainer: Trainer, asked: CompileRequest, seconds: float) -> Choice:
    """Compile the network of `trainer` where that is asked for or pays, and leave it so.

    `seconds` are those of a plain step. RuntimeError where compiling was asked for and fails.
    """
    began = asked.began if trainer.epoch else None
    if began is not None or asked.when != "auto":
        wanted = began if began is not None else asked.when == "on"
        if wanted:
            trainer.compiled = _compiled(trainer)
        return Choice(wanted, _as_before(began) if wanted else "")
    wanted = _long_enough(trainer, seconds) if asked.others is None else asked.others
    if not wanted:
        trainer.compiled = None
        return Choice(False)
    try:
        trainer.compiled = _compiled(trainer)
        if asked.others:
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


def _as_before(began: bool | None) -> str:
    return "steps are compiled, as " + ("they were before" if began else "asked")


def _long_enough(trainer: Trainer, seconds: float) -> bool:
    """Whether the training that is left is long beside compiling; one over several devices is not
    compiled, nor one whose every batch is smaller than a whole one."""
    if trainer.devices.size > 1 or len(trainer.train_batches) < trainer.config.batch_size:
        return False
    steps = trainer.total - trainer.steps * trainer.epoch
    return steps * seconds * SHARE > trial_seconds(trainer, seconds)


def trial_seconds(trainer: Trainer, seconds: float) -> float:
    """What trying it takes, about, where a plain step takes `seconds`."""
    modules = sum(next(one.children(), None) is None for one in trainer.model.modules())
    compiling = traits(trainer.device).compiling_seconds + MODULE_SECONDS * modules
    return compiling + TRIED_STEPS * seconds


def _compiled(trainer: Trainer) -> Callable[[Tensor], Tensor]:
    """The compiled form of the trainer's network, made by two steps that leave nothing behind.

    Random numbers are drawn as plain steps draw them, so that dropout drops the same.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's, of its own parts
        # Python 3.13.0 alone; whether it pays is measured.
        warnings.filterwarnings("ignore", "Guards may run slower", RuntimeWarning)
        warnings.filterwarnings("ignore", "Can't find Python.h", UserWarning)  # told if it fails
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
    """What this Python lacks to compile for it, in words; None if it lacks nothing known."""
    header = Path(sysconfig.get_path("include"), "Python.h")
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-dev"
    return None if header.exists() else f"no {header} (Debian and Ubuntu: `apt install {package}`)"


def _leave_out_hooks(model: nn.Module) -> None:
    """Keep the compiler away from hooks on the whole network: it would compile each by itself."""
    for key, hook in model._forward_hooks.items():
        model._forward_hooks[key] = torch.compiler.disable(hook)  # type: ignore[no-untyped-call]
