"""Damaged data sets and images: never used as the originals, and reported with a remedy."""

from __future__ import annotations

import random
import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from convcompare.data.dataset import Split, fingerprint
from convcompare.data.sources.array_file import write_splits
from convcompare.store import atomic_files
from tests.support import mirrors

from . import downloads
from .harm import WAYS, harm
from .harness import Case, fork_server, must

FILES = ("cached set", "user's copy of a set", "image", "cached images")
TRAIN = ("train", "fcn:hidden=4", "-d", "folder:photos", "-e", "1", "-b", "8", "--threads", "1")


def all_cases() -> list[tuple[str, Case]]:
    """Return a case for each file of data and each way."""
    kinds = dict(zip(FILES, (_cached_set, _copy, _image, _cached_images), strict=True))
    return [(f"{way}: {name}", kinds[name](way)) for name in FILES for way in WAYS]


def _cached_set(way: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        with mirrors.served() as server:
            good = [server.base("good")]
            original = downloads.fetch(folder / "cache", good)
            path = folder / "cache" / "tiny.npz"
            write_splits(folder / "other.npz", (_black(60), _black(20)))
            harm(path, folder / "other.npz", way, rng)
            found = downloads.fetch(folder / "cache", good)
            if not found["error"]:
                must(found["sha256"] == original["sha256"], "what is damaged was used")
                return
            must(found["code"] == 3, found)
            must(path.name in found["error"] + found["hint"], f"file not named: {found}")
            must(found["hint"].startswith("`rm "), f"no remedy: {found}")
            atomic_files.remove(path)
            again = downloads.fetch(folder / "cache", good)
            must(again["sha256"] == original["sha256"], f"the remedy does not help: {again}")

    return case


def _black(n: int) -> Split:
    return Split(np.zeros((n, 1, 28, 28), np.uint8), np.zeros(n, np.int64))


def _copy(way: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        own = folder / "own"
        own.mkdir()
        for name, content in mirrors.FILES.items():
            (own / name).write_bytes(content)
        path, twin = rng.sample(sorted(own.iterdir()), 2)
        harm(path, twin, way, rng)
        found = downloads.fetch(folder / "cache", [], data_dir=str(own))
        if not found["error"]:
            must(found["sha256"] == fingerprint(mirrors.SPLITS), "what is damaged was used")
            return
        must(found["code"] == 3 and found["hint"], found)
        must(way == "folder" or own.name in found["error"], f"folder not named: {found}")
        atomic_files.remove(path)
        path.write_bytes(mirrors.FILES[path.name])
        again = downloads.fetch(folder / "cache", [], data_dir=str(own))
        must(again["sha256"] == fingerprint(mirrors.SPLITS), f"the remedy fails: {again}")

    return case


@lru_cache
def _photos() -> TemporaryDirectory[str]:
    """Return a folder with two classes of six images, PNG and JPEG, and a run trained on them."""
    made = TemporaryDirectory(prefix="torture-photos-")
    pixels = np.random.default_rng(3)
    for name in ("cats", "dogs"):
        folder = Path(made.name, "photos", name)
        folder.mkdir(parents=True)
        for number in range(6):
            image = Image.fromarray(pixels.integers(0, 256, (40, 40, 3), np.uint8))
            image.save(folder / f"{name}{number}.{'png' if number % 2 else 'jpg'}")
    _train(Path(made.name)).clean(0)
    return made


def _train(folder: Path) -> Any:
    return fork_server().run(TRAIN, folder, env={"CONVCOMPARE_CACHE": str(folder / "cache")})


def _copy_photos(folder: Path) -> tuple[list[Path], list[Path]]:
    """Copy the photos with their run; return the images and the runs."""
    shutil.copytree(_photos().name, folder, dirs_exist_ok=True)
    return sorted(folder.glob("photos/*/*")), _runs(folder)


def _image(way: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        images, before = _copy_photos(folder)
        path = rng.choice(images)
        pixels, state = _pixels(path), path.read_bytes()
        harm(path, rng.choice([one for one in images if one != path]), way, rng)
        ended = _train(folder).clean(0, 3)
        if ended.code == 3:
            must(path.name in ended.err and "hint: " in ended.err, f"image or remedy: {ended}")
            atomic_files.remove(path)
            path.write_bytes(state)
            _train(folder).clean(0)
            must(_runs(folder) == before, "the mended folder is another data set")
            return
        same = path.is_file() and np.array_equal(_pixels(path), pixels)
        must(same == (_runs(folder) == before), "the run on other images was taken for this one")

    return case


def _cached_images(way: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        _, before = _copy_photos(folder)
        _train(folder).clean(0)  # the copies have other times, and so their own cache file
        newest = max(folder.glob("cache/folders/*.npz"), key=lambda path: path.stat().st_mtime_ns)
        harm(newest, _other_cache(folder), way, rng)
        _train(folder).clean(0)
        must(_runs(folder) == before, "the damaged cache was taken for another data set")

    return case


def _other_cache(folder: Path) -> Path:
    """Return the cache file of another folder's images."""
    shutil.copytree(folder / "photos", folder / "other" / "photos")
    first, second = (folder / "other" / "photos" / name for name in ("cats", "dogs"))
    first.rename(folder / "aside")
    second.rename(first)
    (folder / "aside").rename(second)
    _train(folder / "other").clean(0)
    (found,) = folder.glob("other/cache/folders/*.npz")
    return found


def _runs(folder: Path) -> list[Path]:
    return sorted(folder.glob("runs/*/run.json"))


def _pixels(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
