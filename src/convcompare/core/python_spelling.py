"""The options of a shell in a text, as arguments of a call in Python."""

from __future__ import annotations

import re

_FLAGS = {"all_pairs", "until_clear", "fresh", "weights", "dry_run"}


def in_python(text: str) -> str:
    """A text with the options of a shell in it, these as Python writes them.

    ```--seeds 5``` becomes ```seeds=5```, ```--fresh``` becomes ```fresh=True```.
    """
    text = re.sub(r"`(--[^`]*)`", lambda found: f"`{_arguments(found[1])}`", text)
    return re.sub(r"(?<![\w'-])--([a-z][a-z-]*)", lambda found: _name(found[1]), text)


def _arguments(words: str) -> str:
    """Options as they are typed, as arguments of a call: several with commas."""
    found = re.findall(r"--(no-)?([a-z][a-z-]*)(?:[ =]((?!--)\S+))?", words)
    return ", ".join(_argument(bool(no), name, value) for no, name, value in found)


def _argument(no: bool, name: str, value: str) -> str:
    if name == "set":
        key, _, setting = value.partition("=")
        return f'settings={{"{key}": {setting}}}' if setting else "settings="
    if no or _name(name) in _FLAGS:
        return f"{_name(name)}={not no}"
    return f"{_name(name)}={value}"


def _name(option: str) -> str:
    return "settings" if option == "set" else option.replace("-", "_")
