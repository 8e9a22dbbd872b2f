"""Rules of layers over windows: from the field of the input to that of the output.

Convolution arithmetic: Dumoulin and Visin 2016, arXiv:1603.07285.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from torch import Tensor
from torch.nn import Parameter

from .axis import Axis
from .pooling_head import averages_all
from .tensor_field import Axes, Field, Untraceable, size_of

_OF_NUMPY = {"dim": "axis", "dim0": "axis0", "dim1": "axis1"}
"""Names of NumPy that torch takes for its own, as in ``x.mean(axis=1)``."""


@dataclass(frozen=True)
class Call:
    """One call of an operation: name, arguments, output, and a function for the present fields."""

    name: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    output: Any
    field_of: Callable[[Any], Field | None]

    def get(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument by position or name, also by that of NumPy."""
        for one in (name, _OF_NUMPY.get(name)):
            if one in self.named:
                return self.named[one]
        return self.arguments[position] if len(self.arguments) > position else default

    @property
    def input(self) -> Tensor:
        """The first argument, a tensor."""
        given = self.arguments[0] if self.arguments else self.named.get("input")
        if not isinstance(given, Tensor):
            raise Untraceable(self.name)
        return given

    @property
    def field(self) -> Field:
        """Field of the first argument."""
        found = self.field_of(self.input)
        if found is None:
            raise Untraceable(self.name)
        return found


Rule = Callable[[Call], Field | list[Field | None] | None]


def pair(value: Any) -> tuple[int, int]:
    """Return one number for both sides, or one per side, as a pair."""
    if isinstance(value, (tuple, list)):
        return (int(value[0]), int(value[-1]))
    return (int(value), int(value))


def local(call: Call, change: Callable[[int, Axis], Axis]) -> Field:
    """Return the field after `change` of each side of feature maps (…, h, w); gates are kept."""
    field, ndim = call.field, call.input.ndim
    axes: list[Axis | None] = [None, None]
    for side, axis in enumerate(field.axes):
        if axis is None:
            continue
        if field.dims[side] != ndim - 2 + side:
            raise Untraceable(call.name, "its input does not end in height and width")
        axes[side] = change(side, axis)
    return replace(field, axes=(axes[0], axes[1]), unpooled=None)


def convolution(call: Call) -> Field:
    """Rule of conv2d(input, weight, bias, stride, padding, dilation, groups)."""
    _check_weights(call)
    kernel = pair(size_of(call.get(1, "weight"))[-2:])
    stride = pair(call.get(3, "stride", 1))
    dilation = pair(call.get(5, "dilation", 1))
    given = call.get(4, "padding", 0)
    if isinstance(given, str):
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        padding = pair([r // 2 if given == "same" else 0 for r in reach])
    else:
        padding = pair(given)
    found = local(call, lambda i, axis: axis.window(kernel[i], stride[i], padding[i], dilation[i]))
    return replace(found, apart=found.apart and call.get(6, "groups", 1) > 1)


def check_together(call: Call) -> None:
    """Raise Untraceable if an operation takes channels apart that are the pixels of a window."""
    if call.field.apart:
        raise Untraceable(call.name, "it selects pixels of a window")


def _check_weights(call: Call) -> None:
    """Check that no weight is masked, since a masked kernel is larger than what is seen.

    Masked weights are no parameters, or parameters that are set to 0 before each call, as in many
    PixelCNNs. A kernel of zeros only is an initial value.

    Raises:
        Untraceable: If a weight is masked or depends on the image.
    """
    weight = call.get(1, "weight")
    if call.field_of(weight) is not None:
        raise Untraceable(call.name, "its weights depend on the image")
    if weight.is_meta:
        return
    masked = weight == 0
    if isinstance(weight, Parameter) and weight.requires_grad:
        masked = masked.all(0).all(0)
        masked &= ~masked.all()
    if bool(masked.any()):
        raise Untraceable(call.name, "some of its weights are fixed at 0")


def transposed_convolution(call: Call) -> Field:
    """Rule of conv_transpose2d(input, weight, bias, stride, padding, …)."""
    _check_weights(call)
    kernel = pair(size_of(call.get(1, "weight"))[-2:])
    stride, padding = pair(call.get(3, "stride", 1)), pair(call.get(4, "padding", 0))
    dilation = pair(call.get(7, "dilation", 1))
    return local(
        call, lambda i, axis: axis.transposed(kernel[i], stride[i], padding[i], dilation[i])
    )


def pool(call: Call) -> Field:
    """Rule of max_pool2d and avg_pool2d.

    An average over all positions leaves none, like adaptive pooling to one position.
    """
    kernel = pair(call.get(1, "kernel_size"))
    stride = pair(call.get(2, "stride") or kernel)
    padding = pair(call.get(3, "padding", 0))
    dilation = pair(call.get(4, "dilation", 1)) if call.name.startswith("max") else (1, 1)
    sides = (size_of(one)[-2:] for one in (call.input, tensor_of(call.output)))
    if averages_all(call.name, kernel, *sides):
        return adaptive_pool(call)
    return local(call, lambda i, axis: axis.window(kernel[i], stride[i], padding[i], dilation[i]))


def lp_pool(call: Call) -> Field:
    """Rule of lp_pool2d(input, p, kernel, stride)."""
    kernel = pair(call.get(2, "kernel_size"))
    stride = pair(call.get(3, "stride") or kernel)
    return local(call, lambda i, axis: axis.window(kernel[i], stride[i]))


def adaptive_pool(call: Call) -> Field:
    """Rule of adaptive_avg_pool2d(input, outputs): over all positions if a side has one output."""
    field, (before, after) = call.field, (call.input, tensor_of(call.output))
    units, outputs = size_of(before)[-2:], size_of(after)[-2:]
    pooled = local(call, lambda i, axis: axis.adaptive(units[i], outputs[i]))
    unpooled: Axes = field.unpooled or field.axes
    sides = [i for i in (0, 1) if outputs[i] == 1 and field.axes[i] is not None]
    if sides and len(sides) == sum(axis is not None for axis in field.axes):
        return replace(field, unpooled=unpooled).mixed(sides)
    return replace(pooled, unpooled=unpooled).mixed(sides, lost=False)


def interpolation(call: Call) -> Field:
    """Rule of interpolate(input, size, scale_factor, mode, align_corners, …)."""
    mode = call.get(3, "mode", "nearest")
    taps = {"bilinear": (0, 1), "bicubic": (1, 2)}.get(mode)
    units, outputs = size_of(call.input)[-2:], size_of(tensor_of(call.output))[-2:]
    if mode == "area":
        return local(call, lambda i, axis: axis.adaptive(units[i], outputs[i]))
    factor = call.get(2, "scale_factor")
    if call.get(5, "recompute_scale_factor") or call.get(6, "antialias", False):
        raise Untraceable(call.name)
    aligned = bool(call.get(4, "align_corners"))

    def change(side: int, axis: Axis) -> Axis:
        scale = Fraction(units[side], outputs[side])
        if factor is not None:
            own = factor[side] if isinstance(factor, (tuple, list)) else factor
            scale = 1 / Fraction(own).limit_denominator(1000)
        if aligned:
            scale = Fraction(max(units[side] - 1, 0), max(outputs[side] - 1, 1))
            return axis.resampled(scale, Fraction(0), taps) if scale else axis.fixed()
        half = Fraction(1, 2)
        centred = taps is not None or mode == "nearest-exact"
        offset = half * scale - half if taps is not None else half * scale
        return axis.resampled(scale, offset if centred else Fraction(0), taps)

    return local(call, change)


def pixel_shuffle(call: Call) -> Field:
    """Rule of pixel_shuffle: channels become positions, r outputs per side from each unit."""
    check_together(call)
    factor = int(call.get(1, "upscale_factor"))
    return local(call, lambda _, axis: axis.through(lambda o: (o // factor,), factor, 1))


def pixel_unshuffle(call: Call) -> Field:
    """Rule of pixel_unshuffle: r×r positions become channels of each output."""
    factor = int(call.get(1, "downscale_factor"))
    return replace(local(call, lambda _, axis: axis.window(factor, factor)), apart=True)


def unfolding(call: Call) -> Field:
    """Rule of unfold(input, kernel, dilation, padding, stride): windows in a row, (n, c·k·k, n)."""
    after = size_of(tensor_of(call.output))
    if len(after) != 3 or call.input.ndim != 4:  # the tensor method: windows along one dimension
        raise Untraceable(call.name)
    names = (("kernel_size", 1), ("dilation", 1), ("padding", 0), ("stride", 1))
    kernel, dilation, before, stride = (
        pair(call.get(i, name, default)) for i, (name, default) in enumerate(names, start=1)
    )
    field = local(call, lambda i, axis: axis.window(kernel[i], stride[i], before[i], dilation[i]))
    sizes = size_of(call.input)[2:]
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(sizes, before, dilation, kernel, stride, strict=True)
    ]
    return replace(field, dims=(2, 2), grid=(counts[0], counts[1]), apart=True)


def padding(call: Call) -> Field:
    """Rule of pad(input, (left, right, top, bottom, …), mode): shifts the units."""
    amounts, mode = list(call.get(1, "pad")), call.get(2, "mode", "constant")
    field, ndim = call.field, call.input.ndim
    axes: list[Axis | None] = list(field.axes)
    for side, axis in enumerate(field.axes):
        dim = field.dims[side]
        if axis is None or dim is None:
            continue
        place = 2 * (ndim - 1 - dim)
        before = amounts[place] if place < len(amounts) else 0
        if mode == "circular" and any(amounts[place : place + 2]):
            raise Untraceable(call.name, "circular padding shows the other end of the image")
        if before and field.merged:
            raise Untraceable(call.name)
        axes[side] = axis.window(1, padding=before)
    return replace(field, axes=(axes[0], axes[1]))


def tensor_of(output: Any) -> Tensor:
    """Return the output, or the first of several."""
    found = output[0] if isinstance(output, (tuple, list)) else output
    if not isinstance(found, Tensor):
        raise Untraceable("", "an operation gives no tensor")
    return found


LOCAL: dict[str, tuple[str, Rule]] = {
    "conv2d": ("convolution", convolution),
    "conv_transpose2d": ("transposed convolution", transposed_convolution),
    "max_pool2d": ("pool", pool),
    "max_pool2d_with_indices": ("pool", pool),
    "avg_pool2d": ("pool", pool),
    "lp_pool2d": ("pool", lp_pool),
    "adaptive_avg_pool2d": ("adaptive pool", adaptive_pool),
    "adaptive_max_pool2d": ("adaptive pool", adaptive_pool),
    "adaptive_max_pool2d_with_indices": ("adaptive pool", adaptive_pool),
    "interpolate": ("upsampling", interpolation),
    "pixel_shuffle": ("upsampling", pixel_shuffle),
    "pixel_unshuffle": ("pool", pixel_unshuffle),
    "pad": ("padding", padding),
    "unfold": ("convolution", unfolding),
}
"""Operations on neighbouring positions, by function name: kind and rule."""
