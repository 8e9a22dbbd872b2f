"""Errors for paths that do not exist, with suggestions."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from convcompare.core.errors import DataError, did_you_mean, quote, typed


def check_there(kind: str, text: str) -> None:
    """Raise DataError unless the path `text` of a data set of this kind exists.

    Errors of the lookup itself are left to the reader of the data set.
    """
    with suppress(OSError, RuntimeError):
        if not Path(text).expanduser().exists():
            noun = "folder" if kind == "folder" else "file"
            raise DataError(f"there is no {noun} {quote(text)}", _hint(kind, text))


def _hint(kind: str, text: str) -> str:
    for meant in (text.strip(" '\""), text.replace("\\", "/"), text.removeprefix("file://")):
        if meant != text and Path(meant).expanduser().exists():
            return f"did you mean {typed(f'{kind}:{meant}')}?"
    if "://" in text:
        return f"it is an address: download what lies there, then write {kind}:PATH"
    path = Path(text).expanduser()
    above = next((one for one in path.parents if one.is_dir()), None)
    if above is None:
        return f"{kind}:PATH"
    missing = path.relative_to(above).parts[0]
    names = [one.name for one in above.iterdir() if one.name.isprintable()]
    similar = did_you_mean(missing, names)
    return similar or f"there is no {quote(missing)} in {quote(above.absolute())}"
