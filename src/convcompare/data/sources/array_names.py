"""Roles of the arrays of an .npz file by their names: images or labels, and the split."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from convcompare.core.errors import DataError, listed

from .split_names import SplitKind, name_words, split_words

Part = Literal["images", "labels"]
_PARTS: dict[str, Part] = {
    **dict.fromkeys(("x", "image", "images", "img", "imgs", "data", "pixels"), "images"),
    **dict.fromkeys(("y", "label", "labels", "target", "targets"), "labels"),
}
CLASS_NAMES = ("classes", "class_names", "label_names", "categories")
"""Names that an array of class names may have."""
SAVEZ = "`numpy.savez(FILE, x_train=…, y_train=…, x_test=…, y_test=…)`"
"""Call that writes a file of arrays with names that are read, for hints."""
_GLUED = re.compile(r"(x|y)([a-z]+)")


def array_roles(names: Iterable[str]) -> dict[tuple[SplitKind | None, Part], str]:
    """Return the array name of each part of each split.

    ``x_train``, ``X_train``, ``train_images``, ``trainX``, ``xtrain`` are the training images; the
    split of ``x``, ``y`` or ``images`` is None.

    Raises:
        DataError: if two arrays have the same role.
    """
    found: dict[tuple[SplitKind | None, Part], str] = {}
    for name in sorted(names):
        role = _role(name)
        if role and role in found:
            raise DataError(
                f"the arrays {listed([found[role], name])} are the same by their names",
                "leave one of them out, or call the other something else",
            )
        if role:
            found[role] = name
    return found


def part_in(name: str) -> str:
    """Return the word for images or labels in a name, ``imgs`` in ``k49-test-imgs``; or ""."""
    return next((word for word in name_words(name) if word in _PARTS), "")


def _role(name: str) -> tuple[SplitKind | None, Part] | None:
    words: list[str] = []
    for word in name_words(name):
        glued = _GLUED.fullmatch(word)
        words += [glued[1], glued[2]] if glued and split_words(glued[2]) else [word]
    kinds: list[SplitKind] = []
    parts: list[Part] = []
    for word in words:
        if word in _PARTS:
            parts.append(_PARTS[word])
        elif known := split_words(word):
            kinds.append(known[0])
        else:
            return None
    if len(parts) != 1 or len(kinds) > 1:
        return None
    return (kinds[0] if kinds else None), parts[0]
