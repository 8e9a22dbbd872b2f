from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import convcompare
from convcompare.cli.command_list import COMMANDS
from convcompare.cli.lazy_commands import load
from convcompare.core.errors import UsageError
from convcompare.core.registry import Registry, register

SOURCE = Path(convcompare.__file__).parent
HEAVY = ("torch", "torchvision", "matplotlib", "pandas", "scipy", "jinja2")


@pytest.mark.parametrize("kind", ["model", "dataset", "executor", "metric"])
def test_names_read_from_the_sources_are_those_that_register(kind: str) -> None:
    registry: Registry = getattr(register, kind)
    assert registry.names() == [entry.name for entry in registry]
    assert all(entry.summary for entry in registry), "the first docstring line is the listing's"


def test_a_name_is_registered_once() -> None:
    assert "fcn" in register.model
    with pytest.raises(ValueError, match="registered twice"):
        register.model("fcn")(lambda: None)


def test_a_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        register.model["simpel"]
    assert caught.value.hint == "did you mean `simple`?"


def run_and_list_modules(code: str, whole: bool = False) -> set[str]:
    """What a new process has imported after `code`: the packages, or the names as they are."""
    listing = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name if whole else name.partition(".")[0] for name in done.stderr.splitlines()}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["models", "--help"], ["compare", "--help"], ["datasets"], ["runs", "--help"]],
)
def test_nothing_heavy_is_imported_for(arguments: list[str]) -> None:
    modules = run_and_list_modules(f"from convcompare import cli; cli.run({arguments!r})")
    assert not modules & set(HEAVY)
    if "--help" in arguments:
        assert not modules & {"numpy", "markdown_it", "pygments", "pydantic"}


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for name, line in COMMANDS.items():
        text = inspect.getdoc(load(name).callback) or ""
        assert " ".join(text.partition("\n\n")[0].split()) == line


def test_the_list_of_commands_imports_none_of_them() -> None:
    modules = run_and_list_modules("from convcompare import cli; cli.run(['--help'])", whole=True)
    names = [name.replace("-", "_").replace(" ", ".") for name in COMMANDS]
    commands = {f"convcompare.cli.commands.{name}" for name in names}
    assert "convcompare.cli.lazy_commands" in modules
    assert not modules & commands


def test_completion_imports_nothing_heavy() -> None:
    modules = run_and_list_modules(
        "from convcompare import register; assert 'simple' in register.model.names()"
    )
    assert not modules & set(HEAVY)


def test_the_list_of_runs_needs_no_numpy(tmp_path: Path) -> None:
    listing = ["runs", "--format", "json", "--store", str(tmp_path)]
    modules = run_and_list_modules(f"from convcompare import cli; cli.run({listing!r})")
    assert "numpy" not in modules


def test_stored_tables_need_no_torch() -> None:
    modules = run_and_list_modules(
        "import convcompare.comparison.comparison, convcompare.output.tables.comparison_table"
    )
    assert not modules & set(HEAVY)
