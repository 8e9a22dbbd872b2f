"""Known vulnerabilities of what the tool needs to run, as it is installed here; by pip-audit.

Exit code 0: none is known; 1: some are; 3: the service that knows them does not answer, and nothing
was audited. With ``--if-online`` the last is said, and is no failure.
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
    """The versions of all packages that one needs, as far as they are installed; without itself."""
    found: dict[str, str] = {}
    waiting = [(name, extras)]
    while waiting:
        package, wanted = waiting.pop()
        for text in distribution(package).requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                continue
            try:
                version = distribution(requirement.name).version
            except PackageNotFoundError:
                continue
            if requirement.name not in found:
                found[requirement.name] = version.partition("+")[0]  # 2.13.0+cpu is built of 2.13.0
                waiting.append((requirement.name, tuple(requirement.extras)))
    return found


def audit(versions: dict[str, str]) -> tuple[list[dict[str, object]] | None, str]:
    """What pip-audit says of each package; None, and why, where the service does not answer."""
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
    """Audit and say what came of it."""
    versions = needed(PROJECT, ("timm", "ray"))
    dependencies, why = audit(versions)
    if dependencies is None:
        print(f"audit: NOT done for {len(versions)} packages, the service does not answer: {why}")
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
