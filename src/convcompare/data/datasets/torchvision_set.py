"""Any classification set of torchvision.datasets, by the name of its class."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from convcompare.core.errors import (
    DataError,
    ModelError,
    UsageError,
    did_you_mean,
    quote,
    shortened,
)
from convcompare.core.failures import reason
from convcompare.core.registry import register
from convcompare.store import atomic_files

from ..dataset import Dataset, Seed, Share, Side, Sources
from ..gathered import gathered
from ..given_arrays import common_classes
from ..hold_out import HoldOut
from ..sources.image_stack import ImageStack

_NO_CLASSES: Mapping[str, str] = {
    "boxes, masks or texts": "CocoCaptions CocoDetection Cityscapes Flickr8k Flickr30k Kitti "
    "SBDataset SBU VOCDetection VOCSegmentation WIDERFace",
    "several attributes": "CelebA",
    "pairs of images": "LFWPairs PhotoTour",
    "videos": "HMDB51 Kinetics MovingMNIST UCF101",
    "optical flow": "FlyingChairs FlyingThings3D HD1K KittiFlow Sintel",
    "disparities": "CarlaStereo CREStereo ETH3DStereo FallingThingsStereo InStereo2k "
    "Kitti2012Stereo Kitti2015Stereo Middlebury2014Stereo SceneFlowStereo SintelStereo",
}
"""Data sets without one class per image, by what they have instead."""
_OTHER = ("DatasetFolder", "ImageFolder", "LSUNClass", "VisionDataset")
"""Classes of ``torchvision.datasets`` that are not data sets."""
_TRAIN = ("train", "trainval", "train-standard")
"""Names of training splits in order of preference."""
_TEST = ("test", "val", "valid")
"""Names of test splits in order of preference."""


class _NoSplit(Exception):
    """Raised if a data set has no split of a name."""


@register.dataset("torchvision", source="torchvision.datasets")
def torchvision_set(
    sources: Sources,
    path: str = "",
    size: Side | None = None,
    test: Share = 0.2,
    seed: Seed = 0,
) -> Dataset:
    """Any classification set of torchvision: torchvision:GTSRB:size=32.

    Files are read from the data folder, or downloaded by torchvision into the cache. The test split
    is the official one, else the validation split, else a share `test` of each class, selected by
    `seed`. `size` scales the square in the middle of each image, for images of several sizes. Mean
    and std are measured on the train split.
    """
    name = f"torchvision:{path}"
    kind = _class_named(path)
    train, split = _first(kind, path, sources, _TRAIN)
    tested, split = (None, "") if not split else _first(kind, path, sources, _TEST)
    total = len(train) + (len(tested) if tested is not None else 0)
    stack = ImageStack(name, total, size)
    labels = [*_labels(stack, name, train)]
    if tested is not None:
        common_classes(train, tested)
        labels += _labels(stack, name, tested)
    words, classes = f"official {split} split", _classes(train, labels)
    return gathered(stack, labels, len(train), words, HoldOut(test, seed), classes)


def _class_named(name: str) -> Any:
    """Return a class of ``torchvision.datasets``.

    Raises UsageError if there is no such data set or it has no classes, DataError if torchvision is
    not installed.
    """
    from convcompare.models.torchvision_import import import_torchvision

    try:
        library = import_torchvision("torchvision.datasets")
    except ModelError as error:
        raise DataError(error.message, error.hint) from None
    refused = {one: what for what, names in _NO_CLASSES.items() for one in names.split()}
    if name in refused:
        raise UsageError(
            f"torchvision:{name} has {refused[name]}, not one class per image",
            "networks are compared on images of classes",
        )
    if name in _OTHER:
        raise UsageError(f"torchvision:{name} is not a data set", "`folder:PATH` reads your images")
    known = [one for one in library.__all__
             if one[0].isupper() and one not in refused and one not in _OTHER]  # fmt: skip
    if name == "EMNIST":
        raise UsageError("torchvision:EMNIST has several sets", "`emnist:split=balanced`")
    if name not in known:
        raise UsageError(
            f"torchvision has no data set {quote(name)}",
            did_you_mean(name, known) or f"it has {', '.join(sorted(known))}",
        )
    return getattr(library, name)


def _first(kind: Any, name: str, sources: Sources, splits: Sequence[str]) -> tuple[Any, str]:
    """Return the first split with classes and its name; all images and "" if there are no splits.

    Some have no classes, as the test split of CLEVR; if no split has, the first is returned.
    """
    parameters = inspect.signature(kind.__init__).parameters
    if "train" in parameters:
        split = splits[0]
        return _made(kind, name, sources, {"train": split == "train"}), split
    if "split" not in parameters:
        return _made(kind, name, sources, {}), ""
    found = []
    for split in splits:
        with contextlib.suppress(_NoSplit):
            found.append((_made(kind, name, sources, {"split": split}), split))
            if _has_classes(found[-1][0]):
                return found[-1]
    if found:
        return found[0]
    raise DataError(f"torchvision:{name} has no {splits[0]} split", "choose another data set")


def _made(kind: Any, name: str, sources: Sources, which: Mapping[str, Any]) -> Any:
    """Load a split from the data folder or the cache, else download it into the cache."""
    parameters = inspect.signature(kind.__init__).parameters
    cache = sources.cache / "torchvision"
    downloads = "download" in parameters and not sources.offline
    tries: list[dict[str, Any]] = [
        {"root": str(root)} for root in (sources.data_dir, cache) if root
    ]
    tries += [{"root": str(cache), "download": True}] if downloads else []
    failed: Exception | None = None
    for options in tries if "root" in parameters else [{}]:
        try:
            if options.get("download"):
                atomic_files.make_folder(cache)
                if not sources.quiet:
                    print(f"torchvision downloads {name}", file=sys.stderr, flush=True)
            with contextlib.redirect_stdout(sys.stderr):
                return kind(**which, **options)
        except Exception as error:  # the code of a data set may raise any error
            if isinstance(error, ValueError) and "Unknown value" in str(error):
                raise _NoSplit from None
            failed = error
    assert failed
    where = quote(sources.data_dir or cache)
    hint = f"put its files into {where}, as torchvision lays them out (`--data-dir DIR`)"
    for cause in (failed, failed.__context__):
        if isinstance(cause, ImportError):
            hint = f"pip install {cause.name}"
    raise DataError(f"torchvision cannot load {name}: {reason(failed)}", hint) from failed


def _labels(stack: ImageStack, name: str, items: Any) -> Iterator[int]:
    """Yield the labels of a split while adding its images to the stack."""
    for index in range(len(items)):
        try:
            item = items[index]
        except Exception as error:  # the code of a data set may raise any error
            raise DataError(
                f"image {index} of {quote(name)} cannot be read: {reason(error)}",
                "remove its files, so that they are downloaded again",
            ) from error
        pair: tuple[Any, Any] = (None, None)
        image, label = item if isinstance(item, tuple) and len(item) == 2 else pair
        if not hasattr(image, "mode") or not _is_class(label):
            raise DataError(
                f"{quote(name)} has no images with one class each",
                "networks are compared on images of classes",
            )
        stack.add(image)
        yield int(label)


def _has_classes(items: Any) -> bool:
    """Return whether a split has images, the first of them with a class if it can be read."""
    with contextlib.suppress(Exception):  # reported when the images are read
        item = items[0] if len(items) else None
        return isinstance(item, tuple) and _is_class(item[-1])
    return True


def _is_class(label: Any) -> bool:
    if isinstance(label, bool) or label is None:
        return False
    array = np.asarray(label)
    return array.ndim == 0 and array.dtype.kind in "iu"


def _classes(items: Any, labels: Sequence[int]) -> list[str]:
    """Return the class names of a data set; empty if it has none."""
    names = getattr(items, "classes", None) or getattr(items, "categories", None)
    if not isinstance(names, list | tuple) or len(names) <= max(labels, default=0):
        return []
    words = [one[0] if isinstance(one, tuple) and one else one for one in names]
    return [*map(shortened, words)]
