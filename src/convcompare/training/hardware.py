"""Device, threads and precision on this machine, and the settings of its memory allocator."""

from __future__ import annotations

import ctypes
import gc
import platform
import sys
from dataclasses import replace
from pathlib import Path

import torch

from convcompare.core.config import Precision, Runtime
from convcompare.core.errors import UsageError, quote
from convcompare.core.process import cores
from convcompare.core.version import __version__
from convcompare.models.devices import (
    accelerator,
    available_devices,
    device_count,
    device_name,
    empty_cache,
    fast_bf16,
)
from convcompare.store.cost import Environment

MOST_PROCESSES = 64
"""Maximum number of processes that act as devices on the CPU."""
MACS_A_THREAD = 32_000_000
"""Minimum multiply-accumulates of a step, forward and backward, per thread."""


def choose_runtime(device: str, threads: int | None) -> Runtime:
    """Return the runtime on the requested device, or on the best one for ``auto``, with the reason.

    Raises:
        UsageError: if the requested device does not exist; there is no silent fallback.
    """
    fitted, threads = threads is None, threads or torch.get_num_threads()
    if device == "auto":
        found = accelerator()
        if found is not None:
            return Runtime(found, threads, device_name(torch.device(found)))
        return Runtime("cpu", threads, "no accelerator here", fitted=fitted)
    try:
        requested = torch.device(device)
    except RuntimeError:
        raise UsageError(
            f"there is no kind of device {quote(device)}",
            f"devices here: auto, {available_devices()}",
        ) from None
    if (requested.index or 0) >= device_count(requested.type):
        raise UsageError(
            f"there is no device {quote(device)} here, only {available_devices()}",
            "`--device cpu`, or `--device auto` for the best one; `convcompare doctor` says "
            "what is missing",
        )
    if requested.type == "cpu":
        return Runtime("cpu", threads, "as requested", fitted=fitted)
    return Runtime(device, threads, "as requested")


def share(runtime: Runtime, jobs: int, threads: int | None) -> Runtime:
    """Return the runtime for `jobs` trials at a time, with `threads` threads each.

    If `threads` is None, the threads of the runtime are divided among the trials.
    """
    each = threads or max(1, runtime.threads // jobs)
    return replace(runtime, jobs=jobs, job_threads=each if jobs > 1 else None)


def fitting_threads(runtime: Runtime, macs: int | None) -> int:
    """Return the number of threads for steps of `macs` multiply-accumulates; None if unknown.

    A small step takes fewer than all, since each thread needs enough work. A step of `fcn` on MNIST
    with batches of 64, 21 million, took 2.29 ms on two free cores and 2.31 ms on one (AMD EPYC,
    AVX2, median of 7 rounds); beside other programs it took 39 ms on two and 1.8 ms on one, since
    two threads wait for each other in each operator.
    """
    if not runtime.fitted or macs is None:
        return runtime.threads
    return max(1, min(runtime.threads, -(-macs // MACS_A_THREAD)))


def spread(runtime: Runtime, devices: int) -> Runtime:
    """Return the runtime of each of `devices` devices that train together and share the threads.

    Raises:
        UsageError: if there are fewer devices, or this torch does not support several.
    """
    if devices == 1:
        return runtime
    check_several(runtime.device)
    device, _, index = runtime.device.partition(":")
    if index:
        raise UsageError(
            f"`--device {runtime.device}` is one device, not {devices}", f"`--device {device}`"
        )
    there = device_count(device)
    if device != "cpu" and devices > there:
        raise UsageError(
            f"there are not {devices} devices {quote(device)} here, but {there}",
            f"`--devices {there}`" if there > 1 else "leave `--devices` out",
        )
    if device == "cpu" and devices > MOST_PROCESSES:
        raise UsageError(
            f"{devices} devices are more than the CPU supports",
            f"`--devices` takes at most {MOST_PROCESSES} on the CPU; {cores()} have a core each",
        )
    return replace(runtime, devices=devices, threads=max(1, runtime.threads // devices))


def check_several(device: str) -> None:
    """Raise UsageError if this torch was built without support for several devices."""
    import torch.distributed as dist

    able = (
        sys.platform != "win32"
        and dist.is_available()
        and dist.is_backend_available(dist.get_default_backend_for_device(device))
    )
    if not able:
        raise UsageError(
            f"this torch ({torch.__version__}) was built without support for several devices",
            "the builds of pytorch.org for Linux and macOS have it; or leave `--devices` out",
        )


def prepare(runtime: Runtime) -> torch.device:
    """Apply a runtime to this process and return its device."""
    torch.set_num_threads(runtime.threads)
    keep_freed_memory()
    return torch.device(runtime.device)


def choose_precision(requested: str, device: str) -> tuple[Precision, str]:
    """Resolve ``auto``, ``fp32`` or ``bf16`` on a device; return the precision and the reason."""
    if requested in ("fp32", "bf16"):
        return ("bf16" if requested == "bf16" else "fp32"), "as requested"
    if requested != "auto":
        raise UsageError(
            f"there is no precision {quote(requested)}", "precisions: auto, fp32, bf16"
        )
    fast, why = fast_bf16(torch.device(device))
    return ("bf16" if fast else "fp32"), why


def environment(runtime: Runtime) -> Environment:
    """Return the environment that is recorded with a run."""
    return Environment(
        convcompare=__version__,
        python=platform.python_version(),
        torch=str(torch.__version__),
        platform=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        device=device_name(torch.device(runtime.device)),
        threads=runtime.threads,
        jobs=runtime.jobs * runtime.commands,
        devices=runtime.devices,
    )


def keep_freed_memory() -> None:
    """Make glibc keep freed memory instead of returning it to the system.

    Each step frees and allocates the same tens of megabytes; the kernel would have to zero each
    returned page again. No effect with other C libraries.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim_threshold, mmap_threshold = -1, -3  # malloc.h
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, (1 << 31) - 1)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def release_memory() -> None:
    """Free the memory of a failed trial for the next one."""
    gc.collect()
    empty_cache()
