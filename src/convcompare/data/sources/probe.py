"""Check whether the sources of data sets respond, with one request each."""

from __future__ import annotations

import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable

from .npm import Origin, Package

NO_ANSWER = "no answer"


def answers(origins: Iterable[Origin], seconds: float) -> dict[str, str]:
    """Return for each origin, by name, why it does not respond; empty if it does.

    All are requested in parallel threads, so that `seconds` is the timeout also if a host name
    cannot be resolved.
    """
    by_name = {origin.name: origin for origin in origins}
    found = dict.fromkeys(by_name, NO_ANSWER)

    def check(name: str) -> None:
        found[name] = _problem(by_name[name], seconds)

    threads = [threading.Thread(target=check, args=(name,), daemon=True) for name in by_name]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    return dict(found)


def _problem(origin: Origin, seconds: float) -> str:
    if isinstance(origin, Package):
        return _of_npm(origin, seconds)
    request = urllib.request.Request(
        f"{origin.base}/{origin.files[0]}", method="HEAD", headers={"User-Agent": "convcompare"}
    )
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        late = isinstance(getattr(error, "reason", error), TimeoutError)
        return NO_ANSWER if late else "no connection"


def _of_npm(package: Package, seconds: float) -> str:
    npm = shutil.which("npm")
    if npm is None:
        return "not installed"
    command = [npm, "view", f"{package.package}@{package.version}", "version", "--fetch-retries=0"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except (subprocess.TimeoutExpired, OSError):
        return NO_ANSWER
    return "" if done.returncode == 0 and done.stdout.strip() else "no connection"
