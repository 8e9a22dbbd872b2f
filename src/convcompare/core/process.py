"""Identity of this process, and whether other processes of this machine still run.

Systems reuse process ids, but not together with the start time. The identity of a host includes its
boot and its process namespace, so two containers, or a machine before and after a power failure,
are different hosts.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_PARENT, _START_TIME = 1, 19
"""Indices of the fields in /proc/PID/stat after the name of the program."""
_QUERY, _DENIED, _STILL_ACTIVE = 0x1000, 5, 259
"""Windows: the access right PROCESS_QUERY_LIMITED_INFORMATION, an error code, an exit code."""

_PACKAGES = Path(__file__).parents[2]
_START = "import sys; sys.path.append(sys.argv[1]); from {module} import main; main()"

FIXED_ORDER = {"PYTHONHASHSEED": "0"}
"""Environment in which sets of strings, such as names of layers, have one order in every process.
Otherwise networks built from one would have other weights under the same seed."""


def python_arguments(module: str) -> tuple[str, ...]:
    """Return arguments for a Python interpreter that run `main` of a module of this package.

    ``-P`` keeps files in the user's folder from replacing modules of the standard library.
    Arguments that follow are ``sys.argv[2:]`` of the module.
    """
    return ("-P", "-c", _START.format(module=module), str(_PACKAGES))


def python_command(module: str) -> tuple[str, ...]:
    """Return the command that runs `main` of a module of this package in a new process."""
    return (sys.executable, *python_arguments(module))


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Process:
    """A process of a host; `started` is in clock ticks since the host started, or -1 if unknown."""

    host: str
    pid: int
    started: int

    @property
    def here(self) -> bool:
        """Whether it is, or was, a process of this host."""
        return self.host == host()

    @property
    def dead(self) -> bool:
        """Whether it is known to have ended; False for a process of another host."""
        if not self.here:
            return False
        now = start_of(self.pid)
        return now is None or (-1 not in (now, self.started) and now != self.started)


def this() -> Process:
    """Return this process."""
    pid = os.getpid()
    started = start_of(pid)
    return Process(host(), pid, -1 if started is None else started)


@lru_cache
def host() -> str:
    """Return 16 hex digits that identify this host since its start, and its process namespace."""
    import socket

    parts = [socket.gethostname()]
    with suppress(OSError):  # outside Linux only the name is used
        parts += [_BOOT.read_text(encoding="ascii").strip(), str(_NAMESPACE.readlink())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def start_of(pid: int) -> int | None:
    """Return when a process of this host started; None if there is none, -1 if it is unknown."""
    try:
        fields = _fields(Path(f"/proc/{pid}"))
    except OSError:
        return -1 if not Path("/proc/self/stat").exists() and exists(pid) else None
    return None if fields[0] in "ZX" else int(fields[_START_TIME])


def descendants(pid: int) -> list[int]:
    """Return the direct and indirect child processes of a process; empty outside Linux.

    They are found by the parent of each process. Linux also lists the children of a thread, but
    that list may be incomplete while processes end.
    """
    started: dict[int, list[int]] = {}
    with suppress(FileNotFoundError):  # outside Linux
        for folder in Path("/proc").iterdir():
            with suppress(OSError):  # it has ended
                if folder.name.isdigit():
                    parent = int(_fields(folder)[_PARENT])
                    started.setdefault(parent, []).append(int(folder.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        new = started.get(waiting.pop(), [])
        found += new
        waiting += new
    return found


def _fields(folder: Path) -> list[str]:
    """Return the fields of /proc/PID/stat after the name of the program."""
    stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    return stat.rpartition(")")[2].split()


def exists(pid: int) -> bool:
    """Return whether a process with this id exists on this host."""
    if os.name == "nt":
        return _exists_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _exists_on_windows(pid: int) -> bool:
    """Query the process by its handle; on Windows `os.kill` would end it whatever the signal."""
    import ctypes

    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009  # typed on Windows only
    handle = kernel.OpenProcess(_QUERY, False, pid)
    if not handle:
        return bool(kernel.GetLastError() == _DENIED)
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == _STILL_ACTIVE
