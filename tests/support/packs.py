"""Malformed and hostile packs."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from convcompare.store.json_records import sha256, stamp

Members = list[tuple[zipfile.ZipInfo | str, bytes]]
Hostile = Callable[[Members], Members]
RUN = "0123456789ab"


def members(pack: Path) -> Members:
    """Return the members of a pack, without its manifest."""
    with zipfile.ZipFile(pack) as archive:
        return [(n, archive.read(n)) for n in archive.namelist() if n != "pack.json"]


def write_pack(path: Path, found: Members, **manifest: object) -> Path:
    """Write a pack whose manifest fits its members, except for the given entries."""
    names = {n if isinstance(n, str) else n.filename: sha256(data) for n, data in found}
    record = {"kind": "convcompare pack", "pack_version": 1, "sha256": names, **manifest}
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # duplicate names
        for name, data in found:
            archive.writestr(name, data, zipfile.ZIP_DEFLATED)
        archive.writestr("pack.json", stamp(record))
    return path


def named(name: str) -> Hostile:
    return lambda found: [*found, (name, b"{}")]


def _link(found: Members) -> Members:
    info = zipfile.ZipInfo(f"{RUN}/run.json")
    info.external_attr = 0o120777 << 16
    return [*found, (info, b"/etc/passwd")]


def _bomb(found: Members) -> Members:
    return [*found, (f"{RUN}/weights.safetensors", bytes(50 << 20))]


HOSTILE: Mapping[str, tuple[Hostile, str]] = {
    "upwards": (named("../../escaped.json"), "not a file of a store"),
    "upwards from a run": (named(f"{RUN}/../../escaped.json"), "not a file of a store"),
    "upwards in a name": (named(f"{RUN}/.."), "not a file of a store"),
    "absolute": (named("/tmp/escaped.json"), "not a file of a store"),
    "drive": (named("C:/escaped.json"), "not a file of a store"),
    "backslashes": (named("..\\escaped.json"), "not a file of a store"),
    "another folder": (named("elsewhere/run.json"), "not a file of a store"),
    "a hidden file": (named(f"{RUN}/.bashrc"), "not a file of a store"),
    "an empty folder": (named(f"{RUN}/"), "not a file of a store"),
    "a line break": (named(f"{RUN}/run.json\nerror: gone"), "not a file of a store"),
    "a deep folder": (named(f"{RUN}/a/b/c.json"), "not a file of a store"),
    "twice": (lambda found: [*found, found[0]], "contained twice"),
    "a file and a folder": (
        lambda found: [*found, (f"{RUN}/a", b""), (f"{RUN}/a/b.json", b"")],
        "is in a file",
    ),
    "a link": (_link, "is a link"),
    "a bomb": (_bomb, "far larger than its packed bytes"),
}


def overlapping(path: Path) -> None:
    """Make the directory of an archive list the first member's bytes under many names."""
    data = zlib.compress(b"0" * 60_000, 9, -15)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{RUN}/a.json", b"0" * 60_000, zipfile.ZIP_DEFLATED)
        first = archive.infolist()[0]
        for number in range(2000):
            info = zipfile.ZipInfo(f"{RUN}/b{number}.json")
            info.header_offset, info.CRC = first.header_offset, first.CRC
            info.compress_type = zipfile.ZIP_DEFLATED
            info.compress_size, info.file_size = len(data), 60_000
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
        archive.writestr("pack.json", stamp({"kind": "convcompare pack", "sha256": {}}))
