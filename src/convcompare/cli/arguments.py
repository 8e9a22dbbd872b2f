"""Arguments that need reading: ``--seeds 5`` or ``--seeds 3,7,11``, ``--set name=value``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast, get_args

from convcompare.core.config import Compile
from convcompare.core.errors import UsageError, did_you_mean, quote

LARGEST = 1_000_000
MOST_JOBS = 256


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


def parse_jobs(text: str | None, executor: str | None) -> int | None:
    """How many trials at a time; None for ``auto``, which is what a cluster is asked for."""
    if text is None:
        return None if executor == "ray" else 1
    if text == "auto":
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_JOBS):
        raise UsageError(
            f"`--jobs` cannot be {quote(text)}", f"a number from 1 to {MOST_JOBS}, or auto"
        )
    return int(text)


def parse_compile(text: str) -> Compile:
    """When steps are compiled."""
    if text not in get_args(Compile):
        raise UsageError(
            f"`--compile` cannot be {quote(text)}",
            did_you_mean(text, get_args(Compile)) or "allowed: auto, on, off",
        )
    return cast(Compile, text)


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
    if text is None:
        return []
    from convcompare.output.tables.columns import EXTRA, check_columns

    if text == "all":
        return [name for name in EXTRA if name != "published"]
    names = [part.strip() for part in text.split(",")]
    check_columns(names)
    return names


def parse_rates(text: str | None) -> list[str]:
    """The learning rates of a grid, smallest first, each once."""
    if text is None:
        return []
    hint = "learning rates with commas, each once: 3e-4,1e-3,3e-3"
    try:
        rates = {float(part): part.strip() for part in text.split(",")}
    except ValueError:
        raise UsageError(f"`--lr-grid` cannot be {quote(text)}", hint) from None
    if len(rates) < 2 or len(rates) < text.count(",") + 1:
        raise UsageError(f"`--lr-grid` cannot be {quote(text)}", hint)
    return [rates[rate] for rate in sorted(rates)]


def parse_duration(text: str | None) -> float:
    """Seconds: ``90``, ``90s``, ``30m``, ``2h``; endless where `text` is None."""
    if text is None:
        return math.inf
    factor = {"s": 1, "m": 60, "h": 3600}.get(text[-1:])
    try:
        seconds = float(text[:-1] if factor else text) * (factor or 1)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(f"`--max-time` cannot be {quote(text)}", "a time such as 90s, 30m or 2h")
    return seconds


def refuse_with_until_clear(given: Mapping[str, str | None], models: int) -> None:
    """UsageError where ``--until-clear`` stands beside what it cannot go with."""
    for option, value in given.items():
        if value is not None:
            raise UsageError(
                f"`{option}` and `--until-clear` do not go together",
                "`--max-seeds N` bounds the seeds that are added",
            )
    if models < 2:
        raise UsageError("`--until-clear` needs two networks or more", "one has nothing to beat")
