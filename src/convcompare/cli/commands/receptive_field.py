"""``convcompare receptive-field``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from convcompare.core.errors import UsageError
from convcompare.experiment.foreign_code import call, start
from convcompare.experiment.request import no_network
from convcompare.experiment.shapes import shape_for_network
from convcompare.output.tables.formats import Format, check_format, chosen_format

from .. import options as o
from ..arguments import parse_channels
from ..output import emit_json, emit_table

if TYPE_CHECKING:
    from convcompare.models.shape import Shape

FIELD = "Field"
EFFECTIVE = "Effective field"

Dataset = Annotated[
    str | None,
    o.option(
        "--dataset",
        "-d",
        panel=FIELD,
        help="Data set: image size, and images of --effective [default: cifar10, noise].",
    ),
]
ImageSize = Annotated[
    int | None,
    o.option(
        "--image-size",
        "-i",
        panel=FIELD,
        min=1,
        help="Side of the images [default: that of the data set or library].",
    ),
]
Channels = Annotated[
    str | None,
    o.option(
        "--channels",
        panel=FIELD,
        help="Channels of the images, 1 or 3 [default: those of the data set].",
    ),
]
Layers = Annotated[
    bool, o.option("--layers", panel=FIELD, help="Show every layer, of large networks too.")
]
Effective = Annotated[
    bool,
    o.option(
        "--effective", panel=EFFECTIVE, help="Measure the effective field of the central unit."
    ),
]
Layer = Annotated[
    str | None,
    o.option(
        "--layer",
        panel=EFFECTIVE,
        help="Layer of the effective field [default: the last with feature maps].",
    ),
]
Images = Annotated[
    int, o.option("--images", panel=EFFECTIVE, min=1, help="Images to average over [default: 32].")
]
Measure = Annotated[
    str,
    o.option(
        "--measure",
        panel=EFFECTIVE,
        help="Gradient measure: squared or absolute [default: squared].",
    ),
]
Seed = Annotated[
    int,
    o.option(
        "--seed", "-s", panel=EFFECTIVE, min=0, help="Seed of weights and noise [default: 0]."
    ),
]
Run = Annotated[
    str | None,
    o.option(
        "--run", panel=EFFECTIVE, help="Use the final weights of a run, by the beginning of its id."
    ),
]
Out = Annotated[
    Path | None,
    o.option(
        "--out",
        "-o",
        panel=o.OUTPUT,
        help="File for the result; with --effective the folder of figures "
        "[default: convcompare-figures].",
    ),
]


def receptive_field(
    models: o.OptionalModels = None,
    dataset: Dataset = None,
    image_size: ImageSize = None,
    channels: Channels = None,
    layers: Layers = False,
    effective: Effective = False,
    layer: Layer = None,
    images: Images = 32,
    measure: Measure = "squared",
    seed: Seed = 0,
    run: Run = None,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    format: o.Format = "table",
    out: Out = None,
) -> None:
    """Show the exact receptive field of every layer: size, stride and start.

    $ convcompare receptive-field cnn:depth=6 residual
    $ convcompare receptive-field torchvision:resnet50 --image-size 224
    $ convcompare receptive-field plain-20 resnet-20 --effective --image-size 96
    """
    kind = check_format(format)
    requested_channels = parse_channels(channels)
    if effective:
        from .effective_field import FieldRequest, perform

        request = FieldRequest(
            tuple(models or ()), dataset, image_size, requested_channels, layer, images, measure,
            seed, run, store, data_dir, out or Path("convcompare-figures"), kind,
        )  # fmt: skip
        perform(request)
        return
    if run is not None or layer is not None:
        option = "--run" if run is not None else "--layer"
        raise UsageError(f"`{option}` goes with `--effective`", "the exact field needs no weights")
    if not models:
        raise no_network()
    kind = chosen_format(format, out)
    start(models)
    shapes = {
        model: shape_for_network(model, dataset, image_size, requested_channels) for model in models
    }
    _exact(shapes, layers, kind, out)


def _exact(shapes: Mapping[str, Shape], layers: bool, kind: Format, out: Path | None) -> None:
    from convcompare.analysis.receptive_field.of_network import field_of_spec
    from convcompare.output.tables.receptive_field_table import csv_table, field_table, to_json

    fields = {model: call(model, field_of_spec, model, shape) for model, shape in shapes.items()}
    if kind == "json":
        rows = [to_json(model, found) for model, found in fields.items()]
        emit_json({"models": rows}, out)
    elif kind == "csv":
        emit_table(csv_table(fields), kind, out)
    else:
        sides = dict.fromkeys(f"{s.image_size}×{s.image_size}" for s in shapes.values())
        emit_table(field_table(fields, layers, " and ".join(sides)), kind, out)
