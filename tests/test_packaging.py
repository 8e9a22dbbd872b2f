"""Wheel and sdist, built and installed into their own environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import convcompare

ROOT = Path(__file__).parent.parent
LARGEST = 5_000_000
DATA = (
    "py.typed",
    "output/report/report.css",
    "output/report/templates/page.html.j2",
    "output/report/templates/blocks.html.j2",
    "data/datasets/mnist_mini.npz",
    "comparison/studies/mnist.py",
    "cli/commands/runs/export.py",
    "output/exports/csv.py",
)
LICENCES = ("LICENSE", "mnist_mini.LICENSE.txt")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel, which is built from the sdist as for publication."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_wheel_and_sdist_are_small_and_complete(built: Path) -> None:
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    for path in (wheel, sdist):
        assert path.stat().st_size < LARGEST, f"{path.name}: {path.stat().st_size:,} bytes"
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert {f"convcompare/{name}" for name in DATA} <= set(names)
    for licence in LICENCES:
        assert any(".dist-info/licenses/" in n and n.endswith(licence) for n in names)
    assert not [name for name in names if name.startswith(("tests", "benchmarks"))]
    with tarfile.open(sdist) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    for name in ("LICENSE", "README.md", "CONTRIBUTING.md", "mkdocs.yml", "tests/conftest.py"):
        assert name in inside


@pytest.mark.torture  # the test above checks by names that the wheel is complete
def test_wheel_works_in_its_own_environment(built: Path, tmp_path: Path) -> None:
    """Dependencies are those of this environment, added by a .pth file."""
    home = tmp_path / "home"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    packages = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, "--quiet", str(wheel)], check=True, capture_output=True)
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    script = home / "bin" / "convcompare"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "CONVCOMP"))}

    def call(*command: object) -> str:
        done = subprocess.run(
            [str(one) for one in command],
            cwd=tmp_path, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert call(script, "--version") == f"convcompare {convcompare.__version__}\n"
    assert "convcompare compare fcn" in call(script)
    where = call(python, "-c", "import convcompare; print(convcompare.__file__)").strip()
    assert Path(where).is_relative_to(packages), "not the source of this checkout"
    table = call(script, "compare", "fcn:hidden=8", "-d", "mnist-mini", "-e", "1", "--quiet")
    assert "fcn:hidden=8" in table
    page = (
        "from convcompare.output.report.document import Document, Paragraph\n"
        "from convcompare.output.report.html import to_html\n"
        "print(to_html(Document('title', 'subtitle', [Paragraph('a < b')])))"
    )
    written = call(python, "-c", page)
    assert "<p>a &lt; b</p>" in written and "border-collapse" in written
    about = call(python, "-c", "import importlib.metadata as m; print(*m.files('convcompare'))")
    assert all(licence in about for licence in LICENCES)
