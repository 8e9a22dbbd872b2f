"""Networks of libraries, ``torchvision:resnet18`` and ``timm:NAME``, with their own options.

``weights=FILE`` sets initial weights from a file; ``weights=DEFAULT`` (torchvision) and
``pretrained=true`` (timm) use published ones.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

from convcompare.core.errors import ModelError, did_you_mean, quote
from convcompare.core.spec import Option

from . import published_weights
from .shape import Shape
from .torchvision_import import import_torchvision
from .weights_file import SUFFIXES, WeightsFile, local_file

Loaded = tuple[Callable[..., Any], dict[str, Option], str]
"""A function that builds the network, its options, and a hash of the library's version."""

_CONTEXT = ("num_classes", "num_channels", "in_chans", "image_size", "img_size")
_SINGLE_OUTPUT = {"aux_logits": False, "init_weights": True}
"""Options of GoogLeNet and Inception: only logits in training, no warning about future defaults."""


def is_library(name: str) -> bool:
    """Return whether the name in a spec has the form ``torchvision:NAME`` or ``timm:NAME``."""
    return name.partition(":")[0] in ("torchvision", "timm") and ":" in name


def load_library(name: str) -> Loaded:
    """Return how to build the network `name`.

    Raises:
        ModelError: if there is no such library or network.
    """
    library, _, network = name.partition(":")
    return _torchvision(network) if library == "torchvision" else _timm(network)


def library_weights(name: str, values: Mapping[str, Any]) -> WeightsFile | None:
    """Return the initial weights that a network's options select; None for random ones.

    Published weights are downloaded unless they are cached.

    Args:
        name: the network's name in its spec.
        values: the network's options.

    Raises:
        ModelError: if there are no such weights, or two sets are selected.
        DataError: if they cannot be downloaded.
    """
    library, _, network = name.partition(":")
    file, published = values.get("weights"), values.get("pretrained", False)
    if file is not None and published:
        raise ModelError(
            f"{quote(name)} cannot start from two sets of weights", "leave `pretrained` out"
        )
    if library == "timm":
        how = _timm_fit(network) if file is not None or published else {}
        if published:
            return published_weights.timm_weights(network, **how)
        return None if file is None else local_file(file, **how)
    if file is None or str(file).endswith(SUFFIXES):
        return None if file is None else local_file(file)
    models = import_torchvision().models
    return published_weights.torchvision_weights(network, file, models)


def _timm_fit(network: str) -> dict[str, Any]:
    """Return the fields of a `WeightsFile` that fit weights as timm's own loading does."""
    library = importlib.import_module("timm")
    module = sys.modules[library.model_entrypoint(network).__module__]
    found = library.get_pretrained_cfg(network)
    first = getattr(found, "first_conv", None) or ()
    first = (first,) if isinstance(first, str) else first
    return {
        "renamed": getattr(module, "checkpoint_filter_fn", None),
        "inputs": tuple(f"{layer}.weight" for layer in first),
        "adapt": importlib.import_module("timm.models").adapt_input_conv,
    }


def default_shape(name: str) -> Shape | None:
    """Return the shape for which a library designed a network; None if it is not known.

    For torchvision that of the smallest crop of its published weights, for timm that of its
    ``default_cfg``.
    """
    library, _, network = name.partition(":")
    if not is_library(name):
        return None
    try:
        return _torchvision_shape(network) if library == "torchvision" else _timm_shape(network)
    except Exception:  # a network without published weights, or no such library
        return None


def _torchvision_shape(network: str) -> Shape | None:
    published = list(import_torchvision().models.get_model_weights(network))
    sides = [int(weights.transforms().crop_size[0]) for weights in published]
    return Shape(3, min(sides), len(published[0].meta["categories"])) if sides else None


def _timm_shape(network: str) -> Shape | None:
    import_torchvision()
    library = importlib.import_module("timm")
    found = library.get_pretrained_cfg(network)
    if found is None:
        return None
    channels, height, width = found.input_size
    return Shape(int(channels), max(int(height), int(width)), int(found.num_classes or 1000))


def _torchvision(name: str) -> Loaded:
    library = import_torchvision()
    known = library.models.list_models(module=library.models)
    if name not in known:
        raise ModelError(
            f"torchvision has no network {quote(name)}",
            did_you_mean(name, known) or f"it has {len(known)}, such as resnet18, vgg16, vit_b_16",
        )
    builder = library.models.get_model_builder(name)
    declared = _parameters_of_network(builder)
    fixed = {key: value for key, value in _SINGLE_OUTPUT.items() if key in declared}

    def build(in_channels: int, image_size: int, num_classes: int, **options: Any) -> Any:
        if in_channels != 3:
            raise ModelError(
                f"`torchvision:{name}` takes images of 3 channels, not of {in_channels}",
                "`--channels 3` repeats grey images",
            )
        sized: dict[str, Any] = {"image_size": image_size} if "image_size" in declared else {}
        if "input_size" in declared:  # MaxViT derives its windows from it
            sized = {"input_size": (image_size, image_size)}
        if options.pop("weights", None) and "transform_input" in declared:
            options.setdefault("transform_input", True)  # as with torchvision's own loading
        return builder(num_classes=num_classes, **{**sized, **fixed, **options})

    options = {"weights": Option("weights", str | None, None), **_options(declared)}
    return build, options, _version("torchvision", library)


def _timm(name: str) -> Loaded:
    import_torchvision()  # timm imports it too and would fail at its missing operators
    try:
        library = importlib.import_module("timm")
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise ModelError(f"`timm:{name}` needs timm", "pip install timm") from None
    if not library.is_model(name):
        raise ModelError(
            f"timm has no network {quote(name)}",
            did_you_mean(name, library.list_models()) or "`timm.list_models()` lists them",
        )
    declared = _parameters_of_network(library.model_entrypoint(name))

    def build(in_channels: int, image_size: int, num_classes: int, **options: Any) -> Any:
        sized = {"img_size": image_size} if "img_size" in declared else {}
        options = {n: v for n, v in options.items() if n not in beginning}
        context = {"in_chans": in_channels, "num_classes": num_classes, **sized}
        return library.create_model(name, **context, **options)

    beginning = {
        "pretrained": Option("pretrained", bool, False),
        "weights": Option("weights", str | None, None),
    }
    options = beginning | _options(declared)
    return build, options, _version("timm", library)


def _parameters_of_network(builder: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of the class that a builder is annotated to return."""
    try:
        network = inspect.signature(builder, eval_str=True).return_annotation
    except NameError:
        return {}
    if not inspect.isclass(network) or network is inspect.Signature.empty:
        return {}
    return dict(inspect.signature(network).parameters)


def _options(declared: dict[str, inspect.Parameter]) -> dict[str, Option]:
    """Return the parameters that a spec can set: those with a number, bool or text as default."""
    return {
        name: Option(name, type(parameter.default), parameter.default)
        for name, parameter in declared.items()
        if isinstance(parameter.default, (bool, int, float, str)) and name not in _CONTEXT
    }


def _version(name: str, library: Any) -> str:
    return hashlib.sha256(f"{name} {library.__version__}".encode()).hexdigest()
