"""Corrupted images against scipy, Pillow and manual results."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from convcompare import register
from convcompare.core.corruptions import Corruption, corruption, corruptions, on_damaged_images
from convcompare.core.errors import UsageError
from convcompare.data.corruptions import blur, geometry, jpeg, light, noise, occlusion
from convcompare.data.damaged import CHUNK, PAIR, chosen_rows, damaged, seed_of, shifted_pair
from convcompare.data.dataset import Images

NAMES = [kind.name for kind in corruptions()]
SHAPES = [(1, 28), (3, 32), (3, 7), (4, 9), (1, 1)]


def images(channels: int = 1, side: int = 28, n: int = 4, seed: int = 0) -> Images:
    """Return smooth blobs on black, some of them up to the edge."""
    draw = np.random.default_rng(seed).random((n, channels, side, side))
    smooth = ndimage.gaussian_filter(draw, (0, 0, side / 12, side / 12))
    low, high = smooth.min((2, 3), keepdims=True), smooth.max((2, 3), keepdims=True)
    return np.rint(255 * (smooth - low) / np.maximum(high - low, 1e-9)).astype(np.uint8)


def test_corruptions_and_their_severities_are_complete() -> None:
    geometric, others = ["rotation", "scale", "shift"], ["blur", "jpeg", "noise", "occlusion"]
    assert sorted([*geometric, *others, "brightness", "contrast"]) == NAMES
    assert all(len(kind.levels) == (4 if kind.name == "shift" else 5) for kind in corruptions())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "side"), SHAPES)
def test_corruption_is_deterministic_and_keeps_shape_and_dtype(
    name: str, channels: int, side: int
) -> None:
    kind, before = corruption(name), images(channels, side)
    untouched = before.copy()
    for severity in kind.severities:
        after = damaged(before, kind, severity)
        assert (after.shape, after.dtype) == (before.shape, np.uint8)
        assert np.array_equal(after, damaged(before, kind, severity)), "deterministic"
    assert np.array_equal(before, untouched), "the input is unchanged"
    assert np.array_equal(damaged(before, kind, 0), before)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("shift", "scale")])
def test_a_higher_severity_does_more_damage(name: str) -> None:
    kind, before = corruption(name), images(3, 32, n=20)
    errors = [
        float(np.mean((damaged(before, kind, s).astype(float) - before) ** 2))
        for s in (0, *kind.severities)
    ]
    assert errors == sorted(errors) and errors[0] == 0 < errors[1]


@pytest.mark.parametrize("name", NAMES)
def test_corruption_of_an_image_does_not_depend_on_later_images(name: str) -> None:
    kind, before = corruption(name), images(1, 8, n=CHUNK + 3)
    complete = damaged(before, kind, 3)
    first = damaged(before[:CHUNK], kind, 3)
    assert np.array_equal(complete[:CHUNK], first)


def test_shift_moves_by_its_pixels_in_one_of_eight_directions() -> None:
    before = images(3, 32, n=200)
    ways = set()
    for severity in range(1, 5):
        after = geometry.shift(before, severity, 5)
        for image, moved in zip(before, after, strict=True):
            found = [
                (y, x)
                for y in (-severity, 0, severity)
                for x in (-severity, 0, severity)
                if np.array_equal(ndimage.shift(image, (0, y, x), order=0, mode="nearest"), moved)
            ]
            assert found and (0, 0) not in found
            ways.add((found[0][0] // severity, found[0][1] // severity))
    assert len(ways) == 8


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_rotation_equals_scipy(severity: int) -> None:
    before, angle = images(1, 28, n=6), geometry.ANGLES[severity - 1]
    after = geometry.rotation(before, severity, 3)
    for image, turned in zip(before[:, 0], after[:, 0], strict=True):
        either = [
            ndimage.rotate(
                image.astype(float), sign * angle, reshape=False, order=1, mode="nearest"
            )
            for sign in (1, -1)
        ]
        assert min(np.abs(one - turned).max() for one in either) <= 0.51  # rounding to uint8


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_scale_equals_an_affine_transform_about_the_centre(severity: int) -> None:
    before, factor = images(1, 28, n=6), geometry.FACTORS[severity - 1]
    after = geometry.scale(before, severity, 3)
    for image, scaled in zip(before[:, 0], after[:, 0], strict=True):
        either = []
        for by in (1 / factor, factor):
            offset = (27 / 2) * (1 - by)
            either.append(
                ndimage.affine_transform(
                    image.astype(float), [by, by], offset, order=1, mode="nearest"
                )
            )
        assert min(np.abs(one - scaled).max() for one in either) <= 0.51


@pytest.mark.parametrize("side", [28, 32, 9])
@pytest.mark.parametrize("severity", [1, 2, 5])
def test_blur_equals_the_gaussian_of_scipy(severity: int, side: int) -> None:
    before = images(3, side)
    sigma = blur.SPREADS[severity - 1] * side / 32
    expected = ndimage.gaussian_filter(
        before.astype(float), (0, 0, sigma, sigma), mode="nearest", truncate=4
    )
    assert np.abs(blur.blur(before, severity, 0) - expected).max() <= 0.51


def test_noise_has_the_documented_deviation() -> None:
    grey = np.full((50, 1, 40, 40), 128, np.uint8)
    for severity in (1, 2):  # higher severities are clipped at the ends of the range
        found = noise.noise(grey, severity, 1).astype(float) - 128
        assert found.std() == pytest.approx(255 * noise.SPREADS[severity - 1], rel=0.02)
        assert abs(found.mean()) < 0.5


def test_contrast_and_brightness_equal_manual_results() -> None:
    image = np.array([[[[0, 100], [200, 40]]]], np.uint8)  # mean 85
    by_hand = [[[[85 - 0.25 * 85, 85 + 0.25 * 15], [85 + 0.25 * 115, 85 - 0.25 * 45]]]]
    assert np.array_equal(light.contrast(image, 4, 0), np.rint(by_hand))
    assert np.array_equal(
        light.brightness(image, 5, 0), np.rint([[[[127.5, 227.5], [255, 167.5]]]])
    )
    two = np.stack([image[0, 0], image[0, 0] // 2])[None]
    assert light.contrast(two, 5, 0)[0, 1].mean() == pytest.approx(42.5, abs=1), (
        "each channel's own"
    )


@pytest.mark.parametrize("severity", range(1, 6))
def test_occlusion_hides_one_square(severity: int) -> None:
    white = np.full((300, 3, 20, 20), 255, np.uint8)
    hidden = occlusion.occlusion(white, severity, 2) == occlusion.GREY
    side = round(occlusion.SIDES[severity - 1] * 20)
    assert (hidden[:, :1] == hidden).all(), "in all channels"
    assert (hidden[:, 0].sum((1, 2)) == side**2).all()
    assert (hidden[:, 0].any(1).sum(1) == side).all() and (hidden[:, 0].any(2).sum(1) == side).all()
    assert hidden[:, 0].any(0).mean() > 0.9, "anywhere in the image"


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (1, 32), (2, 13), (3, 32)])
def test_jpeg_equals_pillow_for_each_image(channels: int, side: int) -> None:
    before = images(channels, side, n=5)
    for severity, quality in enumerate(jpeg.QUALITIES, start=1):
        after = jpeg.jpeg(before, severity, 0)
        for image, seen in zip(before, after, strict=True):
            planes = [image.transpose(1, 2, 0)] if channels == 3 else list(image)
            alone = []
            for plane in planes:
                buffer = io.BytesIO()
                Image.fromarray(np.ascontiguousarray(plane)).save(buffer, "JPEG", quality=quality)
                alone.append(np.asarray(Image.open(buffer)))
            expected = alone[0].transpose(2, 0, 1) if channels == 3 else np.stack(alone)
            assert np.array_equal(seen, expected)


def test_long_column_of_images_is_compressed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = images(1, 28, n=9)
    complete = jpeg.jpeg(before, 5, 0)
    monkeypatch.setattr(jpeg, "LONGEST", 70)
    assert np.array_equal(jpeg.jpeg(before, 5, 0), complete)


def test_pairs_are_two_independent_shifts() -> None:
    ramp = np.zeros((400, 1, 21, 21), np.uint8)
    ramp[:, 0, 10, 10] = 1
    first, second = shifted_pair(ramp)
    places = [np.argwhere(one[:, 0])[:, 1:] - 10 for one in (first, second)]
    for moves in places:
        assert np.abs(moves).max() == PAIR and len(np.unique(moves, axis=0)) > 70, "of 81"
    assert (places[0] != places[1]).any(1).mean() > 0.9
    assert abs(np.corrcoef(places[0][:, 0], places[1][:, 0])[0, 1]) < 0.2


def test_selected_images_are_balanced_and_in_order() -> None:
    labels = np.repeat([0, 1, 2, 3], [100, 3, 40, 57])[np.random.default_rng(0).permutation(200)]
    rows = chosen_rows(labels, 62)
    assert np.array_equal(rows, np.unique(rows)) and len(rows) == 62
    assert np.bincount(labels[rows]).tolist() == [20, 3, 20, 19]
    assert np.array_equal(chosen_rows(labels, 200), np.arange(200))
    assert np.bincount(labels[chosen_rows(labels, 2)]).tolist() == [1, 1]


def test_metrics_that_need_corrupted_images_are_recognised() -> None:
    assert on_damaged_images(["lr", "robustness=blur"]) and on_damaged_images(["consistency"])
    assert not on_damaged_images(["macs", "robust"])


def test_corruption_of_a_plugin_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = dict(register.corruption._entries)
    monkeypatch.setattr(register.corruption, "_entries", entries)

    @register.corruption("halves", levels=(1, 2), unit="halves")
    def halves(images: Images, severity: int, seed: int) -> Images:
        """Half the image."""
        return images[..., ::2] if severity == 2 else images // 2

    @register.corruption("levelless")
    def levelless(images: Images, severity: int, seed: int) -> Images:
        """Nothing."""
        return images

    kind = corruption("halves")
    assert isinstance(kind, Corruption) and kind.definition.count("1, 2")
    assert damaged(images(), kind, 1).max() == 127
    with pytest.raises(UsageError, match="halves"):
        damaged(images(), kind, 2)
    with pytest.raises(UsageError, match="has no levels"):
        corruption("levelless")
    with pytest.raises(UsageError, match="there is no corruption"):
        corruption("blurr")


def test_seeds_never_change() -> None:
    """Results of different versions remain comparable."""
    assert seed_of("noise", 0) == 8_210_108_827_180_891_337
    assert len({seed_of(name, part) for name in NAMES for part in range(9)}) == 81
