"""What the tags of a TIFF say and Pillow disregards. Source: TIFF 6.0, Adobe, 1992."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

_SUBFILE, _BITS, _PHOTOMETRIC, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 254, 258, 262, 338, 339
_PLANES = 284
_SIGNED, _SEPARATE = 2, 2
"""Values of the tags of the sample format and of the planes."""
_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def place_of_tags(file: Path) -> int | None:
    """Return the byte at which the tags of a TIFF begin; None for other files."""
    with file.open("rb") as opened:
        start = opened.read(16)
    if start[:4] not in _BEGINNINGS:
        return None
    order: Literal["little", "big"] = "little" if start[:1] == b"I" else "big"
    return int.from_bytes(start[8:16] if b"+" in start[2:4] else start[4:8], order)


def check_planes(opened: Image) -> None:
    """Raise ValueError if Pillow would take the bytes of colours of 16 bits for pixels of 8 bits.

    It does so if each colour has a plane of its own (13.0.0).
    """
    tags = _tags(opened)
    if tags.get(_PLANES) == _SEPARATE and len(bits := tags.get(_BITS, ())) > 1 and max(bits) > 8:
        raise ValueError(
            f"a TIFF of {max(bits)} bits per colour in a plane of its own, which Pillow misreads"
        )


def has_unnamed_band(opened: Image) -> bool:
    """Return whether the tags do not say what the fourth band is, which Pillow takes for alpha."""
    tags = _tags(opened)
    return bool(tags) and opened.mode == "RGBA" and _EXTRA_SAMPLES not in tags


def has_smaller_copy(opened: Image) -> bool:
    """Return whether the second image of a TIFF is a smaller copy of the first (an overview)."""
    if not _tags(opened):
        return False
    subfile = 0
    with suppress(Exception):  # damaged pages, which are not used
        opened.seek(1)
        subfile = _tags(opened).get(_SUBFILE, 0)
    opened.seek(0)
    return bool(subfile & 1)


def meant(opened: Image, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return pixels as the tags of `opened` say; those of other formats as they are.

    Grey numbers of 8 bits may have signs, those of 16 bits may count from white, and those of 32
    bits may have no sign.
    """
    tags = _tags(opened)
    bits, signed = tags.get(_BITS, ()), tags.get(_SAMPLE_FORMAT, (1,))[0] == _SIGNED
    if bits == (8,) and signed:
        return pixels.view(np.int8).astype(np.int32)
    if bits == (16,) and pixels.dtype.kind == "u" and tags.get(_PHOTOMETRIC) == 0:
        return np.asarray(65535 - pixels)
    if bits == (32,) and pixels.dtype == np.int32 and not signed:
        return pixels.view(np.uint32)
    return pixels


def _tags(opened: Image) -> Mapping[int, Any]:
    """Return the tags of a TIFF; empty for other formats."""
    return getattr(opened, "tag_v2", {}) if opened.format == "TIFF" else {}
