from __future__ import annotations

import functools
import hashlib
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
    with pytest.raises(UsageError) as caught:
        register.model("fcn")(lambda: None)
    both = f"`convcompare.models.zoo.fcn` and `{__name__}`"
    assert caught.value.message == f"model `fcn` is registered twice: by {both}"


def test_a_function_that_is_defined_again_replaces_the_one_before() -> None:
    registry = Registry("model", "convcompare.models.zoo")
    for width in (1, 2):

        @registry("again")
        def again(width: int = width) -> None: ...

    assert registry["again"].options()["width"].default == 2


def test_what_is_not_built_in_is_identified_by_the_file_that_defines_it() -> None:
    registry = Registry("model", "convcompare.models.zoo")
    assert {entry.code for entry in register.model} == {None}
    expected = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()

    @registry("own")
    def own() -> None: ...

    @registry.family("own-{depth}", depth=(2,))
    def sized(depth: int) -> None: ...

    @registry("wrapped")
    @functools.wraps(register.model["fcn"].function)
    def wrapped(**options: object) -> None: ...

    assert [registry[name].code for name in ("own", "own-2", "wrapped")] == [expected] * 3
    registry("partial")(functools.partial(own))
    with pytest.raises(UsageError, match="no file defines"):
        _ = registry["partial"].code


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
