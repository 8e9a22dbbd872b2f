"""MACs and layers of torchvision's and timm's networks against published values and actual calls.

python benchmarks/library_counts.py torchvision
python benchmarks/library_counts.py timm

Everything runs on ``meta``: nothing is computed, and the figures do not depend on the machine. MACs
of torchvision are compared with its published ``_ops`` (10⁹ MACs, three decimals). timm publishes
none with its code: its MACs are compared with ``torch.utils.flop_counter``. The first and the last
layer are compared with the first and the last convolution or linear layer that is called.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convcompare.analysis.layer_summary import layer_table
from convcompare.analysis.receptive_field.meta_execution import WithoutInitialWeights
from convcompare.analysis.weight_layers import weight_layers
from convcompare.models.inspection import count_macs
from convcompare.models.torchvision_import import import_torchvision

TOLERANCE = 0.005
ROUNDING = 0.0005
"""Half of the last decimal of a published figure, in 10⁹ MACs."""
Network = tuple[str, nn.Module, int, float | None]
"""Name, network on ``meta``, image side, published 10⁹ MACs."""


def on_meta(build: Any) -> nn.Module:
    """Return the network on ``meta``, with real buffers if it computes layouts with them."""
    try:
        with torch.device("meta"):
            return build()
    except Exception:
        with WithoutInitialWeights(weights_only=True):
            return build().to("meta")


def of_torchvision() -> Iterator[Network]:
    """Iterate over torchvision's classification networks."""
    models = import_torchvision().models
    for name in models.list_models(module=models):
        published = next(iter(models.get_model_weights(name)))
        side = published.transforms.keywords["crop_size"]
        sized = {"image_size": side} if name.startswith("vit") else {}
        fixed = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        model = on_meta(lambda n=name, o={**sized, **fixed}: models.get_model(n, **o))
        yield name, model, side, published.meta["_ops"]


def of_timm() -> Iterator[Network]:
    """Iterate over the smallest network of each module of timm."""
    import_torchvision()
    import timm

    for module in timm.list_modules():
        names = [n for n in timm.list_models(module=module) if not n.startswith("test_")]
        for name in sorted(names, key=len)[:1]:
            config = timm.get_pretrained_cfg(name)
            side = config.input_size[1] if config else 224
            try:
                model = on_meta(lambda n=name: timm.create_model(n))
            except Exception as error:
                print(f"{name}: not built: {type(error).__name__}: {str(error)[:90]}")
                continue
            yield name, model, side, None


def faults(network: Network) -> Iterator[str]:
    """Iterate over the discrepancies of a network, one line each."""
    _, model, side, published = network
    images = torch.empty(2, 3, side, side, device="meta")
    found, _ = count_macs(model, images)
    if found.macs is None:
        yield f"not counted: {', '.join(found.uncounted)}"
        return
    expected = published if published is not None else theirs(model, images)
    off = abs(found.macs / 1e9 - expected)
    if off > max(TOLERANCE * expected, ROUNDING):
        yield f"{found.macs / 1e9:.4f}, not {expected:.4f} · 10⁹ MACs"
    rows = layer_table(model, images)
    if sum(row.macs or 0 for row in rows) != found.macs:
        yield "its rows do not add up to its MACs"
    if sum(row.parameters for row in rows) != sum(p.numel() for p in model.parameters()):
        yield "its rows do not add up to its parameters"
    layers = [weight.layer for weight in weight_layers(model.train(), images)]
    first, last = ends(model, images)
    if (layers[0], layers[-1]) != (first, last):
        yield f"layers {layers[0]} … {layers[-1]}, but called are {first} … {last}"


def theirs(model: nn.Module, images: Tensor) -> float:
    """Return 10⁹ MACs by torch's counter, which divides all operations by the images."""
    with torch.enable_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(images)
    return float(counter.get_total_flops() / 2 / len(images) / 1e9)


def ends(model: nn.Module, images: Tensor) -> tuple[str, str]:
    """Return the first and the last convolution or linear layer that is called."""
    called: list[str] = []
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
            module.register_forward_pre_hook(lambda *_, name=name: called.append(name))
    model(images)
    return called[0], called[-1]


def main() -> None:
    warnings.simplefilter("ignore")
    networks = of_timm() if sys.argv[1:] == ["timm"] else of_torchvision()
    good = total = 0
    for network in networks:
        total += 1
        try:
            found = list(faults(network))
        except Exception as error:
            found = [f"not examined: {type(error).__name__}: {str(error)[:90]}"]
        good += not found
        for fault in found:
            print(f"{network[0]}: {fault}", flush=True)
    print(f"{good} of {total} networks: MACs, rows and layers as they should be")


if __name__ == "__main__":
    main()
