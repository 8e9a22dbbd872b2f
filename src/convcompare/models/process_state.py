"""Save and restore process-wide settings that change results."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class ProcessState:
    """A snapshot of settings: torch's that change results, folder, environment, warning filters.

    It does not include the number of threads and the grad mode.
    """

    def __init__(self) -> None:
        self.folder, self.environment = os.getcwd(), dict(os.environ)  # noqa: PTH109
        self.filters = warnings.filters[:]
        self.device = torch.get_default_device()
        self.dtype = torch.get_default_dtype()
        self.matmul = torch.get_float32_matmul_precision()
        self.deterministic, self.warn_only = _deterministic()
        self.anomaly = torch.is_anomaly_enabled()
        self.fast_path = torch.backends.mha.get_fastpath_enabled()
        self.flags = {name: getattr(backend, name) for backend, name in _flags()}

    def restore(self) -> None:
        """Restore all settings."""
        os.chdir(self.folder)
        if dict(os.environ) != self.environment:
            os.environ.clear()
            os.environ.update(self.environment)
        warnings.filters[:] = self.filters  # type: ignore[index]
        self._restore_torch()

    def _restore_torch(self) -> None:
        if torch.get_default_device() != self.device:
            torch.set_default_device(None if self.device.type == "cpu" else self.device)
        torch.set_default_dtype(self.dtype)
        torch.set_float32_matmul_precision(self.matmul)
        if _deterministic() != (
            self.deterministic,
            self.warn_only,
        ):  # the call imports the compiler
            torch.use_deterministic_algorithms(self.deterministic, warn_only=self.warn_only)
        torch.autograd.set_detect_anomaly(self.anomaly)
        torch.backends.mha.set_fastpath_enabled(self.fast_path)
        for backend, name in _flags():
            if getattr(backend, name) != self.flags[name]:
                setattr(backend, name, self.flags[name])


@contextmanager
def kept_settings() -> Iterator[None]:
    """Restore threads, grad mode and precision of matrix products at the end of the context.

    The command sets them for all networks.
    """
    threads, gradients = torch.get_num_threads(), torch.is_grad_enabled()
    matmul = torch.get_float32_matmul_precision()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_grad_enabled(gradients)
        torch.set_float32_matmul_precision(matmul)


@contextmanager
def standard_settings() -> Iterator[None]:
    """Use torch's default settings within the context, and restore the caller's at its end.

    A notebook that has changed the default dtype thus gets the same figures as a shell.
    """
    before, gradients = ProcessState(), torch.is_grad_enabled()
    usual = ProcessState()
    usual.device, usual.dtype, usual.matmul = torch.device("cpu"), torch.float32, "highest"
    usual.deterministic = usual.warn_only = usual.anomaly = False
    usual.fast_path = True
    usual.flags = {"benchmark": False, "deterministic": False, "enabled": True}
    usual.restore()
    torch.set_grad_enabled(True)
    try:
        yield
    finally:
        before.restore()
        torch.set_grad_enabled(gradients)


def _deterministic() -> tuple[bool, bool]:
    """Return whether torch requires deterministic algorithms, and whether it only warns."""
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _flags() -> tuple[tuple[Any, str], ...]:
    """Return the flags of torch's backends with their modules; all names are different."""
    cudnn, mkldnn = torch.backends.cudnn, torch.backends.mkldnn
    return ((cudnn, "benchmark"), (cudnn, "deterministic"), (mkldnn, "enabled"))
