"""Numbers of training images: the subset that is drawn, and what is held out of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from convcompare.core import formatting
from convcompare.core.config import TrainConfig
from convcompare.core.errors import UsageError, listed

Counts = npt.NDArray[np.int64]


def cut_counts(counts: Counts, images: int | None) -> Counts:
    """Return the images per class if `images` of them are drawn, balanced over the classes.

    A class with fewer images contributes all of them, and the others more. A remainder goes to the
    first classes, so that the numbers are the same for every seed. None keeps all images.
    """
    if images is None:
        return counts
    classes = np.repeat(np.arange(len(counts)), counts)
    rounds = np.concatenate([np.arange(count) for count in counts])
    drawn = classes[np.lexsort((classes, rounds))[:images]]
    return np.bincount(drawn, minlength=len(counts)).astype(np.int64)


def image_numbers(config: TrainConfig, labels: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Return the number of images that are trained on, and the number that are held out.

    Args:
        config: the training configuration, with `train_images` and `val_fraction`.
        labels: labels of the whole training split, int64 (n,).
    """
    counts, held_out = _by_class(config, labels)
    taken = int(held_out.sum())
    return int(counts.sum()) - taken, taken


def _by_class(config: TrainConfig, labels: npt.NDArray[np.int64]) -> tuple[Counts, Counts]:
    """Return the images per class that are drawn, and how many of them are held out."""
    counts = cut_counts(np.bincount(labels), config.train_images)
    # as `Batches.held_out` rounds: in float32
    held_out = np.rint(np.float32(config.val_fraction) * counts.astype(np.float32))
    return counts, held_out.astype(np.int64)


def cut_words(config: TrainConfig, labels: npt.NDArray[np.int64], sizes: Sequence[int] = ()) -> str:
    """Describe how the training images are drawn; empty if all images are used.

    Args:
        config: the training configuration.
        labels: labels of the whole training split, int64 (n,).
        sizes: numbers of images, if networks are trained on several.
    """
    if config.train_images is None:
        return f"images{_fewer(sizes)}, class-balanced, drawn by the seed" if sizes else ""
    counts = cut_counts(np.bincount(labels), config.train_images)
    uneven = " as far as the classes have images" if np.ptp(counts) > 1 else ""
    drawn = f"class-balanced{uneven}, drawn by the seed{_fewer(sizes)}"
    return f"of {formatting.count(len(labels))} images, {drawn}"


def _fewer(sizes: Sequence[int]) -> str:
    fewer = [formatting.count(images) for images in sorted(set(sizes))[:-1]]
    return f", and {', '.join(fewer)} of them" if fewer else ""


def check_cut(config: TrainConfig, labels: npt.NDArray[np.int64], classes: Sequence[str]) -> None:
    """Raise UsageError if the configured images cannot be drawn, or held out of those drawn."""
    images = config.train_images
    if images is not None and not len(classes) <= images <= len(labels):
        few = f"fewer than the {len(classes)} classes" if images < len(labels) else "too many"
        raise UsageError(
            f"`train_images` {images:,} is {few}",
            f"a number from {len(classes):,} to {len(labels):,}, all training images",
        )
    check_held_out(config.val_fraction, image_numbers(config, labels))
    counts, held_out = _by_class(config, labels)
    if emptied := np.flatnonzero((counts == held_out) & (counts > 0)).tolist():
        raise UsageError(
            f"`val_fraction` {config.val_fraction:g} holds out every training image of "
            f"{listed([classes[i] for i in emptied], 3)}",
            "a smaller share, or more images of them",
        )


def check_held_out(fraction: float, images: tuple[int, int]) -> None:
    """Raise UsageError if a share of the images leaves nothing to train on, or to select by.

    Args:
        fraction: share that is held out of each class.
        images: number of images left, and number held out.
    """
    if fraction and not all(images):
        raise UsageError(
            f"`val_fraction` {fraction:g} of {sum(images)} images holds out "
            f"{'none' if images[0] else 'all of them'}",
            "a share such as 0.1",
        )
