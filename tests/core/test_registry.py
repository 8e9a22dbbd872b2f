from __future__ import annotations

import functools
import hashlib
import inspect
from pathlib import Path

import pytest

from convcompare.cli.command_list import COMMANDS
from convcompare.cli.lazy_commands import load
from convcompare.core.errors import UsageError
from convcompare.core.registry import Registry, register


@pytest.mark.parametrize("kind", ["model", "dataset", "executor", "metric"])
def test_names_parsed_from_the_sources_equal_the_registered_ones(kind: str) -> None:
    registry: Registry = getattr(register, kind)
    assert registry.names() == [entry.name for entry in registry]
    assert all(entry.summary for entry in registry), "the first docstring line is the listing's"


def test_duplicate_name_is_refused() -> None:
    assert "fcn" in register.model
    with pytest.raises(UsageError) as caught:
        register.model("fcn")(lambda: None)
    both = f"`convcompare.models.zoo.fcn` and `{__name__}`"
    assert caught.value.message == f"model `fcn` is registered twice: by {both}"


def test_redefined_function_replaces_the_previous_one() -> None:
    registry = Registry("model", "convcompare.models.zoo")
    for width in (1, 2):

        @registry("again")
        def again(width: int = width) -> None: ...

    assert registry["again"].options()["width"].default == 2


def test_external_entry_is_identified_by_its_file() -> None:
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


def test_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        register.model["simpel"]
    assert caught.value.hint == "did you mean `simple`?"


def test_command_list_shows_the_summary_of_each_command() -> None:
    for name, line in COMMANDS.items():
        text = inspect.getdoc(load(name).callback) or ""
        assert " ".join(text.partition("\n\n")[0].split()) == line
