"""Which process this is, and whether another one of this machine still runs.

A number of a process is given again after it; with the time at which it started it is not. A host
is named by what changes when it starts anew and by its own list of processes, so that two
containers, or a machine before and after a power failure, are different hosts.
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
"""Places in /proc/PID/stat, behind the name of the program."""
_QUERY, _DENIED, _STILL_ACTIVE = 0x1000, 5, 259
"""Of Windows: the right PROCESS_QUERY_LIMITED_INFORMATION, an error, an exit code."""

_PACKAGES = Path(__file__).parents[2]
_START = "import sys; sys.path.append(sys.argv[1]); from {module} import main; main()"


def python_arguments(module: str) -> tuple[str, ...]:
    """Arguments for a Python interpreter that runs `main` of a module of this package.

    With ``-P``: a file of the user's folder must not stand in for a module of the library. What
    follows them is ``sys.argv[2:]`` of the module.
    """
    return ("-P", "-c", _START.format(module=module), str(_PACKAGES))


def python_command(module: str) -> tuple[str, ...]:
    """The command that runs `main` of a module of this package in a process of its own."""
    return (sys.executable, *python_arguments(module))


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Process:
    """A process of a host. ``started`` is in ticks since the host started, -1 where unknown."""

    host: str
    pid: int
    started: int

    @property
    def here(self) -> bool:
        """Whether it is, or was, a process of this host."""
        return self.host == host()

    @property
    def dead(self) -> bool:
        """Whether it is known to have ended: of another host nothing is known."""
        if not self.here:
            return False
        now = start_of(self.pid)
        return now is None or (-1 not in (now, self.started) and now != self.started)


def this() -> Process:
    """This process."""
    pid = os.getpid()
    started = start_of(pid)
    return Process(host(), pid, -1 if started is None else started)


@lru_cache
def host() -> str:
    """Sixteen hex digits that name this host, since it started, and its list of processes."""
    import socket

    parts = [socket.gethostname()]
    with suppress(OSError):  # outside Linux the name has to do
        parts += [_BOOT.read_text(encoding="ascii").strip(), str(_NAMESPACE.readlink())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def start_of(pid: int) -> int | None:
    """When a process of this host started; None where there is none, -1 where it is not known."""
    try:
        fields = _fields(Path(f"/proc/{pid}"))
    except OSError:
        return -1 if not Path("/proc/self/stat").exists() and exists(pid) else None
    return None if fields[0] in "ZX" else int(fields[_START_TIME])


def descendants(pid: int) -> list[int]:
    """The processes that one has started, and those that they have, where the system tells.

    Each process names its parent. The list of a thread's children, which Linux has too, may lack
    some while others end.
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
    """Fields of /proc/PID/stat, those behind the name of the program."""
    stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    return stat.rpartition(")")[2].split()


def exists(pid: int) -> bool:
    """Whether there is a process of that number on this host."""
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
    """The same by its handle: there `os.kill` ends a process whatever the signal."""
    import ctypes

    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009  # not in other systems' types
    handle = kernel.OpenProcess(_QUERY, False, pid)
    if not handle:
        return bool(kernel.GetLastError() == _DENIED)
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == _STILL_ACTIVE
