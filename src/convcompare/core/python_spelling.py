"""Converts shell options in a text to arguments of a Python call."""

from __future__ import annotations

import re

_FLAGS = {"all_pairs", "until_clear", "fresh", "weights", "dry_run"}
_LISTS = {"columns", "lr_grid"}
_NUMBER = re.compile(r"-?[\d.]+(e-?\d+)?|[A-Z…]+")
"""A number, or a placeholder in capitals."""


def in_python(text: str) -> str:
    """Return a text with its shell options converted to Python arguments.

    ```--seeds 5``` becomes ```seeds=5```, ```--device cpu``` becomes ```device="cpu"``` and
    ```--fresh``` becomes ```fresh=True```. Whole commands stay, such as ```convcompare runs --model
    fcn```.
    """
    return re.sub(r"`[^`]*`|(?<![\w'-])--[a-z][a-z-]*", _spelled, text)


def _spelled(found: re.Match[str]) -> str:
    text = found[0]
    if text.startswith("`--"):
        return f"`{_arguments(text.strip('`'))}`"
    return text if text.startswith("`") else _name(text.removeprefix("--"))


def _arguments(words: str) -> str:
    """Convert typed options to call arguments, separated by commas."""
    found = re.findall(r"--(no-)?([a-z][a-z-]*)(?:[ =]((?!--)\S+))?", words)
    return ", ".join(_argument(bool(no), name, value) for no, name, value in found)


def _argument(no: bool, name: str, value: str) -> str:
    if name == "set":
        key, _, setting = value.partition("=")
        return f'settings={{"{key}": {_value(setting)}}}' if setting else "settings="
    if no or _name(name) in _FLAGS:
        return f"{_name(name)}={not no}"
    return f"{_name(name)}={_value(value, _name(name) in _LISTS)}"


def _value(text: str, is_list: bool = False) -> str:
    """Convert a value to a Python literal: a number, a list of numbers, or a string."""
    parts = text.split(",")
    if (is_list and text) or (len(parts) > 1 and all(map(_NUMBER.fullmatch, parts))):
        return f"[{', '.join(map(_value, parts))}]"
    return text if not text or _NUMBER.fullmatch(text) else f'"{text}"'


def _name(option: str) -> str:
    return "settings" if option == "set" else option.replace("-", "_")
