"""Images with another number of channels: grey ones repeated, colour ones averaged. numpy only."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from convcompare.core.errors import UsageError, quote
from convcompare.core.spec import Option, Spec

from .dataset import Dataset, Images, Split, statistics

OPTION = Option("channels", Literal[3, 1] | None, None)
"""The option of every data set that has none of its own: ``mnist:channels=3``."""
_AT_A_TIME = 4096


def spec_with_channels(text: str, channels: int | None) -> str:
    """The spec of a data set with ``channels`` among its options; as it is for None.

    Raises UsageError for a spec that has another number already.
    """
    if channels is None:
        return text
    spec = Spec.parse(text)
    named = dict(spec.options).get("channels", str(channels))
    if named != str(channels):
        raise UsageError(
            f"{quote(text)} and `--channels {channels}` cannot be combined", "leave out one of them"
        )
    options = [pair for pair in spec.options if pair[0] != "channels"]
    return str(Spec(spec.name, (*options, ("channels", str(channels)))))


def with_channels(dataset: Dataset, channels: int | None) -> Dataset:
    """`dataset` with 3 equal channels, or with 1 that is the mean of its channels, rounded.

    Mean and std follow: those of a grey set count for each channel; those of the averaged training
    images are measured. As it is for None or the number that it has. Raises UsageError for 3 of
    images that are neither grey nor of 3 channels.
    """
    if channels is None or channels == dataset.channels:
        return dataset
    if channels != 1 and dataset.channels != 1:
        raise UsageError(
            f"images of {dataset.channels} channels cannot be converted to {channels}",
            "`--channels 1` averages them",
        )
    change = _repeated if channels != 1 else _averaged
    train, test = (Split(change(s.images), s.labels) for s in (dataset.train, dataset.test))
    mean, std = dataset.mean * channels, dataset.std * channels
    if channels == 1:
        mean, std = statistics(train.images)
    return replace(dataset, train=train, test=test, mean=mean, std=std)


def _repeated(images: Images) -> Images:
    return np.repeat(images, 3, axis=1)


def _averaged(images: Images) -> Images:
    """The mean of the channels; halves are rounded to even, as numpy does."""
    found = np.empty((len(images), 1, *images.shape[2:]), np.uint8)
    for first in range(0, len(images), _AT_A_TIME):
        part = slice(first, first + _AT_A_TIME)
        found[part] = np.rint(images[part].mean(1, keepdims=True, dtype=np.float32))
    return found
