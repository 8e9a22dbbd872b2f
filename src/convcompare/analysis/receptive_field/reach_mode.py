"""A torch dispatch mode in which every ATen operation propagates reaches."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from convcompare.models.operator_mode import OperatorMode, tensors_in

from .reach import MASKED, TOO_LONG, NotKnown, Reaches, repeated, several, slim
from .reach_joins import Joins, effective_rule, marked_global
from .reach_moves import MOVES
from .reach_products import PRODUCTS
from .reach_rules import RULES, WITHOUT_DATA, Operation, Rule, pointwise, union
from .reach_windows import WINDOWS

_RULES = {**RULES, **MOVES, **PRODUCTS, **WINDOWS}
_KEEP_MASKS = frozenset(MOVES) | frozenset(
    ("add", "baddbmm", "clone", "contiguous", "copy", "_to_copy", "where", "masked_fill")
)
"""Operations after which a mask in front of a softmax remains one."""
_POINTWISE = frozenset((
    "hardswish", "hardsigmoid", "hardtanh", "elu", "gelu", "silu", "mish", "leaky_relu",
    "softplus", "log_sigmoid_forward", "_prelu_kernel", "prelu", "rrelu_with_noise", "threshold",
    "native_dropout", "lerp", "complex", "polar", "real", "imag", "_conj", "view_as_complex_copy",
    "alias_copy", "detach_copy", "bitwise_and", "bitwise_or", "celu", "selu", "fake_quantize",
    "_foreach_add", "floor_divide", "isnan", "isinf", "isfinite", "heaviside", "dropout",
))  # fmt: skip
_LAYOUTS = frozenset((
    "transpose_", "t_", "squeeze_", "unsqueeze_", "swapdims_", "swapaxes_", "detach_",
    "as_strided_",
))  # fmt: skip
"""Operations that change how a tensor lies in its storage, but not its values."""


class ReachMode(OperatorMode):
    """Propagates reaches from tensor to tensor while a network runs."""

    def __init__(self, image: tuple[int, int], deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reaches = Reaches()
        self.joins = Joins(self.reaches)
        self.image, self.deadline = image, deadline
        self.path: list[str] = []
        self.failure: NotKnown | None = None
        self.number = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        try:
            return self._run(func, args, kwargs or {})
        except NotKnown as error:
            self.failure = self.failure or error  # the network may catch it
            raise

    def _run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        tensors = list(tensors_in([*args, *kwargs.values()]))
        if not any(self.reaches.of(t) is not None for t in tensors):
            return func(*args, **kwargs)
        if time.thread_time() > self.deadline:
            raise NotKnown(TOO_LONG)
        name = func.__name__.partition(".")[0]
        if name == "_local_scalar_dense":
            raise NotKnown("it reads values that depend on the image")
        if any(tensor.layout != torch.strided for tensor in tensors):
            raise NotKnown(f"`{name}` has no rule for sparse tensors")
        given = _by_name(func, args, kwargs)
        written = _written(func, given)
        if name in _LAYOUTS:
            return func(*args, **kwargs)
        plain = name.rstrip("_") if written else name
        self.number += 1
        if written:
            call = Operation(plain, _functional(func, plain), given, written, self.reaches)
            reach = self._reach(call, func)
            output = func(*args, **kwargs)
            outputs = written
        else:
            shape = _shape(plain, given)
            output = func(*args, **kwargs) if shape is None else torch.ones(shape)
            outputs = tuple(tensors_in(output))
            storages = {t.untyped_storage()._cdata for t in tensors}
            if all(t.untyped_storage()._cdata in storages for t in outputs):
                return output  # a view, or no tensor at all
            call = Operation(plain, func, given, outputs, self.reaches)
            reach = self._reach(call, func)
        if reach is not None:
            rule, place = effective_rule(call, _RULES.get(plain)), self._named(plain)
            known = [tensor for tensor in tensors if self.reaches.of(tensor) is not None]
            unpooled = self.joins.unpooled(rule, known, reach)
            reach = self.joins.marked_sides(rule, known, reach)
            if not several(reach) and self.joins.record(place, self.number, rule, known, reach):
                reach, unpooled = marked_global(reach), None
            for tensor in outputs:
                if tensor.shape == reach.shape[1:]:
                    self.reaches.write(tensor, reach, place, unpooled)
        return output

    def _reach(self, call: Operation, func: Any) -> Tensor | None:
        if call.name in WITHOUT_DATA:
            if call.name in ("zero", "fill", "uniform", "normal", "bernoulli"):
                value = call.given.get("value")
                return (
                    call.own(value) if isinstance(value, Tensor) else call.own(call.outputs[0]) * 0
                )
            return None
        rule: Rule | None = _RULES.get(call.name)
        if rule is None and (torch.Tag.pointwise in func.tags or call.name in _POINTWISE):
            rule = pointwise
        if rule is None:
            raise NotKnown(f"`{call.name}` has no rule")
        try:
            reach = rule(call)
        except NotKnown:
            raise
        except Exception as error:
            raise NotKnown(f"the rule of `{call.name}` does not fit ({error})") from error
        if tuple(reach.shape[1:]) != call.shape:
            raise NotKnown(f"`{call.name}` gives a shape that its rule does not")
        if call.name not in _KEEP_MASKS and slim(reach)[MASKED].any():
            reach = union([reach], call.shape)
        return reach

    def kept(self, value: Any) -> Tensor | None:
        """Return a copy of the present reach of a value; None if it depends on no image."""
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            reach = self.reaches.of(value) if isinstance(value, Tensor) else None
            return None if reach is None else repeated(reach)

    def _named(self, name: str) -> str:
        return f"{self.path[-1]}.{name}" if self.path and self.path[-1] else name


def _shape(name: str, given: dict[str, Any]) -> tuple[int, ...] | None:
    """Return the output shape of a costly operation, whose values are not needed; else None."""
    if name == "convolution" and not given["transposed"] and given["input"].is_floating_point():
        image, kernel = given["input"].shape, given["weight"].shape
        settings = [given[n] for n in ("stride", "padding", "dilation")]
        sides = [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(
                image[2:],
                kernel[2:],
                *(v * (len(kernel) - 2) if len(v) == 1 else v for v in settings),
                strict=True,
            )
        ]
        fits = len(image) == len(kernel) and image[1] == kernel[1] * given["groups"]
        return (image[0], kernel[0], *sides) if fits and min(sides) > 0 else None
    factors = {"mm": ("self", "mat2"), "bmm": ("self", "mat2"), "addmm": ("mat1", "mat2")}.get(name)
    if factors is None:
        return None
    left, right = (given[factor] for factor in factors)
    fits = left.shape[-1] == right.shape[-2] and left.dtype == right.dtype == torch.float32
    return (*left.shape[:-1], right.shape[-1]) if fits else None


def _by_name(func: Any, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return all arguments by name, in the order of the schema and with its defaults."""
    given: dict[str, Any] = {}
    for place, one in enumerate(func._schema.arguments):
        default = one.default_value if one.has_default_value() else None
        given[one.name] = args[place] if place < len(args) else kwargs.get(one.name, default)
    return given


def _written(func: Any, given: dict[str, Any]) -> tuple[Tensor, ...]:
    """Return the arguments that are written into."""
    found = []
    for one in func._schema.arguments:
        if one.alias_info is not None and one.alias_info.is_write:
            found += list(tensors_in(given[one.name]))
    if len(found) > 1 or any(
        one.name == "out" and given["out"] is not None for one in func._schema.arguments
    ):
        raise NotKnown(f"`{func.__name__}` writes into tensors that are given")
    return tuple(found)


def _functional(func: Any, name: str) -> Any:
    """Return the operation that returns a new tensor instead of writing into one."""
    packet = getattr(torch.ops.aten, name, None)
    overload = func._overloadname
    return getattr(packet, overload, func) if packet is not None else func
