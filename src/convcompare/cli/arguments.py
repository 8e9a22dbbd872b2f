"""Arguments that need reading: ``--seeds 5`` or ``--seeds 3,7,11``, ``--set name=value``."""

from __future__ import annotations

from ..errors import UsageError, quote

LARGEST = 1_000_000


def parse_seeds(text: str | None, first: int) -> list[int]:
    """The seeds: N of them from `first` on, or those of a list; one where `text` is None."""
    if text is None:
        return [first]
    hint = "a number of seeds (5) or a list of seeds (0,1,7), each once"
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"`--seeds` cannot be {quote(text)}", hint) from None
    listed = "," in text
    if min(numbers) < (0 if listed else 1) or max(numbers) > LARGEST:
        raise UsageError(f"`--seeds` cannot be {quote(text)}", hint)
    if len(set(numbers)) < len(numbers):
        raise UsageError(f"`--seeds` {quote(text)} repeats a seed", hint)
    return numbers if listed else list(range(first, first + numbers[0]))


def parse_settings(pairs: list[str] | None, **given: str | None) -> dict[str, str]:
    """The training settings asked for: ``--set name=value`` and the options of their own."""
    settings = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"`--set` cannot be {quote(pair)}", "write `--set name=value`")
        settings[name.strip()] = value.strip()
    return settings | {name: value for name, value in given.items() if value is not None}


def parse_columns(text: str | None) -> list[str]:
    """The columns beyond those of the reports: names with commas, or ``all``."""
    from ..columns import EXTRA, check_columns

    if text is None:
        return []
    if text == "all":
        return [name for name in EXTRA if name != "published"]
    names = [part.strip().replace("-", "_") for part in text.split(",")]
    check_columns(names)
    return names
