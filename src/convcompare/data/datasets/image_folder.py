"""The user's own images: a folder of class folders."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from convcompare.core.errors import DataError, StoreError, quote
from convcompare.core.registry import register
from convcompare.core.spec import AtLeast, Between
from convcompare.store.atomic_files import make_folder

from ..dataset import Dataset, Images, Sources, Split, fingerprint
from ..sources.array_file import Splits, read_splits, write_splits
from ..sources.image_decode import decode_images
from ..sources.image_tree import Files, ImageTree, read_tree

_VERSION = "2"
"""Goes into the key of cached images; changes when decoding does."""
_LEAST_STD = 0.01


@register.dataset("folder", source="your images")
def image_folder(
    sources: Sources,
    path: str = "",
    size: Annotated[int, Between(8, 512, closed=True)] = 32,
    channels: Literal[3, 1] = 3,
    test: Annotated[float, Between(0.01, 0.9, closed=True)] = 0.2,
    seed: Annotated[int, AtLeast(0)] = 0,
) -> Dataset:
    """Your own images: folder:PATH with train/CLASS/… and test/CLASS/…, or with CLASS/….

    Without a test folder a share `test` of each class is held out, chosen by `seed`; val/ or valid/
    stand in where there is no test/. Images are scaled to `size`. Mean and std are measured on the
    train split. Decoded images are cached until a file changes. Raises DataError where the folder
    or an image in it cannot be used.
    """
    tree = read_tree(path)
    if tree.test is None:
        train, held_out = _hold_out(tree, test, seed)
        words = f"{100 * test:g} % held out of each class, split seed {seed}"
    else:
        train, held_out = tree.train, tree.test
        words = f"own {tree.test_name}/ folder"
    splits = _decoded(tree.root, (train, held_out), size, channels, sources)
    mean, std = _statistics(splits[0].images)
    links = f", without {tree.outside} links that lead out of it" if tree.outside else ""
    return Dataset(
        name=f"folder:{path}",
        train=splits[0],
        test=splits[1],
        classes=tuple(quote(name)[1:-1] for name in tree.classes),
        mean=mean,
        std=std,
        augmentation="flip-crop",
        test_split=words,
        source=f"images in {quote(path)}{links}",
    )


def _hold_out(tree: ImageTree, share: float, seed: int) -> tuple[Files, Files]:
    """Train and test files: `share` of each class, at least one image, goes to test."""
    train, test = [], []
    for name, files in zip(tree.classes, tree.train, strict=True):
        if len(files) < 2:
            raise DataError(
                f"class {quote(name)} in {quote(tree.root)} has one image, too few for two splits",
                "add images to it, or remove the folder",
            )
        count = min(max(1, round(share * len(files))), len(files) - 1)
        raw = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(len(files))
        chosen = set(np.argsort(raw, kind="stable")[:count].tolist())
        train.append(tuple(file for index, file in enumerate(files) if index not in chosen))
        test.append(tuple(file for index, file in enumerate(files) if index in chosen))
    return tuple(train), tuple(test)


def _decoded(
    root: Path, parts: tuple[Files, Files], size: int, channels: int, sources: Sources
) -> Splits:
    """The splits, out of the cache where no file has changed since they were put there."""
    key = _key(root, parts, size, channels)
    cached = sources.cache / "folders" / f"{key}.npz"
    with contextlib.suppress(OSError, ValueError):
        splits, notes = read_splits(cached)
        if (notes.get("key"), notes.get("sha256")) == (key, fingerprint(splits)):
            return splits
    files = [file for part in parts for group in part for file in group]
    images = decode_images(files, root, size, channels)
    labels = [
        np.repeat(np.arange(len(part), dtype=np.int64), [len(group) for group in part])
        for part in parts
    ]
    end = len(labels[0])
    splits = Split(images[:end], labels[0]), Split(images[end:], labels[1])
    with contextlib.suppress(StoreError):  # without a cache it only takes longer the next time
        make_folder(cached.parent)
        write_splits(cached, splits, key=key, sha256=fingerprint(splits))
    return splits


def _key(root: Path, parts: tuple[Files, Files], size: int, channels: int) -> str:
    digest = hashlib.sha256(f"{_VERSION} {size} {channels}".encode())
    for number, part in enumerate(parts):
        for label, files in enumerate(part):
            for file in files:
                state = file.stat()
                name = file.relative_to(root).as_posix()
                digest.update(f"\0{number} {label} {state.st_size} {state.st_mtime_ns} ".encode())
                digest.update(name.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _statistics(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of each channel of images scaled to 0…1, four decimals, std at least 0.01."""
    values = np.arange(256) / 255
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = np.zeros(256, np.int64)
        for image in images[:, channel]:
            counts += np.bincount(image.ravel(), minlength=256)
        mean = float(counts @ values / counts.sum())
        variance = float(counts @ (values - mean) ** 2 / counts.sum())
        means.append(round(mean, 4))
        stds.append(round(max(variance**0.5, _LEAST_STD), 4))
    return tuple(means), tuple(stds)
