"""Every module of the package can be imported without Linux-only or POSIX-only modules."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import importlib, os, signal, sys
from benchmarks.structure import modules

names = [name for name in modules() if name != "convcompare.__main__"]
for name in names:  # brings what the modules need of other packages, which are not in question
    importlib.import_module(name)
for name in [name for name in sys.modules if name.partition(".")[0] == "convcompare"]:
    del sys.modules[name]

import _signal
import platformdirs.unix  # the place of the cache, which Windows asks elsewhere
for module in (signal, _signal):
    for name in dir(module):
        posix = name.startswith("SIG") and name[3:4].isalpha() and name not in KEPT
        if posix or name in ("pthread_sigmask", "pthread_kill", "setitimer", "alarm", "sigwait"):
            delattr(module, name)
for name in POSIX:
    if hasattr(os, name):
        delattr(os, name)
for name in ("fcntl", "termios", "resource", "pty", "tty", "pwd", "grp", "syslog"):
    sys.modules[name] = None  # its import fails

for name in [*names, "convcompare.__main__"]:
    importlib.import_module(name)
from convcompare.core import process, signals
from convcompare.core.process import cores
assert cores() >= 1 and process.exists(process.this().pid)
signals.install()
from convcompare import cli
sys.exit(cli.run(["datasets"]))
"""
KEPT = (
    "KEPT = ('SIGINT', 'SIGTERM', 'SIGABRT', 'SIGFPE', 'SIGILL', 'SIGSEGV', 'SIG_DFL', 'SIG_IGN')"
)
POSIX = (
    "fork", "forkpty", "openpty", "sched_getaffinity", "sched_setaffinity", "link", "getuid",
    "geteuid", "getgid", "uname", "register_at_fork", "posix_spawn", "statvfs",
    "setsid", "killpg", "getpgid", "getloadavg", "sysconf", "mkfifo", "chown", "fchmod",
    "O_NONBLOCK", "O_NOFOLLOW", "O_DIRECTORY", "WNOHANG", "waitid", "nice", "sendfile",
)  # fmt: skip


def test_all_modules_import_without_posix_modules() -> None:
    """Listing the data sets also works: signal handlers are installed, cores are counted."""
    script = f"{KEPT}\nPOSIX = {POSIX}\n{SCRIPT}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "mnist-mini" in done.stdout
