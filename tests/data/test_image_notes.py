"""Notes on images: pixel depth and scaling, colour modes, faults, copies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from convcompare.core.errors import DataError
from convcompare.data.data_notes import DataNote, from_text, to_text
from convcompare.data.dataset import Dataset, Split
from convcompare.data.examine import examine
from convcompare.data.near_copies import NEAR, compared_rows, near_copies
from convcompare.data.sources.image_scaling import scaling_of
from tests.support.images import fill, kinds, load, noise, png, save


def note(images: Dataset, kind: str) -> DataNote:
    return next(one for one in images.notes if one.kind == kind)


# --- more than 8 bits ----------------------------------------------------------------------------

Pixels = np.ndarray
GRID = np.linspace(0, 1, 64).reshape(8, 8)
DEEP: list[tuple[str, str, Callable[[Pixels], Pixels], tuple[float, float]]] = [
    ("16 bits", "png", lambda x: (x * 65535).astype(np.uint16), (0, 65535)),
    ("12 bits", "png", lambda x: (x * 4095).astype(np.uint16), (0, 4095)),
    ("10 bits", "tiff", lambda x: (x * 1023).astype(np.uint16), (0, 1023)),
    ("8 bits", "tiff", lambda x: (x * 255).astype(np.int32), (0, 255)),
    ("12 bits", "tiff", lambda x: (x * 4095).astype(">u2"), (0, 4095)),
    ("small", "tiff", lambda x: (x * 16).astype(np.int32), (0, 16)),
    ("small", "tiff", lambda x: (x > 0.25).astype(np.int32), (0, 1)),
    ("no usual", "tiff", lambda x: (x * 3000 - 1000).astype(np.int32), (-1000, 2000)),
    ("no usual", "tiff", lambda x: (x * 1e6).astype(np.int32), (0, 1e6)),
    ("floats", "tiff", lambda x: x.astype(np.float32), (0, 1)),
    ("floats", "tiff", lambda x: (x * 255).astype(np.float32), (0, 255)),
    ("floats", "tiff", lambda x: (2 * x - 1).astype(np.float32), (-1, 1)),
    ("no usual", "tiff", lambda x: (x * 1e4).astype(np.float32), (0, 1e4)),
    ("no usual", "tiff", lambda x: (x / 50).astype(np.float32), (0, 1 / 50)),
    ("no usual", "tiff", lambda x: (x * 1.02).astype(np.float32), (0, 1.02)),
]


@pytest.mark.parametrize(("words", "ending", "make", "limits"), DEEP)
def test_deep_pixels_are_scaled_by_the_range_of_the_set(
    root: Path,
    words: str,
    ending: str,
    make: Callable[[Pixels], Pixels],
    limits: tuple[float, float],
) -> None:
    """Half of the images are half as bright and stay so, since the range covers all images."""
    for name, maximum in (("bright", 1.0), ("dim", 0.5)):
        for index in range(3):
            save(root / name / f"{index}.{ending}", make(GRID * maximum))
    images = load(root, ":size=8,channels=1,test=0.3")
    assert words in note(images, "scaling").text
    assert ("scaling" in kinds(images)) == (words != "16 bits")
    low, high = limits
    for label, maximum in ((0, 1.0), (1, 0.5)):
        found = images.train.images[images.train.labels == label][0, 0].astype(float)
        expected = (make(GRID * maximum).astype(float) - low) / (high - low) * 255
        assert np.abs(found - expected).max() <= 1
    assert images.train.images.max() == 255 and not kinds(images) & {"constant", "dark"}


def test_integer_scaling_equals_a_bit_shift() -> None:
    for bits in (8, 10, 12, 14, 16):
        scaling = scaling_of("integer", 0, 2**bits - 1)
        values = np.arange(0, 2**bits, max(1, 2**bits // 999))
        assert np.array_equal(scaling(values), values // 2 ** (bits - 8))


def test_16_bits_per_colour_keep_their_upper_8_bits(root: Path) -> None:
    data = png(8, 16, b"".join(np.full((8, 3), 200 * 256 + i, ">u2").tobytes() for i in range(8)))
    fill(root, ("b",), 3)
    (root / "a").mkdir()
    for index in range(2):
        (root / "a" / f"{index}.png").write_bytes(data)
    images = load(root, ":size=8")
    assert set(images.train.images[images.train.labels == 0].flat) == {200}
    assert len(note(images, "deep-colour").names) == 2


def test_images_with_nan_are_refused(root: Path) -> None:
    fill(root)
    save(root / "cat" / "nan.tiff", np.full((12, 12), np.nan, np.float32))
    with pytest.raises(DataError, match=r"`cat/nan\.tiff`") as caught:
        load(root)
    assert "no numbers" in str(caught.value.hint)


# --- colour modes -------------------------------------------------------------------------------


def test_colour_modes_give_the_same_colour(root: Path) -> None:
    """Each mode of a red image gives red; the half-transparent one lies on white."""
    fill(root, ("other",), 3)
    red = Image.new("RGB", (12, 12), (255, 0, 0))
    half = Image.new("RGBA", (12, 12), (255, 0, 0, 128))
    frames = {"save_all": True, "append_images": [Image.new("RGB", (12, 12), (0, 0, 255))]}
    (root / "red").mkdir()
    red.save(root / "red" / "0.png")
    red.convert("P").save(root / "red" / "1.png")
    red.convert("CMYK").save(root / "red" / "2.jpg", quality=100)
    red.save(root / "red" / "3.gif", **frames)
    half.save(root / "red" / "4.png")
    red.convert("RGBA").save(root / "red" / "5.png")
    images = load(root, ":size=8,test=0.01")
    found = [image[:, 4, 4].astype(int) for image in np.concatenate(
        [images.train.images[images.train.labels == 1], images.test.images[images.test.labels == 1]]
    )]  # fmt: skip
    pale = [tuple(pixel) for pixel in found if pixel[1] > 60]
    assert pale == [(255, 127, 127)]
    assert all(p[0] > 250 and p[1] < 6 and p[2] < 6 for p in found if tuple(p) != pale[0])
    assert note(images, "frames").names == ("red/3.gif",)
    assert set(note(images, "transparent").names) == {"red/4.png", "red/5.png"}
    assert "CMYK" in note(images, "modes").text


def test_tiny_and_rotated_images_are_named(root: Path) -> None:
    fill(root)
    noise(root / "cat" / "dot.png", (1, 1, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    save(root / "dog" / "turned.jpg", np.zeros((9, 9, 3), np.uint8) + 90, exif=exif)
    images = load(root, ":size=16")
    assert note(images, "tiny").names == ("cat/dot.png",)
    assert note(images, "turned").names == ("dog/turned.jpg",)
    assert "1 to 16 pixels wide, 1 to 16 high" in note(images, "sizes").text


def test_broken_images_can_be_skipped(root: Path) -> None:
    fill(root, count=5)
    cut = noise(root / "cat" / "cut.png", (40, 40, 3))
    cut.write_bytes(cut.read_bytes()[:900])
    (root / "dog" / "page.jpg").write_text("<html>")
    with pytest.raises(DataError, match=r"2 files cannot be read: `cat/cut\.png`"):
        load(root)
    images = load(root, ":broken=skip")
    assert len(images.train) + len(images.test) == 10
    assert note(images, "broken").names == (
        "cat/cut.png (damaged or cut short)",
        "dog/page.jpg (a web page)",
    )
    for path in (root / "dog").glob("?.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="class `dog`") as caught:
        load(root, ":broken=skip")
    assert "an empty file" in caught.value.hint


def test_size_format_and_colour_that_reveal_the_class_are_named(root: Path) -> None:
    for index in range(6):
        noise(root / "real" / f"{index}.jpg", (24, 24, 3))
        noise(root / "xray" / f"{index}.png", (16, 16))
        noise(root / "fake" / f"{index}.png")
    found = {one.kind: one.names for one in load(root).warnings if one.kind.startswith("class-")}
    assert found == {
        "class-colours": ("xray",),
        "class-formats": ("fake PNG", "real JPEG", "xray PNG"),
        "class-sizes": ("fake 16×16", "real 24×24", "xray 16×16"),
    }
    noise(root / "real" / "6.png", (16, 16, 3))
    assert {one for one in kinds(load(root)) if one.startswith("class-")} == {"class-colours"}
    assert "class-colours" not in kinds(load(root, ":channels=1"))


def test_pixel_depth_that_reveals_the_class_is_named(root: Path) -> None:
    for index in range(6):
        noise(root / "a" / f"{index}.png", (16, 16))
        pixels = np.random.default_rng(index).integers(0, 4096, (16, 16)).astype(np.uint16)
        save(root / "b" / f"{index}.png", pixels)
    assert note(load(root), "class-bits").names == ("a 8", "b more than 8")


def test_images_cropped_by_more_than_half_are_named(root: Path) -> None:
    fill(root, count=5)
    noise(root / "cat" / "spectrogram.png", (16, 33, 3))
    noise(root / "cat" / "photograph.png", (16, 32, 3))
    assert note(load(root), "cut-off").names == ("cat/spectrogram.png",)


# --- copies, constants, gaps ---------------------------------------------------------------------


def test_leaks_copies_and_constant_images_are_named(root: Path) -> None:
    fill(root / "train", count=10)
    fill(root / "test", count=4)
    copy = (root / "train" / "cat" / "0.png").read_bytes()
    for place in ("test/cat/z.png", "test/dog/z.png", "train/dog/z.png", "train/cat/z.png"):
        (root / place).write_bytes(copy)
    for place in ("train/cat/flat.png", "test/cat/flat.png"):
        save(root / place, np.full((12, 12, 3), 80, np.uint8))
    images = load(root)
    found = {one.kind: one for one in images.warnings}
    assert found["leak"].text.startswith("2 of 11 test images (18.2 %) are in the train split too")
    assert "1 of them under another class" in found["leak"].text
    assert found["leak"].names == (
        "test/cat/z.png = train/cat/0.png",
        "test/dog/z.png = train/cat/0.png",
    )
    assert "train/dog/z.png = train/cat/0.png" in found["two-classes"].names
    assert found["constant"].names == ("train/cat/flat.png", "test/cat/flat.png")
    assert note(images, "copies").names == ("train/cat/z.png = train/cat/0.png",)
    assert load(root).notes == images.notes, "the cache keeps the notes"


def scene(seed: int) -> Image.Image:
    """Return a smooth picture of 64×64 pixels, different for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC)


def test_recompressed_or_mirrored_test_images_are_named(root: Path) -> None:
    for name in ("cat", "dog"):
        for split in ("train", "test"):
            (root / split / name).mkdir(parents=True)
        for index in range(10):
            number = index + 100 * (name == "dog")
            scene(number).save(root / "train" / name / f"{index}.png")
            scene(1000 + number).save(root / "test" / name / f"{index}.png")
    assert "near-leak" not in {one.kind for one in load(root).notes}
    with Image.open(root / "train" / "cat" / "3.png") as picture:
        picture.save(root / "test" / "cat" / "again.jpg", quality=75)
        ImageOps.mirror(picture).resize((48, 48)).save(root / "test" / "cat" / "mirror.png")
        picture.save(root / "test" / "cat" / "same.bmp")
    images = load(root)
    leaks = {one.kind: one.names for one in images.warnings if "leak" in one.kind}
    assert leaks == {
        "leak": ("test/cat/same.bmp = train/cat/3.png",),
        "near-leak": ("test/cat/again.jpg ≈ train/cat/3.png",
                      "test/cat/mirror.png ≈ train/cat/3.png"),
    }  # fmt: skip
    assert "2 of 23 test images (8.7 %) are nearly equal" in note(images, "near-leak").text


def test_near_copies_equal_a_search_of_all_pairs() -> None:
    """Compares with numpy's correlations of images and mirrored images."""
    rng = np.random.default_rng(5)
    train = np.stack([np.asarray(scene(i)).transpose(2, 0, 1) for i in range(30)])
    test = train[rng.permutation(30)].astype(float)
    test += rng.normal(0, 1, test.shape) * np.linspace(0, 60, 30)[:, None, None, None]
    test[::2] = test[::2, :, :, ::-1]
    seen = test.clip(0, 255).astype(np.uint8)
    both = np.concatenate([seen, seen[:, :, :, ::-1]]).reshape(60, -1)
    pairs = np.corrcoef(both, train.reshape(30, -1))[:60, 60:].reshape(2, 30, 30).max(0)
    expected = {int(row): int(pairs[row].argmax()) for row in np.flatnonzero(pairs.max(1) >= NEAR)}
    assert 3 < len(expected) < 28 and dict(near_copies(train, seen)) == expected


def test_images_of_few_pixels_are_not_compared() -> None:
    tiny = np.random.default_rng(0).integers(0, 256, (40, 1, 2, 2), np.uint8)
    assert not list(near_copies(tiny, tiny))


def test_large_sets_are_compared_in_part() -> None:
    assert compared_rows(10_000, 2_000).tolist() == list(range(10_000))
    part = compared_rows(10_000, 60_000)
    assert len(part) == 333 and part[0] == 0 and part[-1] == 9969
    assert set(np.diff(part)) == {30, 31}


def test_examine_agrees_with_a_search_of_all_pairs() -> None:
    rng = np.random.default_rng(3)
    splits = tuple(
        Split(rng.integers(0, 2, (count, 1, 2, 2), np.uint8) * 200, rng.integers(0, 3, count))
        for count in (40, 25)
    )
    train, test = splits
    names = [f"a{i}" for i in range(40)], [f"b{i}" for i in range(25)]
    found = {one.kind: one for one in examine((train, test), "xyz", names)}
    constant = {name for split, part in zip(splits, names, strict=True)
                for image, name in zip(split.images, part, strict=True)
                if len(set(image.flat)) == 1}  # fmt: skip
    leaks = {
        name
        for image, name in zip(test.images, names[1], strict=True)
        if name not in constant and any(np.array_equal(image, one) for one in train.images)
    }
    assert set(found["constant"].names) == constant
    assert {name.split(" = ")[0] for name in found["leak"].names} == leaks


def test_small_classes_and_dark_images_are_named() -> None:
    images = np.random.default_rng(0).integers(0, 16, (30, 1, 4, 4), np.uint8)
    train = Split(images, np.array([0] * 26 + [1] * 3 + [2]))
    test = Split(images[:3] // 2, np.arange(3))
    found = {one.kind: one for one in examine((train, test), "abc", (["x"] * 30, ["y"] * 3))}
    assert found["few"].names == ("b (3)", "c (1)")
    assert found["imbalance"].names == ("a", "c")
    assert "above 15 of 255" in found["dark"].text


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        ("cat/7.png", "cat/7_rot90.png", True),
        ("train/cat/7_90deg.JPG", "test/cat/7.JPG", True),
        ("cat/7_jpg.rf.0a1b2c3d4e.jpg", "cat/7_jpg.rf.9a8b7c6d5e.jpg", True),
        ("train/cat/7.png", "test/cat/7.png", False),
        ("cat/a_rot.png", "cat/a_rot_2.png", False),
        ("cat/n02-Rottweiler_7.png", "cat/n02-Rottweiler_8.png", False),
        ("dog/7.png", "cat/7_aug.png", False),
    ],
)
def test_augmented_versions_in_both_splits_are_named(train: str, test: str, expected: bool) -> None:
    """Numbers in folders of splits, and classes, are no versions of each other."""
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 4, 4), np.uint8)
    splits = (Split(images[:2], np.array([0, 1])), Split(images[2:], np.array([0, 1])))
    names = (["x.png", train], ["y.png", test])
    if train.startswith("dog"):
        names = ([train, "x.png"], ["y.png", test])
    found = {one.kind: one for one in examine(splits, ("a", "b"), names)}
    assert ("versions" in found) == expected
    assert not expected or found["versions"].names == (f"{test} ~ {train}",)


def test_spellings_of_one_class_and_missing_names_are_named() -> None:
    names = ("Cat", "cat ", "7", "007", "7.0", "A", "a", "big_cat", "Big cat", "NaN", "none", "1-2",
             "owl", "\ufffdowl", "-1", "0", "pred", "Unlabeled")  # fmt: skip
    images = np.random.default_rng(0).integers(0, 256, (len(names), 1, 4, 4), np.uint8)
    split = Split(images, np.arange(len(names)))
    found = {one.kind: one for one in examine((split, split), names, (names, names))}
    assert found["spellings"].names == ("Cat = cat ", "7 = 007 = 7.0", "big_cat = Big cat",
                                         "owl = \ufffdowl")  # fmt: skip
    assert found["spellings"].serious
    assert found["no-class"].names == ("NaN", "-1", "pred", "Unlabeled")


def test_notes_are_read_as_written() -> None:
    notes = (DataNote("leak", "2 images", ("a", "b"), "hint"), DataNote("x", "y", serious=False))
    assert from_text(to_text(notes)) == notes
    assert notes[0].line(1) == "2 images: `a` and 1 more"
    with pytest.raises(ValueError):
        from_text('[{"kind": 1}]')
