"""Audit the installed packages that the tool needs for known vulnerabilities, with pip-audit.

Exit code 0: none known; 1: some known; 3: the service does not answer, and nothing was audited.
With ``--if-online`` the last case is printed and is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement

PROJECT = "convcompare"
SECONDS = 120


def needed(name: str, extras: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the installed versions of all packages that one needs, without itself."""
    found: dict[str, str] = {}
    waiting = [(name, extras)]
    while waiting:
        package, package_extras = waiting.pop()
        for text in distribution(package).requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(
                marker.evaluate({"extra": extra}) for extra in ("", *package_extras)
            ):
                continue
            try:
                version = distribution(requirement.name).version
            except PackageNotFoundError:
                continue
            if requirement.name not in found:
                found[requirement.name] = version.partition("+")[
                    0
                ]  # 2.13.0+cpu is built from 2.13.0
                waiting.append((requirement.name, tuple(requirement.extras)))
    return found


def audit(versions: dict[str, str]) -> tuple[list[dict[str, object]] | None, str]:
    """Return pip-audit's record per package; None and the reason if there is no answer."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{name}=={version}\n" for name, version in versions.items()))
        file.flush()
        options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
        options += ["--vulnerability-service", "osv", "--timeout", "10"]
        command = [sys.executable, "-m", "pip_audit", "-r", file.name, *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return None, f"no answer in {SECONDS} s"
    try:
        return list(json.loads(done.stdout)["dependencies"]), ""
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or [f"pip-audit ended with {done.returncode}"]
        return None, lines[-1][:300]


def main() -> int:
    """Audit and print the result."""
    versions = needed(PROJECT, ("timm", "ray"))
    dependencies, reason = audit(versions)
    if dependencies is None:
        print(
            f"audit: NOT done for {len(versions)} packages, the service does not answer: {reason}"
        )
        return 0 if "--if-online" in sys.argv else 3
    bad = [one for one in dependencies if one.get("vulns")]
    skipped = [one["name"] for one in dependencies if "skip_reason" in one]
    for one in bad:
        names = ", ".join(str(vulnerability["id"]) for vulnerability in one["vulns"])  # type: ignore[attr-defined]
        print(f"audit: {one['name']} {one['version']}: {names}")
    print(f"audit: {len(dependencies)} packages, {len(bad)} with known vulnerabilities")
    if skipped:
        print(f"audit: not known to the service: {', '.join(map(str, skipped))}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
