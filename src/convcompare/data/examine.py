"""Checks of a data set's images: copies, constant images, differences between splits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

import numpy as np

from convcompare.core.formatting import several

from .data_notes import DataNote
from .dataset import Split, Splits
from .near_copies import compared_rows, near_copies
from .spellings import meaning

Names = tuple[Sequence[str], Sequence[str]]
"""Names of the images of the train and of the test split."""
_Digests = Sequence[Sequence[bytes | None]]
FEW = 5
"""Number of training images below which a class is nearly empty."""
_DARK = 64
"""Pixel value that no pixel of a dark data set reaches."""
_NARROW = 0.55
"""Share of the other split's pixel range below which a split was probably scaled differently."""
_FEW_GREY = 0.1
"""Maximum share of grey images in a coloured class, and of coloured images in a grey one."""
_NEAR_SHARE = 0.02
"""Share of nearly equal test images from which the note is a warning: digits are similar anyway."""
_ROBOFLOW = re.compile(r"(.+)\.rf\.[0-9a-f]{8,}")
_VERSION = re.compile(
    r"(.+?)[\W_]+(?:aug|augmented|flip|flipped|rot|rotated|mirrored|[0-9]+deg)[\W_]?[a-z0-9]{0,3}",
    re.IGNORECASE,
)
"""Names of augmented versions of an image: of Roboflow, and as ``7_flipped`` of ``7``."""
_NO_CLASS = {
    *("", "nan", "na", "n/a", "<na>", "null", "#n/a", "unlabeled", "unlabelled", "unsup"),
    *("pred", "predict", "prediction", "predictions"),
}
"""Values that programs write for a missing class, and folders of images without one, in lower case.
"""


def examine(splits: Splits, classes: Sequence[str], names: Names) -> list[DataNote]:
    """Return notes on the images of the train and test split.

    Copies are images with equal decoded pixels; nearly equal ones, found by `near_copies`, are
    named too. Images of a single colour are counted separately and are not copies of each other.

    Args:
        splits: the train and test split.
        classes: names of the classes.
        names: names of the images of each split.
    """
    flat = [_flat(split) for split in splits]
    digests = [
        [None if one else hashlib.blake2b(image, digest_size=16).digest()
         for one, image in zip(constant, np.ascontiguousarray(split.images), strict=True)]
        for constant, split in zip(flat, splits, strict=True)
    ]  # fmt: skip
    return [
        *_leaks(splits, digests, names),
        *_near_leaks(splits, digests, names),
        *_versions(splits, names),
        *_copies(splits, digests, names),
        *_constant(flat, names),
        *_grey(splits, classes),
        *_dark(splits),
        *_ranges(splits),
        *_few(splits, classes),
        *_names(classes),
    ]


def _flat(split: Split) -> np.ndarray:
    """Return which images have a single colour, bool (n,)."""
    flat = ((image == image[:, :1, :1]).all() for image in split.images)  # saves memory
    return np.fromiter(flat, bool, len(split))


def _near_leaks(splits: Splits, digests: _Digests, names: Names) -> list[DataNote]:
    """Return a note on test images that nearly equal training images: saved again, or mirrored."""
    trained = set(digests[0])
    train, test = (split.images for split in splits)
    found = [(row, other) for row, other in near_copies(train, test)
             if digests[1][row] not in trained]  # fmt: skip
    if not found:
        return []
    compared = len(compared_rows(len(test), len(train)))
    share = len(found) / compared
    of = several(compared, "test image")
    of = of if compared == len(test) else f"{of} compared (of {len(test):,})"
    text = (
        f"{len(found):,} of {of} ({100 * share:.3g} %) {_are(found)} nearly equal to a training "
        "image, or to its mirror image"
    )
    pairs = tuple(f"{names[1][row]} ≈ {names[0][other]}" for row, other in found)
    hint = "test accuracy is too high if they are copies, as saved again or from one video"
    return [DataNote("near-leak", text, pairs, hint, serious=share >= _NEAR_SHARE)]


def _versions(splits: Splits, names: Names) -> list[DataNote]:
    """Return a note on test images named as augmented versions of images that are trained on.

    Rotated ones, for example, are not found by their pixels.
    """
    stems = [[(label, PurePosixPath(name).stem)
              for name, label in zip(own, split.labels.tolist(), strict=True)]
             for own, split in zip(names, splits, strict=True)]  # fmt: skip
    known = {*stems[0], *stems[1]}
    origins = [[_origin(one, known) for one in own] for own in stems]
    trained = {origin: place for place, origin in enumerate(origins[0])}
    changed = {origin for origin, stem in zip(origins[0], stems[0], strict=True) if origin != stem}
    pairs = tuple(
        f"{names[1][place]} ~ {names[0][trained[origin]]}"
        for place, (origin, stem) in enumerate(zip(origins[1], stems[1], strict=True))
        if origin in trained and (origin != stem or origin in changed)
    )
    if not pairs:
        return []
    text = (
        f"{len(pairs):,} of {several(len(splits[1]), 'test image')} {_are(pairs)} named as a "
        "version of an image that is trained on"
    )
    return [DataNote("versions", text, pairs, "augment after splitting, or split by image")]


def named_as_version(stem: str) -> bool:
    """Return whether a name without ending may be that of an augmented version of an image."""
    return bool(_ROBOFLOW.fullmatch(stem) or _VERSION.fullmatch(stem))


def _origin(image: tuple[int, str], known: Collection[tuple[int, str]]) -> tuple[int, str]:
    """Return class and name of the image that an image is a version of, or its own."""
    label, stem = image
    if match := _ROBOFLOW.fullmatch(stem):
        return label, match[1]
    match = _VERSION.fullmatch(stem)
    return (label, match[1]) if match and (label, match[1]) in known else image


def _leaks(splits: Splits, digests: _Digests, names: Names) -> list[DataNote]:
    """Return a note on test images that are also training images."""
    trained: dict[bytes, int] = {}
    for index, digest in enumerate(digests[0]):
        if digest is not None:
            trained.setdefault(digest, index)
    found, other = [], 0
    for index, digest in enumerate(digests[1]):
        copy = trained.get(digest) if digest is not None else None
        if copy is not None:
            found.append(f"{names[1][index]} = {names[0][copy]}")
            other += int(splits[1].labels[index] != splits[0].labels[copy])
    if not found:
        return []
    share = f"{100 * len(found) / len(splits[1]):.3g} %"
    which = f", {other:,} of them under another class" if other else ""
    text = (
        f"{len(found):,} of {several(len(splits[1]), 'test image')} ({share}) "
        f"{_are(found)} in the train split too{which}"
    )
    return [DataNote("leak", text, tuple(found), "test accuracy is too high: remove the copies")]


def _copies(splits: Splits, digests: _Digests, names: Names) -> list[DataNote]:
    """Return notes on images that occur twice within a split, in one class or in several."""
    same: list[str] = []
    torn: list[str] = []
    for split, hashes, shown in zip(splits, digests, names, strict=True):
        first: dict[bytes, int] = {}
        for index, digest in enumerate(hashes):
            earlier = index if digest is None else first.setdefault(digest, index)
            if earlier != index:
                alike = split.labels[index] == split.labels[earlier]
                (same if alike else torn).append(f"{shown[index]} = {shown[earlier]}")
    found = []
    for kind, pairs, where, hint in (
        ("two-classes", torn, "two classes of a split", "only one of them can be right"),
        ("copies", same, "a class twice", ""),
    ):
        if pairs:
            text = f"{several(len(pairs), 'image')} {_are(pairs)} in {where}"
            found.append(DataNote(kind, text, tuple(pairs), hint, serious=kind == "two-classes"))
    return found


def _are(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"


def _constant(flat: Sequence[np.ndarray], names: Names) -> list[DataNote]:
    those = tuple(
        shown[index]
        for part, shown in zip(flat, names, strict=True)
        for index in np.flatnonzero(part).tolist()
    )
    if not those:
        return []
    total = sum(map(len, flat))
    text = f"{len(those):,} of {several(total, 'image')} {_are(those)} of a single colour"
    return [DataNote("constant", text, those, "remove them")]


def _grey(splits: Splits, classes: Sequence[str]) -> list[DataNote]:
    """Return a note on classes of grey images beside classes of coloured ones."""
    grey, counts = np.zeros(len(classes)), np.zeros(len(classes))
    for split in splits:
        those = ((image == image[:1]).all() for image in split.images)  # saves memory
        equal = np.fromiter(those, float, len(split))
        grey += np.bincount(split.labels, equal, len(classes))
        counts += np.bincount(split.labels, minlength=len(classes))
    shares = grey / np.maximum(counts, 1)
    full, none = ([classes[i] for i in np.flatnonzero((counts >= FEW) & rows).tolist()]
                  for rows in (shares >= 1 - _FEW_GREY, shares <= _FEW_GREY))  # fmt: skip
    if not full or not none:  # images of one channel are all grey
        return []
    text = f"{several(len(full), 'class')} of grey images beside {len(none)} of coloured ones"
    hint = "networks may identify classes by it: `--channels 1` makes all grey"
    return [DataNote("class-colours", text, tuple(full), hint)]


def _dark(splits: Splits) -> list[DataNote]:
    largest = max((int(split.images.max()) for split in splits if split.images.size), default=0)
    if largest >= _DARK:
        return []
    text = f"no pixel of any image is above {largest} of 255"
    hint = "were they saved with fewer bits, or as class numbers?"
    return [DataNote("dark", text, hint=hint)]


def _ranges(splits: Splits) -> list[DataNote]:
    """Return a note on splits of different scales, such as 0 to 1 and 0 to 255."""
    ends = [(int(split.images.min()), int(split.images.max())) for split in splits]
    widths = sorted(high - low for low, high in ends)
    if widths[0] >= _NARROW * widths[1]:
        return []
    train, test = (f"{low} to {high}" for low, high in ends)
    text = f"training pixels go from {train}, and test pixels from {test} of 255"
    return [DataNote("ranges", text, hint="were both splits converted in the same way?")]


def _few(splits: Splits, classes: Sequence[str]) -> list[DataNote]:
    counts = np.bincount(splits[0].labels, minlength=len(classes))
    few = tuple(f"{classes[i]} ({counts[i]})" for i in np.flatnonzero(counts < FEW).tolist())
    found = []
    if few:
        text = f"{several(len(few), 'class')} of fewer than {FEW} training images"
        found.append(DataNote("few", text, few, "add images to them"))
    if len(counts) and counts.max() >= 10 * max(1, counts.min()):
        low, high = classes[int(counts.argmin())], classes[int(counts.argmax())]
        text = (
            f"the largest class has {counts.max():,} training images, the smallest {counts.min():,}"
        )
        found.append(DataNote("imbalance", text, (high, low), serious=False))
    return found


def _names(classes: Sequence[str]) -> list[DataNote]:
    """Return notes on class names in several spellings, and on names for a missing class.

    Beside a class 0, -1 usually stands for a missing one.
    """
    spellings: dict[str | float, list[str]] = {}
    for name in classes:
        spellings.setdefault(meaning(name), []).append(name)
    alike = tuple(" = ".join(names) for names in spellings.values() if len(names) > 1)
    unknown = {-1.0} if {-1.0, 0.0} <= spellings.keys() else set()
    blank = tuple(name for name in classes
                  if name.strip().lower() in _NO_CLASS or meaning(name) in unknown)  # fmt: skip
    found = []
    if alike:
        text = f"{several(len(alike), 'class name')} in several spellings, each a class of its own"
        found.append(DataNote("spellings", text, alike, "spell them equally if they are one class"))
    if blank:
        text = "a class is named as if it were missing"
        found.append(DataNote("no-class", text, blank, "leave out these images if it is"))
    return found
