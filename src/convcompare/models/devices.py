"""Accelerators: which there are, how they are waited for and measured, and what each kind lacks.

The only module that asks torch about a device (`tests/models/test_devices.py`). It goes by torch's
device-neutral interface, ``torch.accelerator``, so that a kind of device that is not named here
trains too, by the cautious `Traits`; CUDA, which has more to offer, keeps a path of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Traits:
    """What a kind of device is known to do; the defaults are those of a kind that is not known."""

    float64: bool = False
    channels_last: bool = False
    """Whether convolutions are faster, and right, with images laid out channels-last."""
    fused: bool = False
    """Whether torch's optimizers have one kernel for all parameters."""
    deterministic: bool = False
    """Whether the same command gives the same bits."""
    graphs: bool = False
    """Whether compiled steps are recorded once and replayed as a whole, as CUDA graphs."""
    compiling_seconds: float = math.inf
    """What compiling takes beside the modules; infinite if it is only tried when asked for."""


TRAITS = {
    "cpu": Traits(
        float64=True, channels_last=True, fused=True, deterministic=True, compiling_seconds=5.0
    ),
    "cuda": Traits(
        float64=True, channels_last=True, fused=True, graphs=True, compiling_seconds=20.0
    ),
    "xpu": Traits(float64=True, channels_last=True, fused=True),
    "mps": Traits(fused=True),
}
CPU = torch.device("cpu")


def traits(device: torch.device) -> Traits:
    """What the kind of a device does and lacks."""
    return TRAITS.get(device.type, Traits())


def accelerator() -> str | None:
    """The kind of the accelerator that torch would use, such as ``cuda``; None if none answers."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return found.type if found else None


def device_count(kind: str) -> int:
    """How many devices of a kind are there; the processor is one."""
    if kind == "cpu":
        return 1
    return torch.accelerator.device_count() if kind == accelerator() else 0


def devices_here() -> str:
    """The devices that are there, by the names that ``--device`` takes: ``cpu, cuda:0, cuda:1``."""
    kind = accelerator()
    several = [] if kind is None else [f"{kind}:{index}" for index in range(device_count(kind))]
    return ", ".join(["cpu", *([str(kind)] if len(several) == 1 else several)])


def device_name(device: torch.device) -> str:
    """The name that the maker gave a device, such as ``NVIDIA H200``; its kind if there is none."""
    if device.type == "mps":
        ask: Any = getattr(torch.backends.mps, "get_name", None)
        return str(ask()) if ask else "Apple GPU"
    ask = getattr(torch.get_device_module(device), "get_device_name", None)
    return str(ask(device)) if ask and device.type != "cpu" else device.type


def built_for() -> dict[str, str]:
    """The kinds of accelerators that this build of torch can use, with the version of their
    software, such as ``{"cuda": "CUDA 13.0"}``; empty for a build for the CPU alone."""
    version: Any = torch.version
    found = {}
    if version.hip:
        found["cuda"] = f"ROCm {version.hip}"
    elif version.cuda:
        found["cuda"] = f"CUDA {version.cuda}"
    if getattr(version, "xpu", None):
        found["xpu"] = f"XPU {version.xpu}"
    if torch.backends.mps.is_built():
        found["mps"] = "Metal (MPS)"
    return found


def select(device: torch.device) -> None:
    """Make a device the current one of this process."""
    if device.type != "cpu":
        torch.accelerator.set_device_index(device)


def synchronise(device: torch.device) -> None:
    """Wait until a device has done what it was given, so that a clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type not in ("cpu", "meta"):
        torch.accelerator.synchronize(device)


def seed_torch(seed: int) -> None:
    """Seed torch's global generators: that of the CPU, and those of an accelerator if there is one.

    As ``torch.manual_seed``, which without an accelerator notes the stack of its caller for each
    kind that is not there: thousands of lines of source for each network that is built.
    """
    if accelerator() is None:
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def forked_random(device: torch.device) -> AbstractContextManager[None]:
    """Within it random numbers may be drawn and seeded, on the CPU and on a device; put back at
    the end."""
    if device.type in ("cpu", "meta"):
        return torch.random.fork_rng([])
    return torch.random.fork_rng([device], device_type=device.type)


def autocast(device: torch.device, enabled: bool) -> AbstractContextManager[Any]:
    """Within it matrix products and convolutions are computed in bfloat16, if `enabled`.

    Raises RuntimeError if the kind of device has no such thing.
    """
    if not enabled and device.type not in ("cpu", "cuda"):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def autocast_dtype(x: Tensor) -> torch.dtype | None:
    """The format that autocast has chosen for the device of `x`; None outside of it."""
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    return None


def fast_bf16(device: torch.device) -> tuple[bool, str]:
    """Whether bfloat16 is known to be faster than float32 on a device, and why."""
    if device.type == "cpu":
        found = next((what for flag, what in _BF16_UNITS if _processor_has(flag)), None)
        return found is not None, found or "no fast bf16 on this processor"
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return fast, "tensor cores" if fast else "no fast bf16 on this GPU"
    ask = getattr(torch.get_device_module(device), "is_bf16_supported", None)
    if ask is not None and ask():
        return True, f"{device.type} has bf16"
    return False, f"bf16 on {device.type} is not known to be faster"


_BF16_UNITS = (("amx_tile", "AMX"), ("avx512_bf16", "AVX-512 BF16"))


def _processor_has(flag: str) -> bool:
    """Whether the processor has a unit, by its name in `torch.cpu.get_capabilities`."""
    ask: Any = getattr(torch.cpu, "get_capabilities", None)
    if ask is not None:
        return bool(ask().get(flag))
    # before torch 2.11
    older: Any = {
        "amx_tile": torch.cpu._is_amx_tile_supported,
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported,
    }
    return bool(older[flag]())


def compile_options(device: torch.device) -> dict[str, Any]:
    """Options of `torch.compile` for a kind of device, beside those for every kind."""
    return {"triton.cudagraphs": True} if traits(device).graphs else {}


def where_double(tensor: Tensor) -> Tensor:
    """A tensor where it can be computed with in float64: on its device, or on the CPU."""
    return tensor if traits(tensor.device).float64 else tensor.cpu()


def peak_of(step: Callable[[], object], device: torch.device) -> int | None:
    """The most bytes that torch's allocator of an accelerator gives out at once during `step`,
    beyond those that were given out before; None if the device does not say."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    try:
        synchronise(device)
        before = torch.accelerator.memory_allocated(device)
        torch.accelerator.reset_peak_memory_stats(device)
    except (RuntimeError, NotImplementedError):  # its allocator has no statistics
        step()
        return None
    step()
    synchronise(device)
    peak = torch.accelerator.max_memory_allocated(device)
    return peak - before if peak > 0 else None  # 0: they are empty


def free_memory(device: torch.device) -> int | None:
    """Bytes that a device has left, for all programs; None if it does not say."""
    try:
        if device.type == "mps":
            return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return None if device.type == "cpu" else torch.accelerator.get_memory_info(device)[0]
    except (RuntimeError, NotImplementedError):
        return None


def empty_cache() -> None:
    """Give back what torch's allocator of the accelerator keeps for later."""
    if accelerator() is None:
        return
    try:
        torch.accelerator.empty_cache()
    except (RuntimeError, NotImplementedError):  # it keeps nothing
        return
