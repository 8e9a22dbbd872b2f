"""Names of folders and tables that mean a split: train, validation or test."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Literal

SplitKind = Literal["train", "val", "test"]

_WORDS: dict[str, SplitKind] = {
    **dict.fromkeys(("train", "training", "trn", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "validating"), "val"),
    **dict.fromkeys(("dev", "devel", "development", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "heldout"), "test"),
}
_EVALUATION = {"eval", "evaluation"}
"""Words of the test split beside a validation split, and of the latter without one."""
_FILLING = {
    *("set", "sets", "data", "dataset", "split", "splits", "folder", "dir", "the", "all", "full"),
    *("image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo", "photos"),
    *("jpg", "jpeg", "png", "resized", "small", "label", "labels", "list"),
}
"""Generic words that may accompany the name of a split."""
MASKS = {"mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "gt"}
"""Words for masks."""
_OF_MASKS = {"class", "classes", "object", "objects", "ground", "truth"}
_OF_PARTS = {(one,) for one in ("images", "imgs", "part", "batch", "chunk", "shard", "archive")}
"""Last words of folders that are parts of one set."""
_OF_SPLITS = {"split", "splits", "partition", "partitions", "subset"}
ONE, ZERO = ("1", "1.0", "True", "true", "TRUE"), ("0", "0.0", "False", "false", "FALSE")
"""Values for yes and no in tables."""
_NUMBERED: dict[str, SplitKind] = {"0": "train", "1": "val", "2": "test"}
"""Numbers of splits in CelebA and similar data sets."""
_TRAINVAL = re.compile(
    r"train[\W_]?val(?![a-z])(?![\W_]*(?:test|tst|split|partition))", re.IGNORECASE
)
"""Training and validation images together, as in ``train_val2018``."""
_LETTER = re.compile(r"^\s*\(?[a-zA-Z][.)]\s*")
"""A letter before a name, as in ``a. Training Set`` beside ``b. Testing Set``."""
_GLUED = re.compile(
    rf"({'|'.join(sorted(_WORDS, key=len, reverse=True))})"
    r"(sets?|data|dataset|split|images?|imgs?|folder|dir|labels?)"
)
KNOWN = "train, training, val, valid, validation, dev, test, testing"
"""Names in hints; `split_words` recognises more."""


def split_words(name: str) -> tuple[SplitKind, tuple[str, ...]] | None:
    """Return the split in a name, and its other specific words; None for no or several splits.

    ``Training_set`` → train, (); ``seg_test`` → test, ("seg",); ``val2017`` → val, ();
    ``a. Training Set`` → train, ().
    """
    kinds: set[SplitKind] = set()
    rest: list[str] = []
    for word in name_words(_TRAINVAL.sub("trainval", _LETTER.sub("", name))):
        glued = _GLUED.fullmatch(word)
        kind = _WORDS.get(glued[1] if glued else word)
        if kind:
            kinds.add(kind)
        elif word not in _FILLING:
            rest.append(word)
    return (kinds.pop(), tuple(rest)) if len(kinds) == 1 else None


def lists_a_split(name: str) -> bool:
    """Return whether a name may be that of a list of splits, as ``train_test_split``."""
    parts = [word for word in name_words(name) if word not in _FILLING - _OF_SPLITS]
    return bool(parts) and all(word in _WORDS or word in _OF_SPLITS for word in parts)


def names_several_splits(name: str) -> bool:
    """Return whether a name may be that of a file with the split of each image, as ``splits``."""
    words = name_words(name)
    return bool(_OF_SPLITS.intersection(words)) or len({_WORDS.get(one) for one in words}) > 2


def split_kinds(title: str, values: Collection[str]) -> dict[str, SplitKind]:
    """Return the split that each value of a column or list means, without values that mean none.

    Args:
        title: name of the column or list.
        values: names of splits; yes and no if the title is like ``is_valid``; 0, 1 and 2 for train,
            validation and test if the title contains a word for splits.
    """
    known = {one: words[0] for one in values if (words := split_words(one))}
    if known:
        return known
    flag = split_words(title)
    if flag and flag[1] in ((), ("is",)):
        if not all(set(values).intersection(one) for one in (ONE, ZERO)):
            return {}
        other: SplitKind = "test" if flag[0] == "train" else "train"
        return dict.fromkeys(ONE, flag[0]) | dict.fromkeys(ZERO, other)
    integers = {one: one.removesuffix(".0") for one in values}
    if _OF_SPLITS.intersection(name_words(title)) and {*integers.values()} == {*_NUMBERED}:
        return {one: _NUMBERED[number] for one, number in integers.items()}
    return {}


def says_nothing(name: str) -> bool:
    """Return whether a name has only generic words, as ``images``; numbers alone may be classes."""
    words = name_words(name)
    return bool(words) and all(word in _FILLING for word in words)


def names_parts(names: Collection[str]) -> bool:
    """Return whether folders are parts or copies of a set by their names.

    Examples are ``images_001`` beside ``images_002``, and ``images`` beside ``resized``.
    """
    words = {tuple(name_words(name)) for name in names}
    alike = len(words) == 1 and next(iter(words))[-1:] in _OF_PARTS
    return len(names) > 1 and (alike or all(map(says_nothing, names)))


def names_masks(name: str) -> bool:
    """Return whether a name may be that of a folder of masks, as ``annotations``."""
    words = name_words(name)
    return not MASKS.isdisjoint(words) and all(
        word in _FILLING | MASKS | _OF_MASKS for word in words
    )


def may_name_masks(name: str) -> bool:
    """Return whether a folder beside one of images may have their masks, as ``lung masks``."""
    return names_masks(name) or not {"mask", "masks"}.isdisjoint(name_words(name))


def splits_among(names: Iterable[str]) -> dict[str, SplitKind]:
    """Return the names of sibling folders that mean a split, with the split.

    A plain name (``train``, ``Test_Images``) always means a split. A name with another word does so
    only beside a name of another split with the same word: ``seg_train`` beside ``seg_test``, but
    not ``train_station`` beside ``test_tube``, and not ``steam_train`` without such a sibling.
    ``evaluation`` is the test split beside ``validation``, and ``train_mini`` the train split
    beside ``val`` if there is no other.
    """
    found = {name: words for name in names if (words := split_words(name))}
    last = [name for name in found if not _EVALUATION.isdisjoint(name_words(name))]
    if {kind for name, (kind, _) in found.items() if name not in last} >= {"train", "val"}:
        found |= {name: ("test", found[name][1]) for name in last}
    kinds: dict[tuple[str, ...], set[SplitKind]] = {}
    for kind, rest in found.values():
        kinds.setdefault(rest, set()).add(kind)
    sure = {name: kind for name, (kind, rest) in found.items() if not rest or len(kinds[rest]) > 1}
    trains = [name for name, (kind, _) in found.items() if kind == "train"]
    if len(trains) == 1 and sure and len(sure) + 1 == len(found):
        sure[trains[0]] = "train"
    return sure


def numbers_in(name: str) -> tuple[int, ...]:
    """Return the numbers in a name."""
    return tuple(int(digits[:18]) for digits in re.findall("[0-9]+", name))


def name_words(name: str) -> list[str]:
    """Return the words of a name in lower case, without numbers."""
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    text = re.sub(r"\b(hold|held)[\W_]+out\b", "holdout", text.lower().replace("_", " "))
    return [word for part in re.split(r"[\W_]+", text) if (word := part.strip("0123456789"))]
