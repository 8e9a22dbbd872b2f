"""Write docs/reference/*.md from the code: all commands with their options, all public names.

python docs/reference_page.py            writes the pages
python docs/reference_page.py --check    fails if one is not current
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import get_origin

import convcompare
from convcompare.cli.command_list import COMMANDS
from convcompare.cli.help import command_help, group_help
from convcompare.cli.lazy_commands import load

FOLDER = Path(__file__).parent / "reference"
WIDTH = 90
PLUGINS = {
    "To register": ("register", "Spec"),
    "Types of options": ("Count", "Kernel", "Probability", "Widths", "Factor"),
    "Limits of options": ("AtLeast", "Above", "Between", "Odd"),
    "For a data set": ("Dataset", "Split", "Sources", "DataNote"),
    "For a metric": ("Logits", "Labels", "check_predictions"),
    "For a plot": ("PlotSource", "Drawing", "panels", "model_rows"),
    "To report an error": ("UsageError", "ModelError", "DataError"),
}
"""Public names for packages with plugins, by purpose."""
MADE = "Made from the code by `python docs/reference_page.py`; a test checks that it is current."


def commands() -> Iterator[str]:
    """Iterate over the ``--help`` of the tool and of each command."""
    yield f"# Commands\n\n{MADE}\n"
    yield _text(group_help(WIDTH))
    for name in COMMANDS:
        below = {
            path.rpartition(" ")[2]: line
            for path, line in COMMANDS.items()
            if path.rpartition(" ")[0] == name
        }
        yield f"\n## convcompare {name}\n"
        yield _text(command_help(load(name), f"convcompare {name}", below, WIDTH))


def _text(lines: Iterator[str] | list[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def library() -> Iterator[str]:
    """Iterate over the public names: arguments, results and errors."""
    yield f"# Library\n\n{MADE}\n"
    yield _prose(convcompare)
    for name in ("compare", "read", "robustness"):
        yield f"\n## convcompare.{name}\n"
        yield from _function(name, getattr(convcompare, name))
    yield "\n## convcompare.Result\n"
    yield _prose(convcompare.Result)
    for name, member in vars(convcompare.Result).items():
        if not name.startswith("_") and (callable(member) or isinstance(member, property)):
            yield f"\n### {name}\n"
            function = member.fget if isinstance(member, property) else member
            yield from _function(name, function, isinstance(member, property))
    yield "\n## convcompare.ConvcompareError\n"
    yield _prose(convcompare.ConvcompareError)
    yield "\n## For plugins\n"
    yield "What packages use that [add a network](../guides/add-a-network.md) or"
    yield "[something else](../guides/add-other-things.md); from `convcompare` as well."
    for title, names in PLUGINS.items():
        yield f"\n### {title}"
        for name in names:
            yield f"\n#### {name}\n"
            yield from _plugin_name(name)


def _plugin_name(name: str) -> Iterator[str]:
    """Iterate over the signature or definition of a public name, and its docstring."""
    thing = getattr(convcompare, name)
    if name in ("register", "PlotSource"):  # callers do not construct these
        yield _prose(thing)
    elif inspect.isclass(thing) and issubclass(thing, Exception):
        yield _text([f"class {name}({thing.__bases__[0].__name__}): exit code {thing.exit_code}"])
        yield "\n" + _prose(thing)
    elif inspect.isfunction(thing) or (inspect.isclass(thing) and not get_origin(thing)):
        yield from _function(name, thing)
    else:
        yield from _alias(name)


def _alias(name: str) -> Iterator[str]:
    """Iterate over the definition of a type alias and the docstring below it."""
    module = importlib.import_module(f"convcompare.{convcompare._HOMES[name]}")
    body = ast.parse(inspect.getsource(module)).body
    for node, below in pairwise(body):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            assert isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant), name
            yield _text([ast.unparse(node)])
            yield "\n" + _markdown(inspect.cleandoc(str(below.value.value)))


def _function(name: str, function: object, is_property: bool = False) -> Iterator[str]:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    shown = signature.replace(
        parameters=[one for one in signature.parameters.values() if one.name != "self"]
    )
    if inspect.isclass(function):
        shown = shown.replace(return_annotation=inspect.Signature.empty)
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(shown))
    yield _text([f"{name} -> {shown.return_annotation}" if is_property else f"{name}{text}"])
    yield "\n" + _prose(function)


def _prose(thing: object) -> str:
    """Return a docstring as Markdown, with code marked and arguments as a list."""
    text = _markdown(inspect.getdoc(thing) or "")
    text = re.sub(r"(?<=\n\n)(?:(?: {4}.*)?\n)+(?=\S)", _program, text)
    text = re.sub(r"^(Args|Returns|Raises):$", r"**\1**\n", text, flags=re.MULTILINE)
    text = re.sub(r"^ {4}(\*?\w+): ", r"- `\1`: ", text, flags=re.MULTILINE)
    return re.sub(r"^ {4}(?=\S)", "", text, flags=re.MULTILINE)


def _program(found: re.Match[str]) -> str:
    return f"```python\n{inspect.cleandoc(found[0])}\n```\n\n"


def _markdown(text: str) -> str:
    return re.sub(r"``([^`]*)``", r"`\1`", text)


def main() -> None:
    stale = []
    for name, lines in (("commands", commands()), ("library", library())):
        path, text = FOLDER / f"{name}.md", "\n".join(lines).rstrip() + "\n"
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(str(path.name))
        else:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"not current: {', '.join(stale)}; `python docs/reference_page.py` writes them")


if __name__ == "__main__":
    main()
