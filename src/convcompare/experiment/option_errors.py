"""Spelling of options in a shell, and errors of their values."""

from __future__ import annotations

from convcompare.core.errors import UsageError, quote


def option_name(name: str) -> str:
    """Return an option, given by its name in Python, as spelt in a shell."""
    return "--set" if name == "settings" else "--" + name.replace("_", "-")


def invalid(name: str, value: object, hint: str) -> UsageError:
    """Return the error for an invalid value of an option, given by its name in Python."""
    return UsageError(f"invalid value for `{option_name(name)}`: {quote(value)}", hint)


def no_network() -> UsageError:
    """Return the error for a command that needs a network and was given none."""
    return UsageError("no network given", "`convcompare models` lists them")
