"""Multiply-accumulates of the operators of torch's dispatcher, by name.

Convolutions and matrix products count, without bias, including linear layers, attention, recurrent
layers and bilinear forms. An operator is `unknown` if it multiplies matrices and has no rule here,
or if it belongs to another library, whose arithmetic is not visible. All others count as zero:
elementwise operations, norms, pools, interpolation, lookups.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Count = Callable[[Sequence[Any], Any], int]
"""Returns the multiply-accumulates of an operator from its arguments and output."""


@dataclass(frozen=True)
class Rule:
    """Rule for one operator.

    Attributes:
        count: returns its multiply-accumulates.
        factors: indices of the arguments that are factors of a product, of which one may be a
            weight. The queries, keys and values of an attention are left out, since they are
            multiplied with each other.
    """

    count: Count
    factors: tuple[int, ...]


def _product(first: int) -> Rule:
    """Return the rule for a matrix times a matrix or vector: (…, m, k) × (…, k, n) or (k,).

    `first` is the index of the first factor; the second follows it.
    """

    def count(args: Sequence[Any], _: Any) -> int:
        a, b = args[first], args[first + 1]
        return int(a.numel() * (b.shape[-1] if b.ndim > 1 else 1))

    return Rule(count, (first, first + 1))


def _outer(args: Sequence[Any], _: Any) -> int:
    return int(args[1].numel() * args[2].numel())


def _linear(args: Sequence[Any], _: Any) -> int:
    return int(args[0].numel() * args[1].shape[0])


def _positions(images: Tensor) -> int:
    """Return the number of images times positions of (n, c, …)."""
    return int(images.shape[0] * math.prod(images.shape[2:]))


def _forward(args: Sequence[Any], out: Any) -> int:
    """Count one product per weight and output position: (n, c, …) by (o, c / groups, …)."""
    return int(args[1].numel() * _positions(out))


def _transposed(args: Sequence[Any], _: Any) -> int:
    """Count one product per weight and input position."""
    return int(args[1].numel() * _positions(args[0]))


def _convolution(args: Sequence[Any], out: Any) -> int:
    return _transposed(args, out) if args[6] else _forward(args, out)


def _time_batch_channels(args: Sequence[Any], out: Any) -> int:
    return int(args[1].numel() * out.shape[0] * out.shape[1])


def _trilinear(args: Sequence[Any], _: Any) -> int:
    """Count one product per weight and pair of inputs: the size of the three operands broadcast."""
    shapes = []
    for operand, inserted in zip(args[:3], args[3:6], strict=True):
        shape = list(operand.shape)
        for index in sorted(inserted):
            shape.insert(index, 1)
        shapes.append(shape)
    return math.prod(map(max, zip(*shapes, strict=True)))


def _attention(args: Sequence[Any], _: Any) -> int:
    """Count scores and their product with the values, each (…, heads, positions, size).

    Masks do not reduce the count.
    """
    query, key, value = args[:3]
    rows = math.prod(query.shape[:-1])
    return int(rows * key.shape[-2] * (query.shape[-1] + value.shape[-1]))


def _positions_first(args: Sequence[Any], out: Any) -> int:
    """Count attention of (n, positions, heads, size); ValueError for packed sequences."""
    query, key, value = (one.transpose(1, 2) for one in args[:3])
    if query.ndim != 4:
        raise ValueError("several sequences in one")
    return _attention((query, key, value), out)


def _multi_head(args: Sequence[Any], _: Any) -> int:
    """Count the projections of queries, keys, values and output, and the attention."""
    query, key, value, width = args[:4]
    tokens, keys = query.shape[0] * query.shape[1], key.shape[1]
    inputs = sum(one.shape[0] * one.shape[1] for one in (query, key, value))
    projections = inputs * args[5].numel() // 3 + tokens * args[7].numel()
    return int(projections + 2 * tokens * keys * width)


def _encoder_layer(args: Sequence[Any], _: Any) -> int:
    """Count a layer of a transformer's encoder: self-attention and two linear layers."""
    tokens, width = math.prod(args[0].shape[:-1]), args[1]
    weights = sum(args[index].numel() for index in (3, 5, 14, 16))
    return int(tokens * (weights + 2 * args[0].shape[-2] * width))


def _recurrent_layer(args: Sequence[Any], _: Any) -> int:
    """Count one product per weight and step of each sequence: (…, inputs)."""
    return int(math.prod(args[0].shape[:-1]) * (args[1].numel() + args[2].numel()))


def _recurrent(args: Sequence[Any], _: Any) -> int:
    """Count all layers and directions of one call; its list of weights also has the biases."""
    weights = sum(one.numel() for one in args[1] if one.ndim == 2)
    return int(math.prod(args[0].shape[:-1]) * weights)


def _distances(args: Sequence[Any], out: Any) -> int:
    """Count one product per coordinate of each pair, as ‖a‖² + ‖b‖² - 2·a·b takes.

    Other norms than the Euclidean one multiply nothing.
    """
    return int(out.numel() * args[0].shape[-1]) if len(args) < 3 or args[2] == 2 else 0


def _affine_grid(args: Sequence[Any], out: Any) -> int:
    """Count homogeneous coordinates times a matrix per position: (n, d, d + 1) → (n, …, d)."""
    return int(out.numel() * args[0].shape[-1])


def _rules() -> Iterator[tuple[str, Rule]]:
    for name in ("mm", "bmm", "mv", "dot", "vdot", "_int_mm", "_scaled_mm"):
        yield name, _product(0)
    for name in ("addmm", "addmv", "addbmm", "baddbmm", "_addmm_activation"):
        yield name, _product(1)
    yield "addr", Rule(_outer, (1, 2))
    for name in ("linear", "mkldnn_linear"):
        yield name, Rule(_linear, (0, 1))
    for name in ("convolution", "_convolution", "convolution_overrideable"):
        yield name, Rule(_convolution, (0, 1))
    forward = (
        "cudnn_convolution cudnn_convolution_relu cudnn_convolution_add_relu mkldnn_convolution "
        "miopen_convolution miopen_convolution_relu miopen_convolution_add_relu "
        "miopen_depthwise_convolution _mps_convolution _nnpack_spatial_convolution "
        "_slow_conv2d_forward slow_conv3d_forward slow_conv_dilated2d slow_conv_dilated3d "
        "_conv_depthwise2d conv_depthwise3d torchvision::deform_conv2d"
    )
    for name in forward.split():
        yield name, Rule(_forward, (0, 1))
    transposed = (
        "cudnn_convolution_transpose miopen_convolution_transpose slow_conv_transpose2d "
        "slow_conv_transpose3d"
    )
    for name in transposed.split():
        yield name, Rule(_transposed, (0, 1))
    yield "conv_tbc", Rule(_time_batch_channels, (0, 1))
    yield "affine_grid_generator", Rule(_affine_grid, (0,))
    for name in ("_cdist_forward", "_euclidean_dist"):
        yield name, Rule(_distances, (0, 1))
    yield "_trilinear", Rule(_trilinear, (0, 1, 2))
    fused = "flash_attention flash_attention_for_cpu efficient_attention cudnn_attention"
    for name in (*fused.split(), "fused_attention_overrideable", "attention_math_for_mps"):
        yield f"_scaled_dot_product_{name}", Rule(_attention, ())
    for name in ("_flash_attention_forward", "_efficient_attention_forward"):
        yield name, Rule(_positions_first, ())
    yield "higher_order::flex_attention", Rule(_attention, ())
    yield "_native_multi_head_attention", Rule(_multi_head, (5, 7))
    yield "_transformer_encoder_layer_fwd", Rule(_encoder_layer, (3, 5, 14, 16))
    yield "mkldnn_rnn_layer", Rule(_recurrent_layer, (0, 1, 2))
    for name in ("_cudnn_rnn", "miopen_rnn"):
        yield name, Rule(_recurrent, (0, 1))


RULES: Mapping[str, Rule] = {
    name if "::" in name else f"aten::{name}": rule for name, rule in _rules()
}
_TORCH_NAMESPACES = ("aten", "prim", "prims", "profiler", "c10d", "_c10d_functional")
"""Namespaces of torch's own operators; those of all others are unknown."""
_MULTIPLIES = re.compile(
    r"\w*mm|\w*mv|v?dot|conv|conv\dd|convolution|matmul|attention|linear|rnn|lstm|gru|c2c|c2r|r2c|"
    r"[cp]dist|euclidean|linalg|\w*solve|cholesky|geqrf|ormqr|trilinear|spsolve"
)
"""Words in the names of operators that multiply matrices, transform or solve."""
_HARMLESS = frozenset(
    f"aten::{name}"
    for name in (
        *("_linalg_check_errors", "linalg_vector_norm", "linalg_cross", "linalg__powsum"),
        *("_thnn_fused_lstm_cell", "_thnn_fused_gru_cell", "_cudnn_rnn_flatten_weight"),
        *("mkldnn_reorder_conv2d_weight", "mkldnn_reorder_conv3d_weight"),
    )
) | frozenset(
    f"torchvision::{name}"
    for name in ("nms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool")
)  # fmt: skip


def unknown(name: str) -> bool:
    """Return whether an operator, such as ``aten::_fft_r2c``, does arithmetic without a rule."""
    if name in RULES or name in _HARMLESS:
        return False
    namespace, _, word = name.partition("::")
    if namespace not in _TORCH_NAMESPACES:
        return True
    return any(_MULTIPLIES.fullmatch(part) for part in word.split("_"))
