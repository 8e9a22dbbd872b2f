"""How options are spelt in a shell, and the errors of their values."""

from __future__ import annotations

from convcompare.core.errors import UsageError, quote


def option_name(name: str) -> str:
    """An option as a shell spells it."""
    return "--set" if name == "settings" else "--" + name.replace("_", "-")


def invalid(name: str, value: object, hint: str) -> UsageError:
    """The error of an option, by its name in Python, that cannot have a value."""
    return UsageError(f"invalid value for `{option_name(name)}`: {quote(value)}", hint)


def no_network() -> UsageError:
    """The error of a command that needs a network, and none was given."""
    return UsageError("no network given", "`convcompare models` lists them")
