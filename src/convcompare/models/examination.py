"""Examination of a user's network before training, for faults that make its figures mislead.

All checks run on copies, with images of normal noise, on the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from convcompare.core.errors import listed, quote

from .equality import SAME, close, difference, equal, nearly_equal
from .findings import PRETRAINED, Found
from .gradient_check import inexact_gradients
from .hidden_state import Build, hidden_state
from .inspection import calls_seen, count_macs
from .interface import copied, in_mode, is_contiguous, output_of
from .peak_memory import images_with_room, memory_of_pass
from .randomness import noise, seeded, states
from .shape import Shape

PERTURBATION = 2
"""Seed of the noise that is added to weights; images have 0 and 1, and must not equal it."""
IMAGES, FEW = 8, 4
"""Images per check, and per check of a large network: without gradients, FEW images take about as
much memory as the two images of a training pass."""
LARGE = 300_000_000
"""Multiply-accumulates per image above which a network is large."""
PROBABILITY_ERROR = 1e-4
"""Tolerance for the sum of a row of probabilities, which is 1."""
ROUNDING = 1e-6
"""Largest difference, relative to the largest value, between outputs that rounding alone sets
apart."""
PRETRAINED_SHARE = 0.5
"""Share of the weight tensors from which those equal under every seed count as pretrained; a table
of positions or a first layer of known filters is a smaller share."""
FEW_VALUES = 16
"""Largest number of different values in a parameter that is initialised by a rule, such as to 0, to
1 or to the identity."""


def examine(build: Build, shape: Shape, macs: int | None) -> tuple[Found, ...]:
    """Return the findings about a network.

    Args:
        build: builds the network on the CPU.
        shape: channels and side of the images, and the number of classes.
        macs: multiply-accumulates per image; None if they are not known.
    """
    model = build(0)
    images = _images(model, shape, macs)
    batches = [noise(shape, images, seed) for seed in range(2)]
    found = [*_of_initialisation(build, model), *_of_outputs(model, batches)]
    found += _of_a_training_pass(model, batches[0])
    found += [Found("varying cost")] if _cost_varies(model, batches) else []
    found += inexact_gradients(_perturbed(model), batches[0][: images // 4])
    if Found("varying layers") not in found:
        found += hidden_state(build, batches[0])
    found += [Found("contiguous")] if is_contiguous(model) else []
    return tuple(found)


def _images(model: nn.Module, shape: Shape, macs: int | None) -> int:
    """Return the number of images per check: fewer for large networks or little memory."""
    if macs is None or macs > LARGE:
        return FEW
    with torch.no_grad(), seeded(0):
        each = memory_of_pass(in_mode(copied(model), False), noise(shape, 2, 0))
    return max(FEW, images_with_room(each, IMAGES))


def _of_initialisation(build: Build, model: nn.Module) -> Iterator[Found]:
    """Yield a finding unless the seed, and only the seed, determines the initial weights."""
    another = build(1)
    first, again, other = model.state_dict(), build(0).state_dict(), another.state_dict()
    if not _sizes(first) == _sizes(again) == _sizes(other):
        yield Found("varying layers")
    elif not equal(first, again):
        yield Found("rounded weights" if nearly_equal(first, again) else "unseeded weights")
    elif first and equal(first, other):
        yield Found("same weights")
    else:
        kept = [_is_kept(*pair) for pair in _weights(model, another)]
        if sum(kept) >= max(1, PRETRAINED_SHARE * len(kept)):
            yield Found(PRETRAINED, f"{sum(kept)} of {len(kept)} weight tensors")


def _weights(*models: nn.Module) -> Iterator[tuple[nn.Parameter, ...]]:
    """Yield tuples of the same parameter of each network, without biases and other vectors."""
    for alike in zip(*(model.parameters() for model in models), strict=True):
        if alike[0].ndim > 1:
            yield alike


def _is_kept(one: Tensor, other: Tensor) -> bool:
    """Return whether a parameter is the same under another seed and not set by a rule."""
    some = one.detach().flatten()[:1000]
    return len({*some.tolist()}) > FEW_VALUES and torch.equal(one, other)


def _sizes(state: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(value, "shape", None) for name, value in state.items()}


def _of_outputs(model: nn.Module, batches: list[Tensor]) -> Iterator[Found]:
    plain = [_evaluated(model, images) for images in batches]
    if not all(bool(output.isfinite().all()) for output in plain):
        yield Found("not finite")
        return
    perturbed = _perturbed(model)  # a last layer that starts at zero would hide the others
    with suppress(Exception):  # runs evaluate after training, which may complete the setup
        _outputs(in_mode(perturbed, True), batches[1])
    trained = [_evaluated(model, images, training=True) for images in batches]
    bright = 100 * batches[0]
    if _are_all_probabilities(plain, _evaluated(perturbed, bright)) or _are_all_probabilities(
        trained, _evaluated(perturbed, bright, training=True)
    ):
        yield Found("probabilities")
    elif all(_is_bounded(_evaluated(_perturbed(model, n), batches[0])) for n in (100, 0.01)):
        yield Found("bounded")
    images = batches[0]
    first, again = _evaluated(perturbed, images, seed=0), _evaluated(perturbed, images, seed=1)
    if not first.isfinite().all():
        return
    if not close(first, again):
        yield Found("random evaluation")
    elif (differs := _difference_of_images(first)) <= SAME:
        passes = (_evaluated(perturbed, images, training=True) for images in batches)
        differs = max(difference(*passes), differs)  # BatchNorm's statistics are initial; or NaN
        if differs <= ROUNDING:
            yield Found("constant", _last_that_differs(perturbed, images))
        elif differs <= SAME:
            yield Found("faint", f"differences up to {100 * differs:.1g} %")
    else:
        used = in_mode(copied(perturbed), False)
        _outputs(used, batches[1])
        if not close(first, _outputs(used, images)):
            yield Found("batch")
            return
        with suppress(Exception):  # some networks accept only certain batch sizes
            if not close(first[1:-1], _evaluated(perturbed, images[1:-1])):  # without ends
                yield Found("batch")


def _last_that_differs(model: nn.Module, images: Tensor) -> str:
    """Return, in words, the last layer whose output differs between images; empty if none does."""
    names = [""]

    def record(name: str, module: nn.Module, given: Any, named: Any, output: Any) -> None:
        real = isinstance(output, Tensor) and output.is_floating_point() and output.numel() > 0
        per_image = real and output.ndim > 1 and len(output) == len(images)
        if per_image and _difference_of_images(output) > ROUNDING:
            names.append(name)

    model = in_mode(copied(model), False)
    with calls_seen(model.named_modules(), record):
        _outputs(model, images)
    return names[-1] and f"that of {quote(names[-1])} still differs"


def _of_a_training_pass(model: nn.Module, images: Tensor) -> Iterator[Found]:
    """Yield findings about a training pass: its precision, and what it sets: the mode, seeds."""
    kinds: dict[str, None] = {}

    def record(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            kinds[str(output.dtype).removeprefix("torch.")] = None

    model = in_mode(copied(model), True)
    training = [module for module in model.modules() if module.training]
    for module in model.modules():
        if module is model or any(True for _ in module.parameters(recurse=False)):
            module.register_forward_hook(record)
    _outputs(model, images)
    if others := [name for name in kinds if name != "float32"]:
        yield Found("own precision", listed(others))
    if not all(module.training for module in training):
        yield Found("own mode")
    if _seeds_itself(in_mode(model, True), images):
        yield Found("own seed")


def _seeds_itself(model: nn.Module, images: Tensor) -> bool:
    """Return whether a pass leaves a global generator in the same state under another seed."""
    ends = []
    for seed in range(2):
        with model.register_forward_hook(lambda *_: ends.append(states())):
            _outputs(model, images, seed)
    return any(one == other for one, other in zip(ends[0], ends[-1], strict=True))


def _cost_varies(model: nn.Module, batches: list[Tensor]) -> bool:
    """Return whether the MACs depend on the images, or on weights that make outputs extreme."""
    networks, images = (model, _perturbed(model, times=100)), [one[:1] for one in batches]
    images.append(torch.zeros_like(images[0]))  # `Description.macs` are counted on zeros
    return len({count_macs(one, some)[0].counted for one in networks for some in images}) > 1


def _are_all_probabilities(outputs: list[Tensor], extreme: Tensor) -> bool:
    """Return whether outputs are probabilities: of a softmax or of a sigmoid.

    Rows of a softmax sum to 1; values of a sigmoid stay between 0 and 1 for any image.

    Args:
        outputs: outputs (n, classes) of several batches.
        extreme: outputs (n, classes) of other weights for bright images.
    """
    if all(map(_are_probabilities, outputs)):
        return True
    inside = all(bool(((output > 0) & (output < 1)).all()) for output in outputs)
    return inside and _in_unit_interval(extreme)


def _are_probabilities(output: Tensor) -> bool:
    return bool((output >= 0).all()) and bool(((output.sum(1) - 1).abs() < PROBABILITY_ERROR).all())


def _in_unit_interval(output: Tensor) -> bool:
    return bool(((output >= 0) & (output <= 1)).all())


def _is_bounded(output: Tensor) -> bool:
    """Return whether no magnitude exceeds 1, as of a tanh or of cosines.

    With weights 100 times as large, other outputs do, and with weights a hundredth as large those
    that are divided by a weight.
    """
    return 0 < output.abs().max().item() <= 1 + SAME


def _perturbed(model: nn.Module, times: float = 1) -> nn.Module:
    """Return a copy with noise added to every weight, then multiplied by `times`."""
    other = copied(model)
    with torch.no_grad(), seeded(PERTURBATION):
        for parameter in other.parameters():
            if parameter.is_floating_point():
                parameter.add_(0.05 * torch.randn(parameter.shape).to(parameter)).mul_(times)
    return other


def _evaluated(model: nn.Module, images: Tensor, seed: int = 0, training: bool = False) -> Tensor:
    """Return the outputs of a copy, in evaluation mode unless `training`."""
    return _outputs(in_mode(copied(model), training), images, seed)


def _outputs(model: nn.Module, images: Tensor, seed: int = 0) -> Tensor:
    """Return the outputs of the network itself, whose state the pass may change."""
    return output_of(model, images, seed).double()


def _difference_of_images(output: Tensor) -> float:
    """Return the `difference` between the outputs (n, …) of the first image and of the others."""
    return difference(output[:1].expand_as(output), output)
