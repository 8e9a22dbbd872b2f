"""Accelerators: detection, synchronisation, memory, and the traits of each kind of device.

The only module that queries torch about devices (`tests/models/test_devices.py`). It uses torch's
device-neutral interface, ``torch.accelerator``, so that kinds of devices that are not named here
can train too, with the cautious defaults of `Traits`. CUDA has code of its own where its interface
offers more.
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
    """Capabilities of a kind of device; the defaults are those of an unknown kind."""

    float64: bool = False
    channels_last: bool = False
    """Whether convolutions in channels-last layout are correct and faster."""
    fused: bool = False
    """Whether torch's optimizers have a fused kernel for all parameters."""
    deterministic: bool = False
    """Whether the same command gives bit-identical results."""
    graphs: bool = False
    """Whether compiled steps are captured once and replayed, as CUDA graphs."""
    compiling_seconds: float = math.inf
    """Seconds to compile beside those per module; infinite if only done on request."""


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
    """Return the traits of a device's kind."""
    return TRAITS.get(device.type, Traits())


def accelerator() -> str | None:
    """Return the kind of torch's accelerator, such as ``cuda``; None if none is available."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return found.type if found else None


def device_count(kind: str) -> int:
    """Return the number of devices of a kind; 1 for the CPU."""
    if kind == "cpu":
        return 1
    return torch.accelerator.device_count() if kind == accelerator() else 0


def available_devices() -> str:
    """Return the available devices as ``--device`` names them: ``cpu, cuda:0, cuda:1``."""
    kind = accelerator()
    several = [] if kind is None else [f"{kind}:{index}" for index in range(device_count(kind))]
    return ", ".join(["cpu", *([str(kind)] if len(several) == 1 else several)])


def device_name(device: torch.device) -> str:
    """Return a device's product name, such as ``NVIDIA H200``; its kind if it has none."""
    if device.type == "mps":
        query: Any = getattr(torch.backends.mps, "get_name", None)
        return str(query()) if query else "Apple GPU"
    query = getattr(torch.get_device_module(device), "get_device_name", None)
    return str(query(device)) if query and device.type != "cpu" else device.type


def built_for() -> dict[str, str]:
    """Return the kinds of accelerators that this build of torch supports.

    Each with the version of its software, such as ``{"cuda": "CUDA 13.0"}``; empty for a build for
    the CPU only.
    """
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
    """Wait until a device has finished its queued work, so that a clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type not in ("cpu", "meta"):
        torch.accelerator.synchronize(device)


def seed_torch(seed: int) -> None:
    """Seed torch's global generators of the CPU and, if there is one, of the accelerator.

    Same effect as ``torch.manual_seed``, which without an accelerator records its caller's stack
    for each missing kind of device: thousands of source lines per network that is built.
    """
    if accelerator() is None:
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def forked_random(device: torch.device) -> AbstractContextManager[None]:
    """Return a context that restores the random states of the CPU and a device at its end."""
    if device.type in ("cpu", "meta"):
        return torch.random.fork_rng([])
    return torch.random.fork_rng([device], device_type=device.type)


def autocast(device: torch.device, enabled: bool) -> AbstractContextManager[Any]:
    """Return a context in which matrix products and convolutions use bfloat16, if `enabled`.

    Raises:
        RuntimeError: if the kind of device does not support autocast.
    """
    if not enabled and device.type not in ("cpu", "cuda"):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def autocast_dtype(x: Tensor) -> torch.dtype | None:
    """Return the dtype of autocast on the device of `x`; None if autocast is off."""
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    return None


def fast_bf16(device: torch.device) -> tuple[bool, str]:
    """Return whether bfloat16 is known to be faster than float32 on a device, and the reason."""
    if device.type == "cpu":
        found = next((what for flag, what in _BF16_UNITS if _processor_has(flag)), None)
        return found is not None, found or "no fast bf16 on this processor"
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return fast, "tensor cores" if fast else "no fast bf16 on this GPU"
    query = getattr(torch.get_device_module(device), "is_bf16_supported", None)
    if query is not None and query():
        return True, f"{device.type} has bf16"
    return False, f"bf16 on {device.type} is not known to be faster"


_BF16_UNITS = (("amx_tile", "AMX"), ("avx512_bf16", "AVX-512 BF16"))


def _processor_has(flag: str) -> bool:
    """Return whether the CPU has a unit, by its name in `torch.cpu.get_capabilities`."""
    query: Any = getattr(torch.cpu, "get_capabilities", None)
    if query is not None:
        return bool(query().get(flag))
    # before torch 2.11
    older: Any = {
        "amx_tile": torch.cpu._is_amx_tile_supported,
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported,
    }
    return bool(older[flag]())


def compile_options(device: torch.device) -> dict[str, Any]:
    """Return the options of `torch.compile` that apply only to this kind of device."""
    return {"triton.cudagraphs": True} if traits(device).graphs else {}


def to_float64_device(tensor: Tensor) -> Tensor:
    """Return a tensor on a device that supports float64: its own, or else the CPU."""
    return tensor if traits(tensor.device).float64 else tensor.cpu()


def peak_of(step: Callable[[], object], device: torch.device) -> int | None:
    """Return the peak memory that `step` allocates on an accelerator, in bytes.

    Measured by torch's allocator, without what was allocated before; None if the allocator keeps no
    statistics.
    """
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
    except (RuntimeError, NotImplementedError):  # the allocator keeps no statistics
        step()
        return None
    step()
    synchronise(device)
    peak = torch.accelerator.max_memory_allocated(device)
    return peak - before if peak > 0 else None  # 0: the statistics are empty


def free_memory(device: torch.device) -> int | None:
    """Return the free memory of a device in bytes, for all programs; None if it is unknown."""
    try:
        if device.type == "mps":
            return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return None if device.type == "cpu" else torch.accelerator.get_memory_info(device)[0]
    except (RuntimeError, NotImplementedError):
        return None


def empty_cache() -> None:
    """Release the cached memory of the accelerator's allocator."""
    if accelerator() is None:
        return
    try:
        torch.accelerator.empty_cache()
    except (RuntimeError, NotImplementedError):  # the allocator has no cache
        return
