"""Checks of optional software: accelerator builds of torch, extras and plugins.

Each check states why something is not used and which command installs it.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from convcompare.core import formatting
from convcompare.core.errors import quote
from convcompare.core.registry import check_plugins

EXTRAS = {
    "hf": (("pyarrow", "huggingface_hub"), "`hf:` data sets, Parquet"),
    "timm": (("timm",), "`timm:` networks"),
    "ray": (("ray",), "`--executor ray`"),
    "tensorboard": (("tensorboard",), "`runs export --to tensorboard`"),
    "mlflow": (("mlflow-skinny",), "`runs export --to mlflow`"),
    "wandb": (("wandb",), "`runs export --to wandb`"),
}
"""Extras of this package: the packages of each, and its purpose."""
INSTEAD = {"mlflow-skinny": "mlflow"}
"""Packages that are contained in another one."""
REINSTALL = "pip install --force-reinstall torch torchvision"
PAGE = "https://pytorch.org/get-started/locally/"
HARDWARE = {"cuda": "an NVIDIA GPU", "rocm": "an AMD GPU", "mps": "an Apple GPU"}


@dataclass(frozen=True)
class Check:
    """Result of one check of ``convcompare doctor``, with a remedy if there is a problem."""

    name: str
    found: str
    state: Literal["ok", "warning", "error"] = "ok"
    hint: str = ""
    exit_code: int = 0


def version_of(package: str) -> str:
    """Return the version of an installed package; empty if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def accelerators() -> Check:
    """Check the accelerator that ``--device auto`` selects, or why there is none."""
    import torch

    from convcompare.models import devices

    kind, built = devices.accelerator(), devices.built_for()
    if kind is None:
        return unused(str(torch.__version__), built, hardware())
    device = torch.device(kind)
    count, free = devices.device_count(kind), devices.free_memory(device)
    text = f"{kind}: {count} × {devices.device_name(device)}"
    text += f", {formatting.size(free)} free" if free is not None else ""
    return Check(
        "accelerator", f"{text}; torch is built for {formatting.series(built.values()) or kind}"
    )


def unused(version: str, built: Mapping[str, str], found: Collection[str]) -> Check:
    """Return the check that explains why no accelerator is used.

    Args:
        version: Version of torch.
        built: Accelerators that torch is built for, from `models.devices.built_for`.
        found: Hardware that the system reports, keys of `HARDWARE`.
    """
    build = f"torch {version} is built for {formatting.series(built.values()) or 'the CPU alone'}"
    for kind in found:
        torchs = "cuda" if kind == "rocm" else kind
        if torchs not in built or (kind == "rocm") != ("ROCm" in built[torchs]):
            text = f"{HARDWARE[kind]} is here and not used: {build}"
            return Check("accelerator", text, "warning", _build_command(kind))
        text = f"{build}, and {HARDWARE[kind]} is here, but torch cannot use it"
        return Check("accelerator", text, "warning", _driver_hint(kind))
    return Check("accelerator", f"none here, the CPU is used; {build}")


def _build_command(kind: str) -> str:
    if kind == "rocm":
        return f"{PAGE} has the command for ROCm"
    if kind == "cuda" and sys.platform == "win32":
        return f"`{REINSTALL} --index-url https://download.pytorch.org/whl/cu126`; {PAGE}"
    return f"`{REINSTALL}` installs a build for it; {PAGE} lists others"


def _driver_hint(kind: str) -> str:
    if kind == "mps":
        return "MPS needs macOS 14 or later and a Python for arm64"
    name = "HIP_VISIBLE_DEVICES" if kind == "rocm" else "CUDA_VISIBLE_DEVICES"
    if os.environ.get(name) in ("", "-1"):
        return f"`unset {name}`: it hides all of them"
    tool = "rocm-smi" if kind == "rocm" else "nvidia-smi"
    return f"`{tool}` shows the driver: update it, or take a build for an older one; {PAGE}"


def hardware() -> list[str]:
    """Return the kinds of accelerators with a driver or chip that the system reports.

    Not every accelerator can be detected.
    """
    found = []
    if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        found.append("cuda")
    if Path("/dev/kfd").exists():
        found.append("rocm")
    if sys.platform == "darwin" and platform.machine() == "arm64":
        found.append("mps")
    return found


def extras() -> Check:
    """Check which extras are installed; shows the command for each of the others."""
    there = [name for name, (packages, _) in EXTRAS.items() if all(map(_installed, packages))]
    absent = [
        f"{name} for {purpose} (`pip install 'convcompare[{name}]'`)"
        for name, (_, purpose) in EXTRAS.items()
        if name not in there
    ]
    text = ", ".join(there) or "none"
    return Check("extras", f"{text}; not here: {', '.join(absent)}" if absent else text)


def _installed(package: str) -> bool:
    return any(version_of(one) for one in (package, INSTEAD.get(package, "")) if one)


def plugins() -> Iterator[Check]:
    """Yield a check per plugin that does not load, and one for all that do."""
    found = check_plugins()
    for error in found.values():
        if error is not None:
            yield Check("plugin", error.message, "error", error.hint or "", error.exit_code)
    sound = [quote(value) for value, error in found.items() if error is None]
    if sound:
        yield Check("plugins", ", ".join(sound))
