"""Sets of operation names: elementwise, without data, reading values; and their normalisation."""

from __future__ import annotations

from typing import Any

_REFLECTED = (
    "add", "sub", "mul", "div", "truediv", "floordiv", "pow", "mod", "matmul", "and", "or", "xor",
)  # fmt: skip

ELEMENTWISE = frozenset((
    "abs", "acos", "addcdiv", "addcmul", "alpha_dropout", "amp", "and", "and_", "asin",
    "atan", "atan2", "bernoulli", "bfloat16", "bool", "ceil", "celu", "channel_shuffle",
    "clamp", "clamp_max", "clamp_min", "clip", "clone", "contiguous", "cos", "cosh", "cpu",
    "cuda", "data", "deg2rad", "detach", "div", "divide", "double", "dropout", "dropout1d",
    "dropout2d", "dropout3d", "elu", "eq", "erf", "erfc", "exp", "exp2", "expm1",
    "feature_alpha_dropout", "feature_dropout", "fill", "float", "floor", "floor_divide",
    "floordiv", "fmod", "frac", "ge", "gelu", "gt", "half", "hardshrink", "hardsigmoid",
    "hardswish", "hardtanh", "heaviside", "hypot", "identity", "invert", "isfinite", "isinf",
    "isnan", "ldexp", "le", "leaky_relu", "lerp", "local_response_norm", "log", "log10",
    "log1p", "log2", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor",
    "logit", "logsigmoid", "long", "lt", "maximum", "minimum", "mish", "mod",
    "mvlgamma", "nan_to_num", "native_channel_shuffle", "ne", "neg",
    "negative", "nextafter", "ones_like", "or", "pos", "positive", "pow", "prelu", "rad2deg",
    "real", "reciprocal", "relu", "relu6", "remainder", "requires_grad", "requires_grad_",
    "round", "rrelu", "rsqrt", "rsub", "selu", "sgn", "sigmoid", "sign", "silu", "sin", "sinh",
    "softplus", "softshrink", "softsign", "sqrt", "square", "subtract", "tan", "tanh",
    "tanhshrink", "threshold", "to", "true_divide", "truediv", "trunc", "type", "type_as",
    "xlogy", "xor", "zeros_like",
))  # fmt: skip
"""Operations that keep each position and read no other."""

DATA_FREE = frozenset(["new_zeros", "new_ones", "new_empty", "new_full", "zeros_like", "ones_like",
    "empty_like", "full_like", "rand_like", "randn_like", "new_tensor"])  # fmt: skip
"""Operations that use the shape of a tensor but none of its values."""

OF_FIRST = frozenset(("to", "type_as", "expand_as", "view_as", "reshape_as"))
"""Operations that use the values of their first argument only: of others, the shape or the type."""

VALUES = frozenset(
    (
        "item",
        "tolist",
        "numpy",
        "equal",
        "__array__",
        "__dlpack__",
        "__bool__",
        "__float__",
        "__int__",
        "__index__",
        "data_ptr",
    )
)
"""Functions that read the values of a tensor, after which nothing can be derived."""


def operation_name(function: Any) -> str:
    """Return one name for function, method and operator: ``add`` for ``torch.add`` and ``+=``."""
    name = str(getattr(function, "__name__", function))
    if name == "__get__":
        return str(getattr(getattr(function, "__self__", None), "__name__", name))
    name = name.strip("_")
    for prefix in ("i", "r"):
        if name.startswith(prefix) and name[1:] in _REFLECTED:
            return name[1:]
    return name
