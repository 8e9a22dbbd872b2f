"""Convert images to another number of channels: repeat grey, average colour. numpy only."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from convcompare.core.errors import UsageError, quote
from convcompare.core.spec import Option, Spec

from .dataset import Dataset, Images, Split, statistics

OPTION = Option("channels", Literal[3, 1] | None, None)
"""Option of every data set that does not declare it: ``mnist:channels=3``."""
_AT_A_TIME = 4096
"""Images that are averaged at a time, to bound memory."""


def spec_with_channels(text: str, channels: int | None) -> str:
    """Return the spec of a data set with the option ``channels``; unchanged if that is None.

    Raises:
        UsageError: if the spec already has another number of channels.
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
    """Return `dataset` with 3 equal channels, or with 1, the rounded mean of its channels.

    Mean and std of a grey set apply to each channel; those of averaged images are measured on the
    training images. If `channels` is None or the current number, the data set is unchanged.

    Raises:
        UsageError: if `channels` is 3 and the images have neither 1 nor 3 channels.
    """
    if channels is None or channels == dataset.channels:
        return dataset
    if channels != 1 and dataset.channels != 1:
        raise UsageError(
            f"images of {dataset.channels} channels cannot be converted to {channels}",
            "`--channels 1` averages them",
        )
    change = _averaged if channels == 1 else partial(np.repeat, repeats=channels, axis=1)
    train, test = (Split(change(s.images), s.labels) for s in (dataset.train, dataset.test))
    mean, std = dataset.mean * channels, dataset.std * channels
    if channels == 1:
        mean, std = statistics(train.images)
    return replace(dataset, train=train, test=test, mean=mean, std=std)


def _averaged(images: Images) -> Images:
    """Return the rounded mean of the channels; halves are rounded to even, as numpy does."""
    found = np.empty((len(images), 1, *images.shape[2:]), np.uint8)
    for first in range(0, len(images), _AT_A_TIME):
        part = slice(first, first + _AT_A_TIME)
        found[part] = np.rint(images[part].mean(1, keepdims=True, dtype=np.float32))
    return found
