"""Command line that is equivalent to a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from convcompare.core.config import SETTINGS, option_name

from .request import Request
from .until_clear import UntilClear


def command_words(request: Request) -> tuple[str, ...]:
    """Return the arguments of ``convcompare`` that make the same request."""
    networks = (one.spec for one in request.models)
    return request.command or ("compare", *networks, *_options(request))


def _options(request: Request) -> Iterator[str]:
    yield from _seed_words(request.seeds)
    for name, text in request.settings.items():
        yield from (option_name(name), text) if name in SETTINGS else ("--set", f"{name}={text}")
    if request.until_clear is not None:
        yield from _until_clear_words(request.until_clear)
    apart = {"models", "seeds", "settings", "until_clear", "study", "command", "worker"}
    for one in fields(request):
        value = getattr(request, one.name)
        if one.name in apart or value == one.default:
            continue
        if isinstance(value, bool):
            yield option_name(one.name) if value else f"--no-{one.name}"
        elif isinstance(value, tuple):
            yield from (option_name(one.name), ",".join(value))
        else:
            yield from (option_name(one.name), "auto" if value is None else str(value))


def _seed_words(seeds: Sequence[int]) -> list[str]:
    first = seeds[0]
    if list(seeds) != list(range(first, first + len(seeds))):
        return ["--seeds", ",".join(map(str, seeds))]
    words = ["--seeds", str(len(seeds))] if len(seeds) > 1 else []
    return [*words, *(["--seed", str(first)] if first else [])]


def _until_clear_words(until_clear: UntilClear) -> list[str]:
    words: list[Any] = ["--until-clear"]
    if until_clear.most_seeds != UntilClear.most_seeds:
        words += ["--max-seeds", until_clear.most_seeds]
    if until_clear.most_seconds != UntilClear.most_seconds:
        words += ["--max-time", f"{until_clear.most_seconds:g}s"]
    if until_clear.margin != UntilClear.margin:
        words += ["--margin", f"{100 * until_clear.margin:g}"]
    return [str(word) for word in words]
