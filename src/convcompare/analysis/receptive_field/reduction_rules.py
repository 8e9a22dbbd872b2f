"""Rules of operations over many positions: means, linear layers, products, norms, attention."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from .mask_rules import MASKS, unmasked
from .reshape_rules import elementwise
from .tensor_field import NO_PLACES, Field, Untraceable, merge, moved, size_of
from .window_rules import Call, Rule, tensor_of

_IN_PARTS = "rows or columns attend separately"


def _dims(call: Call, position: int) -> list[int]:
    """Return the requested dimensions, or all if none is given."""
    given, ndim = call.get(position, "dim"), call.input.ndim
    if given is None or isinstance(given, bool):
        return list(range(ndim))
    return [dim % ndim for dim in ([given] if isinstance(given, int) else given)] or [*range(ndim)]


def reduction(call: Call) -> Field:
    """Rule of mean, sum, max …: over all positions if over a dimension that counts them."""
    if isinstance(call.get(1, "other"), Tensor):
        return elementwise(call)
    field, shape = call.field, size_of(call.input)
    position = 2 if "norm" in call.name or call.name == "quantile" else 1
    dims = _dims(call, position)
    field = field.mixed([side for dim in dims for side in field.along(dim)])
    if tensor_of(call.output).ndim < len(shape):
        kept = [dim for dim in range(len(shape)) if dim not in dims]
        field = moved(field, {old: new for new, old in enumerate(kept)})
    return field


def normalisation(call: Call) -> Field:
    """Rule of softmax and normalize: each position stays and depends on all along the dimension."""
    field, ndim = call.field, call.input.ndim
    given = call.get(2, "dim", 1) if call.name == "normalize" else call.get(1, "dim")
    dim = (0 if ndim in (0, 1, 3) else 1) if given is None else given % ndim  # as of nn.Softmax()
    return field.mixed(field.along(dim), lost=False)


def running(call: Call) -> Field:
    """Rule of cumsum: along channels, each position depends on all of them.

    Raises:
        Untraceable: Along positions, since each unit then has another field: all before it.
    """
    if call.field.along(call.get(1, "dim") % call.input.ndim):
        raise Untraceable(call.name, "each of its units sees all before it")
    return call.field


def batch_norm(call: Call) -> Field:
    """Rule of batch_norm(input, mean, variance, weight, bias, training): constants in eval mode."""
    field = call.field
    training = call.get(5, "training", False) or call.get(1, "running_mean") is None
    return field.mixed(_sides(field), lost=False) if training else field


def statistics_of_image(call: Call) -> Field:
    """Rule of group_norm: divides by a statistic of the whole image, or of each row of a batch."""
    sides = [side for side in _sides(call.field) if call.field.dims[side] != 0]
    return call.field.mixed(sides, lost=False)


def instance_norm(call: Call) -> Field:
    """Rule of instance_norm(input, mean, variance, weight, bias, use_input_stats).

    With running statistics it divides by constants.
    """
    return statistics_of_image(call) if call.get(5, "use_input_stats", True) else call.field


def layer_norm(call: Call) -> Field:
    """Rule of layer_norm(input, shape): over the last dimensions."""
    field, ndim = call.field, call.input.ndim
    last = range(ndim - len(call.get(1, "normalized_shape")), ndim)
    return field.mixed([side for dim in last for side in field.along(dim)], lost=False)


def linear(call: Call) -> Field:
    """Rule of linear(input, weight): mixes the last dimension and leaves the others unchanged."""
    field = call.field
    return replace(field.mixed(field.along(call.input.ndim - 1)), unpooled=None, apart=False)


def product(call: Call) -> Field:
    """Rule of matmul: contracts the last dimension of one with the last but one of the other."""
    left, right = call.arguments[0], call.get(1, "other", call.named.get("mat2"))
    if not isinstance(left, Tensor) or not isinstance(right, Tensor):
        raise Untraceable(call.name)
    output = size_of(tensor_of(call.output))
    found = []
    for tensor, contracted in ((left, left.ndim - 1), (right, max(right.ndim - 2, 0))):
        field = call.field_of(tensor)
        if field is not None:
            found.append((field.mixed(field.along(contracted)), tensor))
    (first, tensor), *others = found
    if not others:
        return replace(moved(first, _aligned(tensor, len(output))), unpooled=None)
    # Every position of one meets every position of the other: attention scores, or their values.
    second = others[0][0]
    for field, one in ((first, tensor), others[0]):
        if any(dim is not None and dim < one.ndim - 2 for dim in field.dims):
            raise Untraceable(call.name, _IN_PARTS)
    sides = [side for side in (0, 1) if first.axes[side] or second.axes[side]]
    if first.axes == (None, None):
        first, tensor = second, right
    first = moved(first, _aligned(tensor, len(output)))
    return replace(first.mixed(sides, lost=False), unpooled=None)


def _aligned(tensor: Tensor, ndim: int) -> dict[int, int]:
    return {dim: dim + ndim - tensor.ndim for dim in range(tensor.ndim)}


def attention(call: Call, place: int = 2) -> Field:
    """Rule of attention: every position of the output sees all positions.

    Its positions are those of the queries; learned queries, which depend on no image, have none.

    Args:
        call: The call.
        place: Place of the dimension that counts the positions, from the last, which is 1.

    Raises:
        Untraceable: If it may leave positions out.
    """
    unmasked(call)
    given = [a for a in (*call.arguments, *call.named.values()) if isinstance(a, Tensor)]
    fields = [field for a in given if (field := call.field_of(a))]
    for one in given[:3]:
        field = call.field_of(one)
        if field and any(dim not in (None, max(one.ndim - place, 0)) for dim in field.dims):
            raise Untraceable(call.name, _IN_PARTS)
    sides = [side for side in (0, 1) if any(field.axes[side] for field in fields)]
    learnt = call.field_of(given[0]) is None
    return replace(fields[0].mixed(sides, lost=learnt), unpooled=None)


def bilinear_product(call: Call) -> Field:
    """Rule of einsum: not traceable in general, since its equation defines what is summed over."""
    raise Untraceable(call.name, "what it sums over is in its text")


def resampling(call: Call) -> Field:
    """Rule of grid_sample(input, grid), as in a spatial transformer: no position is left.

    The features are those from which the grid is computed.

    Raises:
        Untraceable: Unless the grid is computed from the whole image.
    """
    grid = call.field_of(call.get(1, "grid"))
    if grid is None or grid.axes != NO_PLACES or grid.whole != (True, True):
        raise Untraceable(call.name, "it reads at other positions")
    return replace(call.field.mixed(_sides(call.field)), features=grid.features)


def gate(call: Call) -> Field:
    """Rule of a gate: a weight per channel that is computed from all positions."""
    whole = call.field.mixed(_sides(call.field), lost=False)
    return merge([(whole, size_of(call.input))], size_of(tensor_of(call.output)))


def _sides(field: Field) -> list[int]:
    return [side for side in (0, 1) if field.axes[side] is not None]


_REDUCTIONS = (
    "mean", "sum", "max", "min", "amax", "amin", "var", "std", "prod", "logsumexp", "argmax",
    "argmin", "median", "nanmean", "nansum", "any", "all", "count_nonzero", "var_mean", "norm",
    "linalg_norm", "linalg_vector_norm",
)  # fmt: skip
MIXING: dict[str, Rule] = {
    **dict.fromkeys(_REDUCTIONS, reduction),
    **dict.fromkeys(
        ("softmax", "log_softmax", "softmin", "normalize", "gumbel_softmax"),
        normalisation,
    ),
    **dict.fromkeys(("matmul", "bmm", "mm", "rmatmul"), product),
    "group_norm": statistics_of_image,
    "instance_norm": instance_norm,
    "scaled_dot_product_attention": attention,
    "multi_head_attention_forward": lambda call: attention(call, 3),
    "cumsum": running,
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "rms_norm": layer_norm,
    "linear": linear,
    "einsum": bilinear_product,
    "grid_sample": resampling,
    **MASKS,
}
"""Operations that mix positions, by function name."""
