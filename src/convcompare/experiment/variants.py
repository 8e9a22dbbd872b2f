"""Variants of a network: at each learning rate of a grid, or on each number of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convcompare.comparison.comparison import SizedNetwork
from convcompare.core.config import HOLD_OUT_HINT, TrainConfig
from convcompare.core.errors import UsageError

from .request import ModelRequest


def at_each_rate(
    models: Sequence[ModelRequest], configs: Sequence[TrainConfig], rates: Sequence[str]
) -> tuple[list[ModelRequest], list[TrainConfig], dict[str, list[str]]]:
    """Return every network at every learning rate, and the labels of each network's variants.

    Raises:
        UsageError: if no images are held out to choose between the rates.
    """
    if not rates:
        return [*models], [*configs], {}
    if not all(config.val_fraction for config in configs):
        raise UsageError("a learning rate cannot be selected by the test images", HOLD_OUT_HINT)
    labels = {one.label: [f"{one.label} lr={rate}" for rate in rates] for one in models}
    at_rates = [replace(one, label=label) for one in models for label in labels[one.label]]
    tuned = [config.replace({"lr": rate}) for config in configs for rate in rates]
    return at_rates, tuned, labels


def at_each_size(
    models: Sequence[ModelRequest], configs: Sequence[TrainConfig], sizes: Sequence[str]
) -> tuple[list[ModelRequest], list[TrainConfig], tuple[SizedNetwork, ...]]:
    """Return every network on each number of training images, in the order of `sizes`."""
    if not sizes:
        return [*models], [*configs], ()
    found: list[SizedNetwork] = []
    on_sizes, cut = [], []
    for size in sizes:
        for one, config in zip(models, configs, strict=True):
            setting = config.replace({"train_images": size})
            label = f"{one.label} n={size}"
            found.append(SizedNetwork(label, one.label, setting.train_images or 0))
            on_sizes.append(replace(one, label=label))
            cut.append(setting)
    return on_sizes, cut, tuple(found)
