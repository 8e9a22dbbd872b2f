"""A torch function mode that propagates fields from tensor to tensor while a network runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .layer_rules import LayerRule, layer_rule
from .meta_execution import run
from .operation_names import DATA_FREE, ELEMENTWISE, OF_FIRST, VALUES, operation_name
from .reduction_rules import MIXING
from .reshape_rules import RESHAPES, elementwise
from .tensor_field import NO_PLACES, Axes, Field, Fields, Untraceable, size_of
from .window_rules import LOCAL, Call

_RULES = {**{name: rule for name, (_, rule) in LOCAL.items()}, **RESHAPES, **MIXING}
_LAYER_KINDS = {
    **{name: kind for name, (kind, _) in LOCAL.items()},
    "linear": "linear",
    "mean": "mean",
    "scaled_dot_product_attention": "attention",
    "matmul": "product",
    "group_norm": "norm",
    "instance_norm": "norm",
}


@dataclass(frozen=True)
class LayerField:
    """The field of one layer.

    ``axes`` are those of the features, height and width, or None if no position is left. ``whole``
    marks the sides along which the whole image has an influence, for example through a gate.
    ``units`` is the number of output positions per side.
    """

    name: str
    kind: str
    axes: Axes
    whole: tuple[bool, bool]
    units: tuple[int, int]

    @property
    def is_whole(self) -> bool:
        """Whether every unit depends on the whole image."""
        return all(self.whole)

    def covers(self, image: tuple[int, int]) -> bool:
        """Return whether at least one unit sees the whole image."""
        return all(
            whole or axis is None or axis.covers(pixels, units)
            for whole, axis, pixels, units in zip(
                self.whole, self.axes, image, self.units, strict=True
            )
        )


class Tracer(TorchFunctionMode):
    """Propagates fields from tensor to tensor while a network runs, and records the layers.

    Attributes:
        layers: the layers so far.
        outputs: field and shape of the output of each module, by name.
        failure: the first operation that could not be traced, if there was one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers: list[LayerField] = []
        self.outputs: dict[str, tuple[Field, tuple[int, ...]]] = {}
        self.failure: Untraceable | None = None
        self._fields = Fields()
        self._path: list[tuple[str, nn.Module]] = []
        self._inside = 0
        self._names: dict[str, int] = {}

    def field(self, value: Any) -> Field | None:
        """Return the field of a tensor's units; None if it does not depend on the image."""
        return self._fields.of(value)

    def set(self, tensor: Tensor, field: Field) -> None:
        """Set the field of a tensor."""
        self._fields.set(tensor, field)

    def enter(self, name: str, module: nn.Module) -> None:
        """Note that a call of a module begins."""
        self._path.append((name, module))
        self._inside += layer_rule(module) is not None

    def leave(
        self,
        name: str,
        module: nn.Module,
        given: tuple[Any, ...],
        named: dict[str, Any],
        output: Any,
    ) -> None:
        """Note that it ends, and the field of its output."""
        if (rule := layer_rule(module)) is not None:
            self._inside -= 1
            if not self._inside:
                self._layer(rule, given, named, output)
        self._path.pop()
        field = self.field(output)
        if field is not None:
            self.outputs[name] = (field, size_of(output))

    def _layer(
        self,
        rule: tuple[str, LayerRule],
        given: tuple[Any, ...],
        named: dict[str, Any],
        output: Any,
    ) -> None:
        kind, apply = rule
        _, module = self._path[-1]
        call = Call(type(module).__name__, given, named, output, self.field)
        if any(self.field(a) is not None for a in [*given, *named.values()]):
            self._assign(call, apply(call, module), "" if kind == "activation" else kind)

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        try:
            return self._run(function, args, kwargs or {})
        except Untraceable as error:
            self.failure = self.failure or error  # the network may catch it
            raise

    def _run(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        name = operation_name(function)
        read, named = (args[:1], {}) if name in OF_FIRST else (args, kwargs)
        if self._inside or not self._known(read, named):
            return function(*args, **kwargs)
        if getattr(function, "__name__", "") in VALUES:
            raise Untraceable(name, "it reads values that depend on the image")
        if name == "set" and isinstance(args[1], Tensor):
            raise Untraceable("data", "it replaces the memory of a tensor")
        if kwargs.get("out") is not None:
            raise Untraceable(name, "it writes into another tensor")
        output = run(name, function, args, kwargs)
        outputs = output if isinstance(output, (tuple, list)) else [output]
        if name in DATA_FREE or not any(isinstance(value, Tensor) for value in outputs):
            if name == "setitem":
                raise Untraceable(name, "it writes into a part of a tensor")
            return output
        call = Call(name, read, named, output, self.field)
        in_place = bool(args) and output is args[0] and isinstance(output, Tensor)
        if in_place and self._merges(call) and output._is_view():
            raise Untraceable(name, "it writes into a part of a tensor")
        rule = elementwise if name in ELEMENTWISE else _RULES.get(name)
        if rule is None:
            if not self._without_places(args, kwargs):
                raise Untraceable(name)
            rule = elementwise
        self._assign(call, rule(call), _LAYER_KINDS.get(name, ""))
        return output

    def _known(self, args: Any, kwargs: Any) -> bool:
        for value in (*args, *kwargs.values()):
            several = value if isinstance(value, (tuple, list)) else [value]
            if any(self.field(one) is not None for one in several):
                return True
        return False

    def _without_places(self, args: Any, kwargs: Any) -> bool:
        """Return whether all traced arguments see the whole image and have no position in it."""
        values = [
            v
            for a in (*args, *kwargs.values())
            for v in (a if isinstance(a, (tuple, list)) else [a])
        ]
        fields = [field for value in values if (field := self.field(value)) is not None]
        return all(field.axes == NO_PLACES and field.whole == (True, True) for field in fields)

    def _assign(self, call: Call, found: Any, kind: str) -> None:
        outputs = call.output if isinstance(call.output, (tuple, list)) else [call.output]
        fields = found if isinstance(found, list) else [found] * len(outputs)
        for tensor, field in zip(outputs, fields, strict=True):
            if isinstance(tensor, Tensor) and field is not None:
                self.set(tensor, field)
        first = fields[0]
        if first is None:
            return
        changed = not self.layers or (first.axes, first.whole) != (
            self.layers[-1].axes,
            self.layers[-1].whole,
        )
        joined = not kind and changed and self._merges(call)
        strict = not kind and first.whole != (False, False) and self._newly_whole(call, first)
        if kind or joined or strict:
            self._note(call.name, kind or ("merge" if joined else call.name), first, outputs[0])

    def _merges(self, call: Call) -> bool:
        """Return whether an operation combines several tensors that depend on the image."""
        values = [v for a in call.arguments for v in (a if isinstance(a, (tuple, list)) else [a])]
        return sum(self.field(v) is not None for v in values) > 1

    def _newly_whole(self, call: Call, field: Field) -> bool:
        given = call.arguments[0] if call.arguments else None
        before = self.field(given)
        return before is not None and before.whole != field.whole and before.axes != NO_PLACES

    def _note(self, name: str, kind: str, field: Field, tensor: Tensor) -> None:
        path, module = self._path[-1] if self._path else ("", None)
        looked_into = module is not None and any(module.children()) and not layer_rule(module)
        beside = kind == "padding" and isinstance(module, nn.Conv2d)  # its `padding_mode`
        if looked_into or beside or not path:
            path = f"{path}.{name}" if path else name
        count = self._names[path] = self._names.get(path, 0) + 1
        path = path if count == 1 else f"{path}#{count}"
        self.layers.append(_layer_field(path, kind, field, tensor))


def _layer_field(name: str, kind: str, field: Field, tensor: Tensor) -> LayerField:
    counts = [1 if dim is None else int(tensor.shape[dim]) for dim in field.dims]
    units = field.grid or (counts[0], counts[1])
    return LayerField(name, kind, field.axes, field.whole, units)
