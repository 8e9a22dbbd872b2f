"""Damage to image files: what Pillow does not notice, and why it cannot read others."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

from . import tiff_tags
from .stand_ins import stand_in

_DAMAGED = "damaged or cut short"
_BEGINNINGS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
"""First bytes of PNG, JPEG, GIF and WebP."""
_AVIF = (b"ftypavif", b"ftypavis")
"""Bytes of an AVIF from the fifth on."""
_ZEROS = bytes(64)
_SECTOR = 512
"""Least size in bytes of the parts in which disks and programs for downloads write files."""
_EMPTY = re.compile(b"\0{%d,}" % _SECTOR)


def check_whole(file: Path, kind: str) -> None:
    """Raise ValueError if a file has damage from which Pillow makes false pixels.

    Args:
        file: the file.
        kind: Pillow's name of its format.
    """
    if kind == "JPEG" and _is_cut(file):
        raise ValueError("a JPEG with zeros in place of its end, copied in part")
    if kind == "JPEG" and _lacks_sectors(file.read_bytes()):
        raise ValueError("a JPEG with zeros in place of a part")
    if kind == "PNG" and not _has_its_sums(file):
        raise ValueError("a PNG whose checksum is that of other content")


def _is_cut(file: Path) -> bool:
    """Return whether a JPEG ends in zeros and has no end marker: its rest would be grey."""
    with file.open("rb") as opened:
        opened.seek(-min(len(_ZEROS), file.stat().st_size), os.SEEK_END)
        if opened.read() != _ZEROS:
            return False
        opened.seek(0)
        content = opened.read()
    return content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda")  # end of image, start of scan


def _lacks_sectors(content: bytes) -> bool:
    """Return whether sectors of the compressed pixels of a JPEG are empty.

    Shorter runs of zeros, or those with other bounds, may be those of a flat area.
    """
    place = 2
    while content[place : place + 1] == b"\xff" and content[place + 1 : place + 2] != b"\xda":
        place += 2 + int.from_bytes(content[place + 2 : place + 4])  # a segment before the pixels
    end = content.find(b"\xff\xd9", place)
    empty = _EMPTY.finditer(content, place, len(content) if end < 0 else end)
    return any(one.start() % _SECTOR == one.end() % _SECTOR == 0 for one in empty)


def _has_its_sums(file: Path) -> bool:
    """Return whether the compressed pixels of a PNG have the checksums (CRC) after them."""
    with file.open("rb") as opened:
        opened.seek(8)
        while len(head := opened.read(8)) == 8:
            size = int.from_bytes(head[:4])
            if head[4:] != b"IDAT":
                opened.seek(size + 4, os.SEEK_CUR)
                continue
            content, stored = opened.read(size), opened.read(4)
            if len(stored) == 4 and zlib.crc32(content, zlib.crc32(b"IDAT")) != int.from_bytes(
                stored
            ):
                return False
    return True


def _unknown(file: Path) -> str:
    """Return why Pillow does not recognise a file."""
    if (tags := tiff_tags.place_of_tags(file)) is not None:
        if tags >= file.stat().st_size:
            return _DAMAGED
        return "a TIFF of a kind that Pillow does not read, as of many bands or 64 bits"
    with file.open("rb") as opened:
        start = opened.read(12)
    if start.startswith(_BEGINNINGS) or start[4:] in _AVIF:
        return _DAMAGED
    return stand_in(file) or "no format that Pillow reads"


def reason_of(error: Exception, file: Path) -> str:
    """Return why a file cannot be read, without its path."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return _unknown(file)
    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than Pillow takes"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, FileNotFoundError):
        return "removed after the folder was listed"
    if isinstance(error, ValueError) and error.args:
        return str(error.args[0]).partition("\n")[0]
    return _DAMAGED
