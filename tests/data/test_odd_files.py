"""Unusual files: extra bands, damage, warnings of Pillow."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcompare.core.errors import DataError
from convcompare.data.sources.image_decode import decode_images
from convcompare.data.sources.image_stack import ImageStack
from tests.support.images import fill, load, noise, png, save


def tiff(path: Path, pixels: np.ndarray, **tags: int) -> None:
    """Write an uncompressed TIFF of little-endian pixels (height, width, bands).

    Args:
        path: the file.
        pixels: its pixels.
        tags: further tags of one short number by their number, as `t262=1`.
    """
    height, width, bands = pixels.shape
    content = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    after = 8 + len(content)
    short = {int(name[1:]): value for name, value in tags.items()}
    fields = {256: width, 257: height, 259: 1, 262: 1, 273: 8, 277: bands, 278: height,
              279: len(content), **short}  # fmt: skip
    end = after + 2 + 12 * (len(fields) + 1) + 4
    entries = {tag: struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value)
               for tag, value in fields.items()}  # fmt: skip
    bits = 8 * pixels.itemsize
    entries[258] = struct.pack("<HHII", 258, 3, bands, bits if bands == 1 else end)
    if bands == 2:
        entries[258] = struct.pack("<HHIHH", 258, 3, bands, bits, bits)
    folder = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"II*\0" + struct.pack("<I", after) + content + folder + bytes(4)
                     + struct.pack(f"<{bands}H", *[bits] * bands))  # fmt: skip


DEEP = np.random.default_rng(0).integers(0, 3000, (8, 8, 13), np.uint16)
"""Bands as of a satellite."""


def test_tiff_with_many_bands_is_refused_with_the_reason(root: Path) -> None:
    fill(root)
    tiff(root / "cat" / "sentinel.tif", DEEP)
    with pytest.raises(DataError, match=r"`cat/sentinel\.tif`") as caught:
        load(root)
    assert "a TIFF of a kind that Pillow does not read, as of many bands" in str(caught.value.hint)


@pytest.mark.parametrize(("kind", "expected"), [(np.uint16, True), (np.uint8, False)])
def test_colours_of_16_bits_in_planes_are_refused(
    tmp_path: Path, kind: type, expected: bool
) -> None:
    """Pillow 13 reads their bytes as pixels of 8 bits."""
    tiff(tmp_path / "a.tif", DEEP[..., :3].astype(kind), t262=2, t284=2)
    (one,) = decode_images([tmp_path / "a.tif"], 8, 3).facts
    assert ("16 bits per colour in a plane of its own" in one.reason) == expected


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


def test_unnamed_fourth_band_is_no_transparency(root: Path) -> None:
    fill(root)
    pixels = np.broadcast_to(np.array([250, 0, 9, 77], np.uint8), (16, 16, 4))
    tiff(root / "dog" / "aerial.tif", pixels, t262=2)
    images = load(root, ":size=16")
    assert [one.names for one in images.warnings if one.kind == "bands"] == [("dog/aerial.tif",)]
    pairs = (images.train.images, images.test.images)
    assert any((image == pixels[0, 0, :3, None, None]).all() for part in pairs for image in part)


def test_16_bits_per_colour_of_one_class_are_named(root: Path) -> None:
    fill(root, ("a", "b"), 5)
    for number in range(5):
        (root / "b" / f"{number}.png").unlink()
        tiff(root / "b" / f"{number}.tif", DEEP[..., number : number + 3], t262=2)
    (one,) = (one for one in load(root).warnings if one.kind == "class-bits")
    assert one.names == ("a 8", "b more than 8")


RAMP = np.arange(16) * np.ones((16, 1), int)
"""Columns of 0 to 15."""


@pytest.mark.parametrize(
    ("pixels", "tags", "expected"),
    [
        ((65535 - 4096 * RAMP).astype(np.uint16), {"t262": 0}, 16 * RAMP),
        ((2**28 * RAMP).astype(np.uint32), {}, 17 * RAMP),
        ((16 * RAMP - 120).astype(np.int8), {"t339": 2}, 17 * RAMP),
        ((1000 * RAMP - 9).astype(np.int16), {"t339": 2}, 17 * RAMP),
    ],
    ids=["white is 0", "unsigned 32", "signed 8", "signed 16"],
)
def test_numbers_in_a_tiff_are_read_as_its_tags_say(
    tmp_path: Path, pixels: np.ndarray, tags: dict[str, int], expected: np.ndarray
) -> None:
    tiff(tmp_path / "a.tif", pixels[..., None], **tags)
    decoded = decode_images([tmp_path / "a.tif"], 16, 1)
    assert np.array_equal(decoded.images[0, 0], expected) and not decoded.facts[0].reason


def test_lab_and_premultiplied_grey_become_grey(tmp_path: Path) -> None:
    Image.new("LAB", (8, 8), (128, 128, 128)).save(tmp_path / "lab.tif")
    tiff(tmp_path / "la.tif", np.full((8, 8, 2), 100, np.uint8), t338=1)  # white of alpha 100
    files = [tmp_path / "lab.tif", tmp_path / "la.tif"]
    greys = [decode_images(files, 8, channels).images[:, :, 0, 0] for channels in (1, 3)]
    assert abs(int(greys[0][0, 0]) - 119) < 3 and greys[0][1, 0] == 255
    assert np.ptp(np.concatenate(greys, 1).astype(int), 1).max() < 2


@pytest.mark.parametrize("reduced", [0, 1])
def test_pages_of_a_tiff_are_a_warning(root: Path, reduced: int) -> None:
    """Smaller copies of the first page (overviews) are no pages of their own."""
    fill(root)
    with Image.open(noise(root / "more.png")) as picture:
        following = picture.copy()
        following.encoderinfo = {"tiffinfo": {254: reduced}}
        picture.save(root / "cat" / "a.tif", save_all=True, append_images=[following])
    (root / "more.png").unlink()
    named = [one.names for one in load(root).warnings if one.kind == "pages"]
    assert named == ([] if reduced else [("cat/a.tif",)])


def test_transparency_of_16_bits_is_white(tmp_path: Path) -> None:
    pixels = (4096 * RAMP).astype(np.uint16)
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=int(pixels[0, 3]))
    found = decode_images([tmp_path / "a.png"], 16, 1).images[0, 0]
    assert np.array_equal(found, np.where(RAMP == 3, 255, 16 * RAMP))


@pytest.mark.parametrize(
    ("bits", "pixels", "clear", "expected"),
    [
        (2, bytes([0b00011011] * 4), b"\0\2", [0, 85, 255, 255]),
        (4, bytes([0x05, 0xAF] * 4), b"\0\5", [0, 255, 170, 255]),
        (16, b"".join(bytes([n, 7] * 3) for n in (0, 30, 60, 90)) * 4, bytes([30, 7] * 3),
         [0, 255, 60, 90]),
    ],
)  # fmt: skip
def test_transparent_colour_of_few_or_many_bits_is_white(
    tmp_path: Path, bits: int, pixels: bytes, clear: bytes, expected: list[int]
) -> None:
    """Pillow 13 compares it with pixels that it has scaled to 8 bits."""
    (tmp_path / "a.png").write_bytes(png(4, bits, pixels, clear))
    found = decode_images([tmp_path / "a.png"], 4, 3).images[0]
    assert found.tolist() == [[expected] * 4] * 3
    with Image.open(tmp_path / "a.png") as opened:
        stack = ImageStack("a", 1, None)
        stack.add(opened)
    assert stack.pixels[0, 0].tolist() == [expected] * 4


@pytest.mark.parametrize("rest", ["", "zeros", "thumbnail", "padded", "more"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_copied_in_part_is_refused(tmp_path: Path, rest: str, progressive: bool) -> None:
    """Pillow reads zeros in place of the rest as grey; zeros behind the end are harmless."""
    whole = noise(tmp_path / "a.png", (64, 64, 3))
    small, content = io.BytesIO(), io.BytesIO()
    with Image.open(whole) as picture:
        picture.save(small, "JPEG")
        exif = b"Exif\0\0" + small.getvalue() if rest == "thumbnail" else b""
        picture.save(content, "JPEG", exif=exif, progressive=progressive)
    data = content.getvalue()
    part = len(data) - len(small.getvalue()) // 2
    cut = data[:part] + bytes(len(data) - part if rest else 0)
    kept = {"padded": data + bytes(99), "more": data + small.getvalue() + b"x" + bytes(99)}
    (tmp_path / "a.jpg").write_bytes(kept.get(rest, cut))
    reason = decode_images([tmp_path / "a.jpg"], 16, 3).facts[0].reason
    assert bool(reason) == (rest not in kept) and ("zeros" in reason) == (rest[:1] in ("z", "t"))


@pytest.mark.parametrize("damage", ["", "unaligned", "bit", "sector"])
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_damage_that_pillow_does_not_notice_is_named(
    tmp_path: Path, ending: str, damage: str
) -> None:
    """A PNG has checksums; in a JPEG, only zeros in place of a sector are sure to be damage."""
    path = tmp_path / f"a.{ending}"
    save(path, np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8))
    content = bytearray(path.read_bytes())
    start = {"unaligned": 2100, "sector": 2048}.get(damage)
    if start:
        content[start : start + 1024] = bytes(1024)
    elif damage:
        content[2048] ^= 1
    path.write_bytes(content)
    reason = decode_images([path], 16, 3).facts[0].reason
    assert bool(reason) == (damage == "sector" or (ending == "png" and damage != ""))


@pytest.mark.parametrize(("ending", "kept"), [("tif", 100), ("png", 10), ("jpg", 10), ("avif", 99)])
def test_image_without_its_end_is_damaged(tmp_path: Path, ending: str, kept: int) -> None:
    path = tmp_path / f"a.{ending}"
    tiff(path, DEEP[..., :1]) if ending == "tif" else noise(path)
    path.write_bytes(path.read_bytes()[:kept])
    assert decode_images([path], 8, 1).facts[0].reason == "damaged or cut short"


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
    tiff(root / "dog" / "many.tif", DEEP)
    done = subprocess.run(
        [sys.executable, "-m", "convcompare", "datasets", f"folder:{root}:broken=skip"],
        capture_output=True, text=True, check=True,
        env={**os.environ, "CONVCOMPARE_CACHE": str(root.parent / "cache")},
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert lines == []
