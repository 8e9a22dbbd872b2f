"""Help of a command: examples first, then arguments and options by group.

The result is plain lines: terminals show headings bold, and `docs/reference_page.py` writes them to
a page.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from convcompare.core.formatting import wrapped

from .command_list import ABOUT, COMMANDS, EXAMPLES, EXIT_CODES

EXAMPLE = re.compile(r"\$ (convcompare.*)")
NARROWEST, WIDEST = 40, 100
WORDS = 30
"""Width of the column of options; the description of a longer option is on the next line."""
EVERYWHERE = (
    ("    --debug", "Show the traceback of an error."),
    ("-h, --help", "Show this help."),
)
HEADING = re.compile(r"[A-Z][a-z ]+:( convcompare .*)?")


def command_help(command: Any, path: str, below: Mapping[str, str], width: int) -> list[str]:
    """Return the lines of a command's help.

    Args:
        command: The command.
        path: Command as typed.
        below: Subcommands with their summaries.
        width: Width in columns.
    """
    summary, examples, more = parts(inspect.getdoc(command.callback) or "")
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    arguments = [one for one in shown if not one.opts[0].startswith("-")]
    options = [one for one in shown if one not in arguments and one.name != "help"]
    usage = " ".join([path, "[OPTIONS]", *(_metavar(one) for one in arguments)])
    lines = [*wrapped(summary, width), ""]
    lines += _examples(examples)
    lines += [f"Usage: {usage}", ""]
    for paragraph in more:
        lines += [*wrapped(paragraph, width), ""]
    lines += _pairs("Arguments", ((_metavar(one), _about(one)) for one in arguments), width)
    for panel in dict.fromkeys(one.rich_help_panel or "Options" for one in options):
        members = [one for one in options if (one.rich_help_panel or "Options") == panel]
        lines += _pairs(panel, ((_words(one), _about(one)) for one in members), width)
    lines += _pairs("Commands", below.items(), width)
    return lines + _pairs("Everywhere", EVERYWHERE, width)[:-1]


def group_help(width: int) -> Iterator[str]:
    """Yield the lines of the program's help: all commands, one line each."""
    commands = {name: line for name, line in COMMANDS.items() if " " not in name}
    yield from [*wrapped(ABOUT, width), ""]
    yield from _examples(EXAMPLES)
    yield from ["Usage: convcompare COMMAND [OPTIONS]", ""]
    yield from _pairs("Commands", commands.items(), width)
    own = (
        ("    --version", "Print the version."),
        ("    --install-completion", "Complete commands and names in this shell."),
        ("    --show-completion", "Print what that would install."),
    )
    yield from _pairs("Options", [*own, *EVERYWHERE], width)
    yield from wrapped(EXIT_CODES, width)


def _examples(lines: Sequence[str]) -> list[str]:
    """Return examples under their heading; nothing if there are none."""
    return ["Examples:", *(f"  {line}" for line in lines), ""] if lines else []


def parts(text: str) -> tuple[str, list[str], list[str]]:
    """Return the first paragraph of a docstring, its examples, and its other paragraphs."""
    paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
    lines = [line.strip() for line in text.splitlines()]
    examples = [found[1] for line in lines if (found := EXAMPLE.fullmatch(line))]
    texts = [" ".join(p.split()) for p in paragraphs if not EXAMPLE.match(p)]
    return texts[0] if texts else "", examples, texts[1:]


def show(lines: Iterable[str]) -> None:
    """Print help, with bold headings on a terminal."""
    from rich.text import Text

    from .console import out

    console = out()
    for line in lines:
        style = "bold" if HEADING.fullmatch(line) and not line.startswith("Usage") else ""
        console.print(Text(line, style=style), soft_wrap=True)


def room() -> int:
    """Return the width of the help: that of the terminal, up to a readable maximum."""
    from .console import out, width

    columns = width(out()) or _number(os.environ.get("COLUMNS")) or 80
    return min(WIDEST, max(NARROWEST, columns))


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _pairs(heading: str, pairs: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Return two columns under a heading."""
    rows = list(pairs)
    if not rows:
        return []
    column = min(WORDS, max(len(words) for words, _ in rows)) + 4
    lines = [f"{heading}:"]
    for words, about in rows:
        texts = wrapped(about, max(20, width - column)) or [""]
        first = f"  {words}"
        if len(first) > column - 2:
            lines.append(first)
            first = ""
        lines.append(f"{first:<{column}}{texts[0]}".rstrip())
        lines += [" " * column + line for line in texts[1:]]
    return [*lines, ""]


def beside(words: str, about: str, columns: int | None) -> list[str]:
    """Return a label with a text beside it, wrapped on a terminal and on one line in a pipe."""
    column = len(words) + 2
    texts = wrapped(about, max(20, columns - column - 1)) if columns else [about]
    return [f"{words}  {texts[0]}", *(" " * column + line for line in texts[1:])]


def _words(option: Any) -> str:
    """Return an option as typed, its short form first."""
    short = next((name for name in option.opts if not name.startswith("--")), "")
    long = next((name for name in option.opts if name.startswith("--")), "")
    value = "" if getattr(option, "is_flag", False) else f" {option.metavar or 'VALUE'}"
    off = "".join(f", {name}" for name in option.secondary_opts)
    return f"{short}, {long}{value}" if short else f"    {long}{value}{off}"


def _metavar(argument: Any) -> str:
    """Return an argument as typed: in brackets if optional, with dots if it repeats."""
    shown = str(argument.metavar or argument.name.upper()).removesuffix("...")
    bracketed = shown if argument.required or shown.startswith("[") else f"[{shown}]"
    return f"{bracketed}..." if argument.nargs == -1 else bracketed


def _about(one: Any) -> str:
    text = one.help or ""
    variable = getattr(one, "envvar", None)
    return f"{text} [env: {variable}]" if variable else text
