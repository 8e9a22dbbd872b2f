"""Notes on the image files of a data set: sizes, kinds of pixels, unreadable files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from convcompare.core.formatting import several, span

from ..data_notes import DataNote
from .image_decode import LARGE, ImageFacts
from .image_scaling import SIXTEEN_BITS, DeepKind, Scaling

_ALIKE = 5
"""Minimum number of images of a class for a note on what they have in common."""


def file_notes(
    facts: Sequence[ImageFacts],
    names: Sequence[str],
    labels: Sequence[str],
    size: int,
    scalings: Mapping[DeepKind, Scaling],
) -> list[DataNote]:
    """Return notes on image files, of which at least one can be read.

    Args:
        facts: facts about each file.
        names: names of the files.
        labels: classes of the images.
        size: side in pixels to which images are scaled.
        scalings: scalings of the images of more than 8 bits.
    """
    used = [one for one in facts if not one.reason]
    return [
        _sizes(used, size),
        _modes(used),
        *_scaled(used, scalings),
        *_by_class(facts, labels),
        *_counted(facts, names, size),
    ]


def _sizes(used: Sequence[ImageFacts], size: int) -> DataNote:
    widths, heights = [one.width for one in used], [one.height for one in used]
    low, high = f"{min(widths)}×{min(heights)}", f"{max(widths)}×{max(heights)}"
    text = f"all {low} pixels"
    if low != high:
        wide, tall = (span(min(sides), max(sides)) for sides in (widths, heights))
        text = f"{wide} pixels wide, {tall} high"
    square = all(one.width == one.height for one in used)
    cut = "" if square else ", of which the middle square is used"
    scaled = "" if low == high == f"{size}×{size}" else f", scaled to {size}×{size}"
    return DataNote("sizes", f"sizes: {text}{cut}{scaled}", serious=False)


def _modes(used: Sequence[ImageFacts]) -> DataNote:
    modes = Counter(one.mode for one in used)
    parts = ", ".join(f"{count:,} {mode}" for mode, count in modes.most_common())
    return DataNote("modes", f"kinds of pixels: {parts}", serious=False)


def _scaled(used: Sequence[ImageFacts], scalings: Mapping[DeepKind, Scaling]) -> list[DataNote]:
    found = []
    for kind, scaling in scalings.items():
        those = [one for one in used if one.kind == kind]
        low, high = min(one.low for one in those), max(one.high for one in those)
        text = (
            f"{several(len(those), 'image')} of more than 8 bits, values from {low:.6g} to "
            f"{high:.6g} over all of them: {scaling.words}, {scaling.low:.6g} to "
            f"{scaling.high:.6g} become 0 to 255"
        )
        hint, usual = "other images in the folder may change this", scaling == SIXTEEN_BITS
        found.append(DataNote("scaling", text, hint=hint, serious=not usual))
    return found


def _by_class(facts: Sequence[ImageFacts], labels: Sequence[str]) -> list[DataNote]:
    """Return notes on file properties that distinguish classes.

    Networks may learn these in place of the content of the images: traces of JPEG, or the factor by
    which images were scaled. Classes of few images are left out.
    """
    classes: dict[str, list[ImageFacts]] = {}
    for one, label in zip(facts, labels, strict=True):
        if not one.reason:
            classes.setdefault(label, []).append(one)
    found = []
    for kind, what, value in (
        ("class-formats", "formats of files", lambda one: one.format),
        ("class-sizes", "sizes in pixels", lambda one: f"{one.width}×{one.height}"),
        (
            "class-bits",
            "bits per pixel",
            lambda one: "more than 8" if one.kind or one.cut_to_8 else "8",
        ),
    ):
        values = {label: {value(one) for one in those}
                  for label, those in classes.items() if len(those) >= _ALIKE}  # fmt: skip
        each = tuple(f"{label} {next(iter(own))}" for label, own in values.items())
        if all(len(own) == 1 for own in values.values()) and len(set().union(*values.values())) > 1:
            found.append(
                DataNote(kind, f"classes have {what} of their own", each,
                         "networks may identify classes by them: save all images in the same way")
            )  # fmt: skip
    return found


def _counted(facts: Sequence[ImageFacts], names: Sequence[str], size: int) -> list[DataNote]:
    """Return a note on each property that some images have."""
    rules: tuple[tuple[str, Callable[[ImageFacts], bool], str, str, bool], ...] = (
        ("broken", lambda one: bool(one.reason), "that cannot be read, left out",
         "replace them", True),
        ("tiny", lambda one: 2 * min(one.width, one.height) < size,
         f"smaller than half of {size} pixels, enlarged", "a smaller `size`", True),
        ("cut-off", lambda one: max(one.width, one.height) > 2 * min(one.width, one.height),
         "of which less than half is used, the middle square", "cut or pad them to squares", True),
        ("deep-colour", lambda one: one.cut_to_8, "of 16 bits per colour, read with their upper 8",
         "", False),
        ("bands", lambda one: one.more_bands, "with bands beside red, green and blue, not read",
         "save the three bands that are meant", True),
        ("huge", lambda one: one.width * one.height > LARGE,
         f"of more than {LARGE // 1_000_000} million pixels", "", False),
        ("turned", lambda one: one.turned, "rotated as their EXIF data say", "", False),
        ("transparent", lambda one: one.transparent, "with transparency, put on white", "", False),
        ("frames", lambda one: one.several and one.format != "TIFF",
         "in files of several, of which the first is used", "", False),
        ("pages", lambda one: one.several and one.format == "TIFF",
         "in TIFF files of several pages, of which the first is used",
         "save the page that is meant, or each as an image", True),
    )  # fmt: skip
    found = []
    for kind, holds, text, hint, serious in rules:
        those = tuple(
            f"{name} ({one.reason})" if one.reason else name
            for name, one in zip(names, facts, strict=True)
            if holds(one) and (kind == "broken" or not one.reason)
        )
        if those:
            noun = "file" if kind == "broken" else "image"
            text = f"{several(len(those), noun)} {text}"
            found.append(DataNote(kind, text, those, hint, serious))
    return found
