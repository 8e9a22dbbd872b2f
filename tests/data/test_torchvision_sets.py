"""Classification sets of torchvision, read from files in their published layout."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcompare.core.errors import ConvcompareError, DataError, UsageError
from convcompare.core.memory import physical_memory
from convcompare.data.dataset import Dataset, Sources
from convcompare.data.load import load_dataset
from convcompare.data.sources.image_stack import ImageStack

RED, BLUE = (255, 0, 0), (0, 0, 255)


def save(file: Path, colour: tuple[int, ...], size: tuple[int, int] = (12, 12)) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(file)


def load(name: str, sources: Sources) -> Dataset:
    return load_dataset(f"torchvision:{name}", sources)


def fail(name: str, sources: Sources, kind: type[ConvcompareError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        load(name, sources)
    assert caught.value.hint and "\n" not in caught.value.message + caught.value.hint
    return f"{caught.value.message} | {caught.value.hint}"


def country(sources: Sources, sizes: tuple[tuple[int, int], ...] = ((12, 12),)) -> Path:
    """Write Country211 (train, valid and test with class folders); return its path."""
    assert sources.data_dir
    root = sources.data_dir / "country211"
    for split in ("train", "valid", "test"):
        for label, colour in (("AD", RED), ("ZW", BLUE)):
            for i in range(3):
                save(root / split / label / f"{i}.png", colour, sizes[i % len(sizes)])
    return root


def test_official_splits_and_classes_are_used(sources: Sources) -> None:
    country(sources)
    found = load("Country211", sources)
    assert (found.name, found.classes) == ("torchvision:Country211", ("AD", "ZW"))
    assert found.test_split == "official test split"
    for split in (found.train, found.test):
        assert split.images.shape == (6, 3, 12, 12) and split.images.dtype == np.uint8
        assert split.labels.tolist() == [0, 0, 0, 1, 1, 1]
        assert split.images[:, :, 5, 5].tolist() == [list(RED)] * 3 + [list(BLUE)] * 3
    assert found.mean == (0.5, 0.0, 0.5), "half of the images are red, half blue"


def test_splits_with_other_class_folders_are_refused(sources: Sources) -> None:
    """Their labels are places among the folders of each split."""
    root = country(sources)
    (root / "test" / "ZW").rename(root / "test" / "ZZ")
    assert "classes `AD`, `ZW`, and the test set `AD`, `ZZ`" in fail("Country211", sources)


def test_images_of_several_sizes_need_a_chosen_size(sources: Sources) -> None:
    country(sources, ((12, 12), (20, 20)))
    message = fail("Country211", sources)
    assert "images of several sizes (20×20 and 12×12)" in message
    assert "`torchvision:Country211:size=64` scales" in message
    found = load("Country211:size=16", sources)
    assert found.name == "torchvision:Country211:size=16"
    assert found.train.images.shape == (6, 3, 16, 16)


def test_images_that_are_not_square_need_a_chosen_size(sources: Sources) -> None:
    country(sources, ((30, 10),))
    assert "images that are not square (10×30)" in fail("Country211", sources)
    assert load("Country211:size=8", sources).image_size == 8


def test_damaged_file_is_one_error(sources: Sources) -> None:
    root = country(sources)
    (root / "test" / "AD" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nno image")
    assert "image 1 of `torchvision:Country211` cannot be read" in fail("Country211", sources)


def test_share_is_held_out_if_there_is_no_test_split(sources: Sources) -> None:
    assert sources.data_dir
    for label, colour in (("Forest", (0, 99, 0)), ("River", BLUE)):
        for i in range(10):
            shade = (i, *colour[1:])
            save(sources.data_dir / "eurosat" / "2750" / label / f"{i}.png", shade, (8, 8))
    found = load("EuroSAT", sources)
    assert (len(found.train), len(found.test)) == (16, 4)
    assert found.test_split == "20 % held out of each class, split seed 0"
    assert np.bincount(found.test.labels).tolist() == [2, 2]
    shades = [set(zip(s.images[:, 0, 0, 0].tolist(), s.labels.tolist(), strict=True))
              for s in (found.train, found.test)]  # fmt: skip
    assert not shades[0] & shades[1] and len(shades[0] | shades[1]) == 20
    assert load("EuroSAT:seed=1", sources).sha256 != found.sha256
    half = load("EuroSAT:test=0.5", sources)
    assert (len(half.train), len(half.test)) == (10, 10)


def test_validation_split_replaces_a_missing_test_split(sources: Sources) -> None:
    assert sources.data_dir
    root = sources.data_dir / "imagenette2"
    names = "n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042 n03425413"
    for wnid in (*names.split(), "n03445777", "n03888257"):
        for split in ("train", "val"):
            save(root / split / wnid / "a.JPEG", RED, (9, 9))
    found = load("Imagenette", sources)
    assert found.test_split == "official val split"
    assert found.classes[0] == "tench" and len(found.classes) == 10
    texts = [note.text for note in load("Imagenette:seed=1", sources).warnings]
    assert "`seed=1`, not used: the data set has a test split of its own" in texts


@pytest.mark.parametrize("tested", [0, 2])
def test_test_split_without_classes_is_not_used(sources: Sources, tested: int) -> None:
    """As in CLEVR, whose test scenes are not published."""
    assert sources.data_dir
    root = sources.data_dir / "clevr" / "CLEVR_v1.0"
    for split, count in (("train", 6), ("val", 4), ("test", tested)):
        names = [f"CLEVR_{split}_{i}.png" for i in range(count)]
        for i, name in enumerate(names):
            save(root / "images" / split / name, (i, 0, 9), (9, 9))
        scenes = [{"image_filename": name, "objects": [0] * (3 + i % 2)}
                  for i, name in enumerate(names)]  # fmt: skip
        (root / "scenes").mkdir(exist_ok=True)
        (root / "scenes" / f"CLEVR_{split}_scenes.json").write_text(json.dumps({"scenes": scenes}))
    found = load("CLEVRClassification", sources)
    assert found.test_split == "official val split" and found.classes == ("3", "4")
    assert (len(found.train), found.test.labels.tolist()) == (6, [0, 1, 0, 1])


def test_mnist_of_torchvision_has_the_images_of_its_files(sources: Sources) -> None:
    assert sources.data_dir
    raw = sources.data_dir / "MNIST" / "raw"
    raw.mkdir(parents=True)
    draw = np.random.default_rng(0)
    expected = {}
    for prefix, n in (("train", 40), ("t10k", 20)):
        images = draw.integers(0, 256, (n, 28, 28)).astype(np.uint8)
        labels = (np.arange(n) % 10).astype(np.uint8)
        expected[prefix] = images, labels
        head = struct.pack(">IIII", 0x803, n, 28, 28)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        head = struct.pack(">II", 0x801, n)
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())
    found = load("MNIST", sources)
    for split, (images, labels) in zip((found.train, found.test), expected.values(), strict=True):
        np.testing.assert_array_equal(split.images[:, 0], images)
        np.testing.assert_array_equal(split.labels, labels)
    assert found.classes[7] == "7 - seven"
    assert load("MNIST:channels=3", sources).train.images.shape == (40, 3, 28, 28)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("CelebA", "has several attributes, not one class"),
        ("VOCSegmentation", "has boxes, masks or texts"),
        ("ImageFolder", "`folder:PATH` reads your images"),
        ("Countri211", "did you mean `Country211`?"),
        ("", "it has CIFAR10, CIFAR100"),
        ("Country211:size=4", "from 8 to 512"),
        ("transforms", "torchvision has no data set `transforms`"),
    ],
)
def test_other_kinds_of_sets_are_refused(sources: Sources, name: str, words: str) -> None:
    assert words in fail(name, sources, UsageError)


def test_missing_files_are_reported(sources: Sources) -> None:
    message = fail("Country211", sources)
    assert message.startswith("torchvision cannot load Country211") and "--data-dir" in message


@pytest.mark.torture  # generates 1,000 images of 3×224×224
def test_fake_data_is_deterministic(sources: Sources) -> None:
    found = load("FakeData:size=8", sources)
    assert found.train.images.shape[1:] == (3, 8, 8) and len(found.classes) == 10
    assert len(found.train) + len(found.test) == 1000
    assert load("FakeData:size=8", sources).sha256 == found.sha256


MODES = {
    "1": ([255], np.uint8), "L": ([200], np.uint8), "P": ([200] * 3, np.uint8),
    "RGB": ([200] * 3, np.uint8), "RGBA": ([200] * 3, np.uint8), "CMYK": ([12] * 3, np.uint8),
    "LA": ([200], np.uint8), "YCbCr": ([200] * 3, np.uint8), "I": ([200], np.int32),
    "I;16": ([200], np.int32), "F": ([200.0], np.float32),
}  # fmt: skip


@pytest.mark.parametrize("size", [None, 8])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_images_is_converted(mode: str, size: int | None) -> None:
    if mode in ("P", "LA"):
        image = Image.new("L", (9, 9), 200).convert(mode)
    elif mode in ("RGBA", "YCbCr"):
        image = Image.new("RGB", (9, 9), (200, 200, 200)).convert(mode)
    else:
        image = Image.new(mode, (9, 9), (200,) * len(mode) if mode in ("RGB", "CMYK") else 200)
    expected, kind = MODES[mode]
    stack = ImageStack("x", 1, size)
    stack.add(image)
    pixels = stack.pixels
    assert pixels.dtype == kind and pixels.shape == (1, len(expected), size or 9, size or 9)
    assert pixels[0, :, 4, 4].tolist() == expected


def test_transparency_is_white_and_rotation_is_undone() -> None:
    stack = ImageStack("x", 2, None)
    stack.add(Image.new("RGBA", (4, 4), (255, 0, 0, 0)))
    turned = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    turned.getexif()[0x0112] = 3  # upside down
    stack.add(turned)
    assert (stack.pixels[0] == 255).all()
    np.testing.assert_array_equal(
        stack.pixels[1].transpose(1, 2, 0), np.asarray(turned)[::-1, ::-1]
    )


def test_grey_images_among_coloured_ones_get_three_channels() -> None:
    for order in ((0, 1), (1, 0)):
        images = [Image.new("L", (4, 4), 7), Image.new("RGB", (4, 4), RED)]
        stack = ImageStack("x", 2, None)
        for i in order:
            stack.add(images[i])
        seen = stack.pixels[:, :, 0, 0].tolist()
        assert [seen[order.index(i)] for i in (0, 1)] == [[7, 7, 7], list(RED)]


def test_mixed_8_and_16_bits_are_refused() -> None:
    stack = ImageStack("x", 2, None)
    stack.add(Image.new("I;16", (4, 4), 300))
    with pytest.raises(DataError, match="some images of `x` have 8 bits and some more"):
        stack.add(Image.new("L", (4, 4), 7))


def test_set_too_large_for_memory_is_refused() -> None:
    room = physical_memory() // 3
    total = room // (3 * 64 * 64) + 1  # one image too many at 64×64, but few enough at 48×48
    stack = ImageStack("torchvision:Huge", total, None)
    with pytest.raises(DataError) as caught:
        stack.add(Image.new("RGB", (64, 64)))
    assert caught.value.message.startswith(f"`torchvision:Huge` is too large: {total:,} images")
    assert str(caught.value.hint).startswith("`torchvision:Huge:size=48` takes")
    with pytest.raises(DataError, match="is too large"):
        ImageStack("torchvision:Huge", 10**15, 8).add(Image.new("L", (64, 64)))
