"""Plugin packages: those of the guides, installed by pip, and some that are broken."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
PACKAGES = {"my-networks": "add-a-network.md", "my-plugin": "add-other-things.md"}
FILE = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMPARE = (
    "compare", "tiny", "squared", "fcn:hidden=8", "--dataset", "stripes:train=200,test=100",
    "--epochs", "1", "--batch-size", "50", "--threads", "1",
)  # fmt: skip
RUN = """
import sys
from convcompare import cli
codes = set()
for line in sys.argv[1:]:
    codes.add(cli.run(line.split()))
    print(end="\\f")
    print(end="\\f", file=sys.stderr)
sys.exit(codes.pop() if len(codes) == 1 else 99)
"""
"""Code that runs several commands in one process, since importing torch takes seconds."""


@dataclass(frozen=True)
class Place:
    """A folder to run commands in, and one on the module path with the installed packages."""

    folder: Path
    packages: Path

    def run(self, *commands: str) -> list[str]:
        """Return the stdout of each command. All run in one process and must succeed."""
        done = self.process(*commands)
        assert done.returncode == 0, done.stderr
        return done.stdout.split("\f")[:-1]

    def errors(self, *commands: str) -> list[str]:
        """Return the error of each command: stdout must be empty and the exit code 2."""
        done = self.process(*commands)
        assert (done.returncode, done.stdout.strip("\f")) == (2, "")
        return done.stderr.split("\f")[:-1]

    def process(self, *commands: str) -> subprocess.CompletedProcess[str]:
        """Run the commands in one process."""
        path = [str(self.packages), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CONVCOMPARE")}
        return subprocess.run(
            [sys.executable, "-c", RUN, *commands],
            cwd=self.folder, env={**environment, "PYTHONPATH": os.pathsep.join(path)},
            capture_output=True, text=True,
        )  # fmt: skip

    def add(self, name: str, text: str) -> None:
        """Install a package of one module, as pip does."""
        module, about = name.replace("-", "_"), self.packages / f"{name}-1.0.dist-info"
        about.mkdir()
        (self.packages / f"{module}.py").write_text(text)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[convcompare.plugins]\nany = {module}\n")


@pytest.fixture
def empty(tmp_path: Path) -> Place:
    place = Place(tmp_path / "work", tmp_path / "packages")
    for folder in (place.folder, place.packages):
        folder.mkdir()
    return place


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Build and install the packages that the guides describe, without the network."""
    home = tmp_path_factory.mktemp("plugins")
    place = Place(home / "work", home / "packages")
    place.folder.mkdir()
    for package, page in PACKAGES.items():
        inner = home / package / "src" / package.replace("-", "_")
        inner.mkdir(parents=True)
        (inner / "__init__.py").touch()
        for name, text in FILE.findall((GUIDES / page).read_text(encoding="utf-8")):
            path = home / name if name.startswith(package) else inner / Path(name).name
            path.write_text(text, encoding="utf-8")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    pip = [sys.executable, "-m", "pip", "install", *options, "--target", place.packages]
    done = subprocess.run([*pip, *(home / name for name in PACKAGES)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return place


def test_the_packages_of_the_guides_import_from_convcompare_alone(installed: Place) -> None:
    files = list(installed.packages.glob("my_*/*.py"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(files) == 7
    assert {x.partition(" import ")[0] for x in lines if "convcompare" in x} == {"from convcompare"}


def test_plugin_entries_are_listed_used_and_identified_by_their_file(installed: Place) -> None:
    compare = " ".join(COMPARE)
    tiny, squared, one, datasets, plots, table, first, _ = installed.run(
        "models tiny --dataset stripes --format json",
        "models squared --dataset stripes --format json",
        "models tiny",
        "datasets --format json",
        "plot list",
        f"{compare} --columns margin",
        "runs latest --format json",
        "plot size --out size.svg",
    )
    assert "One convolution, global average, linear classifier" in " ".join(one.split())
    options = {each["option"]: each["value"] for each in json.loads(tiny)["options"]}
    assert options == {"width": "8", "kernel": "3"}
    assert json.loads(squared)["parameters"] == 8 * 26 + 4 * (16 * 8 + 1)
    assert "`width` is the number of channels." in one
    assert "stripes" in {row["name"] for row in json.loads(datasets)["datasets"]}
    assert "Parameters of each model" in plots

    assert "margin" in table
    specs = [model["spec"] for model in json.loads(first)["models"]]
    assert specs[:2] == ["tiny:width=8,kernel=3", "squared:width=8"]
    assert (installed.folder / "size.svg").read_bytes().startswith(b"<?xml")

    file = installed.packages / "my_networks" / "tiny.py"
    file.write_text(file.read_text().replace("nn.ReLU(inplace=True)", "nn.Tanh()"))
    (again,) = installed.run(f"{compare} --format json")
    then, now = ids(first), ids(again)
    assert then.pop("tiny") != now.pop("tiny")
    assert then == now


def ids(printed: str) -> dict[str, str]:
    """Return the id of the only run of each model."""
    models = json.loads(printed)["models"]
    return {model["model"]: model["runs"][0]["id"] for model in models}


def test_failing_plugin_is_named(empty: Place) -> None:
    empty.add("broken-plugin", "import numpy\n\nnumpy.no_such_name\n")
    for text in empty.run("--help", "compare --help"):
        assert "Usage" in text
    for text in empty.errors("datasets", "datasets", "plot list"):
        assert text.splitlines() == [
            "error: plugin `broken_plugin` of the package `broken-plugin` cannot be loaded: "
            "AttributeError: module 'numpy' has no attribute 'no_such_name' "
            "(broken_plugin.py, line 3)",
            " hint: fix it, or `pip uninstall broken-plugin`; `--debug` shows the traceback",
        ]


def test_doctor_reports_each_failing_plugin_and_continues(empty: Place) -> None:
    """One raises, one takes a registered name; the working ones and all else are checked."""
    empty.add("broken-plugin", "import numpy\n\nnumpy.no_such_name\n")
    taken = "from convcompare import register\n\n\n@register.model('fcn')\ndef one():\n    pass\n"
    empty.add("taken", taken)
    empty.add("sound", "import convcompare\n")
    done = empty.process("doctor --timeout 0.1 --format json")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    checks = json.loads(done.stdout.strip("\f"))["checks"]
    lines = {check["found"]: check for check in checks if check["name"].startswith("plugin")}
    (raises, takes) = sorted(text for text in lines if "cannot be loaded" in text)
    assert "`broken_plugin` of the package `broken-plugin`" in raises
    assert "model `fcn` is registered twice" in takes and "`taken`" in takes
    assert lines[takes]["hint"].startswith("fix it, or `pip uninstall taken`")
    assert lines["`sound`"]["state"] == "ok"
    assert {"data", "sources", "store"} <= {check["name"] for check in checks}


@pytest.mark.parametrize(
    ("command", "name", "message"),
    [
        (
            "datasets",
            'dataset("shapes")',  # found when the plugin is imported
            "plugin `taken` of the package `taken` cannot be loaded: dataset `shapes` is "
            "registered twice: by `convcompare.data.datasets.shapes` and `taken`",
        ),
        (
            "models",
            'model("fcn")',  # found when the zoo is imported, after the data sets and the plugin
            "model `fcn` is registered twice: by `convcompare.models.zoo.fcn` and `taken`",
        ),
    ],
)
def test_name_conflict_reports_both_modules(
    empty: Place, command: str, name: str, message: str
) -> None:
    text = f"from convcompare import register\n\n\n@register.{name}\ndef one():\n    pass\n"
    empty.add("taken", text)
    (error,) = empty.errors(command)
    assert error.startswith(f"error: {message}\n hint: ")
