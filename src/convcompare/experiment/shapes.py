"""Input and output shape of networks for a data set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.core.errors import UsageError, quote
from convcompare.core.registry import register
from convcompare.core.spec import Spec
from convcompare.models.shape import Shape

if TYPE_CHECKING:
    from convcompare.core.config import TrainConfig
    from convcompare.data.dataset import Dataset


def shape_of(dataset: Dataset, config: TrainConfig | None = None) -> Shape:
    """Return the shape that a data set requires, resized if the configuration says so."""
    side = (config.image_size if config else None) or dataset.image_size
    return Shape(dataset.channels, side, len(dataset.classes))


def shape_for(name: str, image_size: int | None = None, channels: int | None = None) -> Shape:
    """Return the shape that a data set requires, by its name; only a folder of images is opened.

    Args:
        name: Spec of the data set.
        image_size: Side in pixels to use instead of that of the images.
        channels: Channels to use instead of those of the images.
    """
    from convcompare.data.channels import spec_with_channels

    name = spec_with_channels(name, channels)
    info = register.dataset[name.partition(":")[0]].info
    if info.get("image_size"):
        options = dict(Spec.parse(name).options)
        settings = [f"{option}={value}" for option, value in options.items()]
        counts = [info.get("classes_of", {}).get(setting) for setting in settings]
        classes = next(filter(None, counts), info["classes"])
        channels = int(options.get("channels", info["channels"]))
        shape = Shape(channels, info["image_size"], classes)
    else:
        from convcompare.data.load import default_sources, load_dataset

        shape = shape_of(load_dataset(name, default_sources()))
    return shape if image_size is None else replace(shape, image_size=image_size)


def shape_for_network(
    spec: str,
    dataset: str | None,
    image_size: int | None = None,
    channels: int | None = None,
    otherwise: str = "cifar10",
) -> Shape:
    """Return the shape for inspecting a network: that of the data set, if one is named.

    Without one, a library network has its own (``torchvision:vit_b_16``: 224×224), and every other
    network that of the data set `otherwise`.
    """
    from convcompare.models.library_network import default_shape

    own = default_shape(Spec.parse(spec).name) if dataset is None else None
    if own is None:
        return shape_for(dataset or otherwise, image_size, channels)
    return replace(
        own, image_size=image_size or own.image_size, in_channels=channels or own.in_channels
    )


def check_fit(config: TrainConfig, dataset: Dataset) -> None:
    """Raise UsageError if the configuration cannot train on the data set."""
    from convcompare.data.training_cut import check_cut

    check_cut(config, dataset.train.labels, dataset.classes)
    images = config.train_images or len(dataset.train)
    if config.batch_size > images:
        raise UsageError(
            f"a batch of {config.batch_size} is larger than the {images} training "
            f"images of {quote(dataset.name)}",
            f"`--batch-size` takes at most {images} here",
        )
