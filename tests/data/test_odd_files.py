"""Unusual files: extra bands, damage, warnings of Pillow."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcompare.core.errors import DataError
from tests.support.images import fill, load, noise


def tiff(path: Path, bands: int) -> None:
    """Write a TIFF of 8×8 pixels with `bands` bands of 16 bits, as of satellites."""
    pixels = np.random.default_rng(0).integers(0, 3000, (8, 8, bands)).astype("<u2").tobytes()
    count, after = 10, 8 + len(pixels)
    extra = after + 2 + 12 * count + 4
    tags = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, bands, extra), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, 8), (277, 3, 1, bands), (278, 3, 1, 8), (279, 4, 1, len(pixels)),
            (338, 3, bands - 1, extra + 2 * bands)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    more = struct.pack(f"<{bands}H", *[16] * bands) + b"\0\0" * (bands - 1)
    folder = struct.pack("<H", count) + entries + struct.pack("<I", 0) + more
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"II*\0" + struct.pack("<I", after) + pixels + folder)


def test_tiff_with_many_bands_is_refused_with_the_reason(root: Path) -> None:
    fill(root)
    tiff(root / "cat" / "sentinel.tif", 13)
    with pytest.raises(DataError, match=r"`cat/sentinel\.tif`") as caught:
        load(root)
    assert "a TIFF of a kind that Pillow does not read, as of many bands" in str(caught.value.hint)


def test_unread_bands_are_a_warning(root: Path) -> None:
    """Infrared beside red, green and blue."""
    fill(root)
    pixels = np.zeros((16, 16, 4), np.uint8) + np.array([250, 0, 9, 77], np.uint8)
    Image.frombuffer("RGBX", (16, 16), pixels.tobytes()).save(root / "dog" / "aerial.tif")
    images = load(root, ":size=16")
    (note,) = (one for one in images.warnings if one.kind == "bands")
    assert note.names == ("dog/aerial.tif",)
    images_read = np.concatenate([images.train.images, images.test.images])
    assert (images_read == np.array([250, 0, 9])[:, None, None]).all((1, 2, 3)).sum() == 1


@pytest.mark.parametrize("ending", ["sgi", "rgb", "jpx", "j2c"])
def test_images_with_old_endings_are_read(root: Path, ending: str) -> None:
    fill(root)
    noise(root / "cat" / f"more.{ending}")
    images = load(root)
    assert len(images.train) + len(images.test) == 13 and not images.warnings


def test_files_of_other_programs_cause_no_warning(root: Path) -> None:
    """As YOLO's train.cache, a network, code."""
    fill(root)
    for name in ("train.cache", "best.onnx", "main.cpp", "label_map.pbtxt"):
        (root / name).write_text("text")
    images = load(root)
    assert not images.warnings and "4 files that are not images" in str(images.notes)


def test_warnings_of_pillow_are_not_printed(root: Path) -> None:
    """Pillow warns of damaged tags and logs bands that it cannot decode."""
    fill(root)
    odd = noise(root / "cat" / "odd.tif")
    data = bytearray(odd.read_bytes())
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    struct.pack_into("<HHII", data, start + 2 + 12 * (count - 1), 65000, 2, 99999, 0)
    (root / "cat" / "without_ending").write_bytes(data)
    odd.write_bytes(data)
    tiff(root / "dog" / "many.tif", 13)
    done = subprocess.run(
        [sys.executable, "-m", "convcompare", "datasets", f"folder:{root}:broken=skip"],
        capture_output=True, text=True, check=True,
        env={**os.environ, "CONVCOMPARE_CACHE": str(root.parent / "cache")},
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert lines == []
