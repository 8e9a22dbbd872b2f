"""What a network must fit to be trained on a data set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.core.errors import UsageError, quote
from convcompare.core.registry import register
from convcompare.models.shape import Shape

if TYPE_CHECKING:
    from convcompare.core.config import TrainConfig
    from convcompare.data.dataset import Dataset


def shape_of(dataset: Dataset, config: TrainConfig | None = None) -> Shape:
    """What a network must fit to take a data set, resized if the configuration says so."""
    side = (config.image_size if config else None) or dataset.image_size
    return Shape(dataset.channels, side, len(dataset.classes))


def shape_for(name: str, image_size: int | None = None) -> Shape:
    """The same by the name of a data set; only a folder of images has to be opened.

    `image_size` replaces the side of its images, in pixels.
    """
    info = register.dataset[name.partition(":")[0]].info
    if info.get("image_size"):
        shape = Shape(info["channels"], info["image_size"], info["classes"])
    else:
        from convcompare.data.dataset import Sources
        from convcompare.data.load import default_cache, load_dataset

        shape = shape_of(load_dataset(name, Sources(default_cache())))
    return shape if image_size is None else replace(shape, image_size=image_size)


def check_fit(config: TrainConfig, dataset: Dataset) -> None:
    """Raise UsageError for a configuration that the data set cannot be trained with."""
    if config.batch_size > len(dataset.train):
        raise UsageError(
            f"a batch of {config.batch_size} is larger than the {len(dataset.train)} training "
            f"images of {quote(dataset.name)}",
            f"`--batch-size` takes at most {len(dataset.train)} here",
        )
