"""Packs: a store in one read-only file, a zip archive with the SHA-256 of every member.

    3fa9…/run.json    the files of a store by their paths, sorted
    …
    pack.json         the manifest, written last: version of the format, version of convcompare,
                      numbers of runs and comparisons, and the digest of every other member

Any zip program opens a pack. Files that are compressed already are stored, the rest is deflated.

Packs are untrusted. Opening one reads its directory and manifest, and refuses members that are not
files of a store, duplicates, paths that lead outside, and members that would unpack to far more
than their packed size. Each member is checked against its digest whenever it is read.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from convcompare.core.errors import Damaged, StoreError, quote

from . import atomic_files
from .files import Files, newer
from .json_records import sha256, unstamp

MANIFEST = "pack.json"
KIND = "convcompare pack"
VERSION = 1
"""Version of the format; packs of a later version are refused."""
MOST_DEFLATED = 100
"""Maximum compression ratio of a member; files that deflate further are stored."""
SLACK = 1 << 16
"""Bytes that a member may have in addition to `MOST_DEFLATED` times its packed size."""
MEMBER = re.compile(
    r"(?:[0-9a-f]{12}/(?:[a-z][a-z-]*/)?|(?:comparisons|step-times|removed)/)\w[\w.-]*", re.ASCII
)
"""Names of members: no absolute path, and none that leads upwards."""
_LARGEST_MANIFEST = 256 << 20
_FIRST = b"PK\3\4"
_LAST = b"PK\5\6" + bytes(18)
"""End record of an archive without a comment: signature, counts, comment length 0."""
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_UNREADABLE = (zipfile.BadZipFile, ValueError, struct.error, EOFError, NotImplementedError)


@dataclass(frozen=True)
class PackedFile:
    """Position and sizes in bytes of a member in the archive, and its digest."""

    offset: int
    packed_size: int
    size: int
    deflated: bool
    sha256: str


class Pack(Files):
    """A store in a pack; each file is read on demand."""

    read_only = True
    remedy = "copy it again, or pack it again from the folder of its runs"

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self, folder: Path) -> list[str]:
        """Return the sorted names in a folder; empty if there is no folder."""
        return self._folders.get(self._name(folder), [])

    def exists(self, path: Path) -> bool:
        """Return whether `path` is a member or a folder of members."""
        return self._name(path) in self.members or self.is_folder(path)

    def is_folder(self, path: Path) -> bool:
        """Return whether `path` is a folder of members."""
        return self._name(path) in self._folders

    def content(self, path: Path, limit: int = atomic_files.LARGEST) -> bytes:
        """Return the bytes of a member, checked against its digest.

        Raises:
            Damaged: if it is missing, damaged or has more than `limit` bytes.
        """
        member = self.members.get(self._name(path))
        if member is None:
            what = "it is a folder" if self.is_folder(path) else "it is missing"
            raise self.damaged(path, what)
        if member.size > limit:
            raise self.damaged(path, "it is larger than what was written")
        data = self._bytes(member)
        if data is None or sha256(data) != member.sha256:
            raise self.damaged(path, "SHA-256 mismatch")
        return data

    def damages(self) -> list[StoreError]:
        """Return the errors of all damaged members."""
        found: list[StoreError] = []
        for name in self.members:
            try:
                self.content(self.root / name)
            except Damaged as error:
                found.append(error)
        return found

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """Content of the manifest without the digests.

        Raises:
            StoreError: if the file is not a pack, or is refused or damaged.
        """
        return self._opened[0]

    @cached_property
    def members(self) -> Mapping[str, PackedFile]:
        """All members except the manifest, by name. Raises StoreError as `manifest` does."""
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[Mapping[str, Any], Mapping[str, PackedFile]]:
        listed = self._listed()
        if MANIFEST not in listed:
            raise self._foreign(f"it has no {MANIFEST}")
        for name, member in listed.items():
            self._check_name(name, listed)
            if member.size > member.packed_size * MOST_DEFLATED + SLACK:
                raise self._refused(f"{quote(name)} is far larger than its packed bytes")
        manifest = self._manifest(listed.pop(MANIFEST))
        digests = manifest["sha256"]
        if digests.keys() != listed.keys():
            odd = min(digests.keys() ^ listed.keys())
            raise self._refused(f"its files are not those of its manifest: {quote(odd)}")
        found = {name: replace(member, sha256=digests[name]) for name, member in listed.items()}
        return {key: value for key, value in manifest.items() if key != "sha256"}, found

    @cached_property
    def _folders(self) -> Mapping[str, list[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for member in self.members:
            for name in (member, *_above(member)):
                folder, _, last = name.rpartition("/")
                found[folder].add(last)
        return {folder: sorted(names) for folder, names in found.items()}

    def _name(self, path: Path) -> str:
        name = path.relative_to(self.root).as_posix()
        return "" if name == "." else name

    def _listed(self) -> dict[str, PackedFile]:
        """Return the members in the directory of the archive, by name, without digests."""
        with atomic_files.opened(self.root) as file:
            begins, whole = file.read(len(_FIRST)) == _FIRST, file.seek(0, 2)
            infos = _directory(file)
        if infos is None and begins:
            raise self.damaged(self.root, "its end is missing or damaged")
        if infos is None:
            raise self._foreign("it is not a zip archive")
        found: dict[str, PackedFile] = {}
        for info in infos:
            if objection := _objection(info):
                raise self._refused(f"{quote(info.filename)} {objection}")
            if info.filename in found:
                raise self._refused(f"{quote(info.filename)} is contained twice")
            found[info.filename] = PackedFile(
                info.header_offset,
                info.compress_size,
                info.file_size,
                info.compress_type == zipfile.ZIP_DEFLATED,
                "",
            )
        if sum(member.packed_size for member in found.values()) > whole:
            raise self._refused("its members overlap")
        return found

    def _check_name(self, name: str, names: Mapping[str, PackedFile]) -> None:
        if name != MANIFEST and not MEMBER.fullmatch(name):
            raise self._refused(f"{quote(name)} is not a file of a store")
        if any(above in names for above in _above(name)):
            raise self._refused(f"{quote(name)} is in a file")

    def _manifest(self, member: PackedFile) -> dict[str, Any]:
        data = self._bytes(member) if member.size <= _LARGEST_MANIFEST else None
        record = None if data is None else unstamp(data)
        if record is None:
            raise self.damaged(self.root, f"its {MANIFEST} is not what was written")
        if record.get("kind") != KIND:
            raise self._foreign(f"its {MANIFEST} is that of something else")
        version, digests = record.get("pack_version"), record.get("sha256")
        if not isinstance(version, int) or not isinstance(digests, dict):
            raise self.damaged(self.root, f"its {MANIFEST} lacks what one must have")
        if version > VERSION:
            raise newer(self.root)
        return record

    def _bytes(self, member: PackedFile) -> bytes | None:
        """Return the bytes of a member; None if the archive does not have `member.size` of them."""
        try:
            with atomic_files.opened(self.root) as file:
                file.seek(member.offset)
                magic, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
                file.seek(name + extra, 1)
                data = file.read(member.packed_size)
            if magic != _FIRST or len(data) != member.packed_size:
                return None
            if member.deflated:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.size + 1)
        except (struct.error, zlib.error, MemoryError, OverflowError):
            return None
        return data if len(data) == member.size else None

    def _refused(self, why: str) -> StoreError:
        return StoreError(
            f"{quote(self.root, 300)} is not read as a pack of runs: {why}",
            "get it again from its author, made by `convcompare runs pack`",
        )

    def _foreign(self, why: str) -> StoreError:
        return StoreError(
            f"{quote(self.root, 300)} is neither a folder nor a pack of runs: {why}",
            "`--store` takes the folder of the runs, or a file of `convcompare runs pack`",
        )


def _directory(file: IO[bytes]) -> list[zipfile.ZipInfo] | None:
    """Return the directory of a zip archive; None if the file does not end with an end record.

    `zipfile` also accepts an end record further up, so that it would take a truncated pack for one
    of the .npz archives in it.
    """
    try:
        file.seek(-len(_LAST), 2)
    except OSError:
        return None
    end = file.read()
    if (end[:4], end[-2:]) != (_LAST[:4], _LAST[-2:]):
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.infolist()
    except _UNREADABLE:
        return None


def _objection(info: zipfile.ZipInfo) -> str:
    """Return why `pack` cannot have written a member; empty if it can."""
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    if info.flag_bits & 0x1:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in another way"
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        return "has two sizes"
    return ""


def _above(name: str) -> Iterator[str]:
    """Yield the folders above a member."""
    while name := name.rpartition("/")[0]:
        yield name
