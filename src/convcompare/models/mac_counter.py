"""Multiply-accumulates of a forward pass, operator by operator, and what could not be counted.

A pass runs under a mode of torch's dispatcher, below autograd and modules, so that it does not
matter how a network writes its arithmetic down. Unlike ``torch.utils.flop_counter`` the mode knows
the kernels of the CPU, names what it does not know, and imports no compiler.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode

from convcompare.core.failures import is_out_of_memory, reason

from .einsum import hidden_products
from .mac_rules import RULES, unknown
from .meta_device import output_of
from .operator_mode import OperatorMode
from .summed_products import SummedProducts

_LEAVES_TORCH = frozenset({"numpy", "__array__", "__dlpack__", "data_ptr"})
"""Methods of a tensor by which its numbers go where no operator is seen."""

_PASSES_BY = re.compile(r"prim::(mkldnn_\w+|\w*Group)")


@dataclass
class Tally:
    """Multiply-accumulates counted in one place, and the names of what was not, in order."""

    counted: int = 0
    names: dict[str, None] = field(default_factory=dict)

    @property
    def macs(self) -> int | None:
        """All multiply-accumulates; None where some were not counted."""
        return None if self.names else self.counted

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The names of operators that were not counted."""
        return tuple(self.names)

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.counted + other.counted, self.names | other.names)


Ended = Callable[[nn.Module, Any], None]
"""What is told of the end of a module's call, with its output."""
Tallies = Mapping[str, Tally]
"""By place: the name of the innermost module that is `watched`, the empty one outside of all."""


class MacCounter(OperatorMode):
    """Counts what runs within; `inside` says where."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tallies: dict[str, Tally] = {}
        self.products = SummedProducts()
        self.places: list[str] = [""]

    @property
    def here(self) -> Tally:
        """The tally of the place where the pass is."""
        return self.tallies.setdefault(self.places[-1], Tally())

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name, has_parts = about(function)
        output = None if kwargs else output_of(function, args)
        if output is None and has_parts:
            with self:
                output = function.decompose(*args, **kwargs)
            if output is not NotImplemented:
                return output
            output = None
        if output is None:
            output = function(*args, **kwargs)
        if name:
            self._add(name, args, output)
        factors = self.products.completed(name_of(function), args, output)
        if factors:
            real = 4 if _is_complex(factors) else 1
            self.here.counted += real * args[0].numel()
        return output

    def _add(self, name: str, args: Any, output: Any) -> None:
        if name not in RULES:
            self.here.names[name] = None
        elif not all(map(_is_dense, args)):
            self.here.names[f"{name} (sparse or nested)"] = None
        else:
            try:
                real = 4 if _is_complex(args) else 1
                self.here.counted += real * RULES[name].count(args, output)
            except Exception:
                self.here.names[name] = None


@functools.cache
def about(function: Any) -> tuple[str, bool]:
    """The name of an operator, empty for one that multiplies nothing; whether it has parts.

    One that is made of others comes here whole under ``torch.inference_mode``.
    """
    name = name_of(function)
    if name in RULES:
        return name, False
    has_parts = hasattr(function, "decompose") and function._can_decompose()
    return (name if unknown(name) else ""), has_parts


@functools.cache
def name_of(function: Any) -> str:
    """The name of an operator as ``aten::mm``, whichever overload, in place or not."""
    schema = getattr(function, "_schema", None)
    name: str = schema.name if schema else f"higher_order::{function.__name__}"
    return name if name.endswith("__") else name.rstrip("_")


def _is_complex(arguments: Any) -> bool:
    """Whether numbers are complex: a product of two takes four of real ones."""
    return any(isinstance(one, Tensor) and one.is_complex() for one in arguments)


def _is_dense(argument: Any) -> bool:
    if isinstance(argument, (list, tuple)):
        return all(map(_is_dense, argument))
    if not isinstance(argument, Tensor):
        return True
    return (argument.layout == torch.strided or argument.is_mkldnn) and not argument.is_nested


class _BeyondOperators(TorchFunctionMode):
    """Counts products that no operator shows, and notes where activations are handed to NumPy or to
    other code.
    """

    def __init__(self, counter: MacCounter) -> None:
        super().__init__()
        self.counter = counter

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = getattr(function, "__name__", "")
        if name in _LEAVES_TORCH:
            given = args[0]
            activation = given.is_floating_point() and not isinstance(given, nn.Parameter)
            if activation and given.numel() > 1:
                self.counter.here.names[f"Tensor.{name}"] = None
        output = function(*args, **(kwargs or {}))  # first: a wrong call has torch's own error
        real = 4 if _is_complex(args) else 1
        self.counter.here.counted += real * hidden_products(function, args)
        return output


def tallies_of(
    model: nn.Module,
    images: Tensor,
    watched: Mapping[nn.Module, str] | None = None,
    began: Callable[[], None] = lambda: None,
    ended: Ended = lambda *_: None,
) -> Tallies:
    """What one image alone costs: its own arithmetic, and what each pass does once.

    images: (n, c, h, w); the first of them is counted. A network that takes no single image is
    counted on all and on twice as many: what grows with them is theirs, the rest is the pass's. Of
    a network that only runs without a counter, the tally says so. `began` is called before each
    pass, `ended` with each module of `watched` and its output after its call.
    """

    def count(some: Tensor) -> Tallies:
        began()
        return count_pass(model, some, watched, ended)[0]

    try:
        try:
            return count(images[:1])
        except Exception:
            if len(images) == 1:
                raise
            some, more = count(images), count(torch.cat([images, images]))
            return {place: _extrapolated(some.get(place, Tally()), more[place], len(images))
                    for place in more}  # fmt: skip
    except Exception as error:
        if is_out_of_memory(error):
            raise
        began()
        with suppress(Exception), torch.no_grad(), _calls(MacCounter(), watched or {}, ended):
            model(images.clone())
        return {"": Tally(0, {f"the network, which fails under a counter ({reason(error)})": None})}


def count_pass(
    model: nn.Module,
    images: Tensor,
    watched: Mapping[nn.Module, str] | None = None,
    ended: Ended = lambda *_: None,
    stays: bool = False,
) -> tuple[Tallies, Any]:
    """The multiply-accumulates of one pass of images (n, c, h, w), and its output.

    Without gradients, on a copy of the images. Fused kernels of ``nn.MultiheadAttention`` and
    ``nn.TransformerEncoder`` are left aside, so that the modules within them are called. `stays`
    says that the network is known to give no activation to other code.
    """
    counter = MacCounter()
    with (
        torch.no_grad(),
        _without_fast_path(),
        _calls(counter, watched or {}, ended),
        nullcontext() if stays else _BeyondOperators(counter),
        counter,
    ):
        output = model(images.clone())
    return counter.tallies, output


def _extrapolated(some: Tally, more: Tally, images: int) -> Tally:
    once = 2 * some.counted - more.counted
    return Tally(once + (more.counted - some.counted) // images, some.names | more.names)


@contextmanager
def _calls(counter: MacCounter, watched: Mapping[nn.Module, str], ended: Ended) -> Iterator[None]:
    """Within it, what a watched module runs is counted under its name.

    The hooks are those of all modules: a scripted one takes none of its own.
    """

    def enter(module: nn.Module, _: Any) -> None:
        if module in watched:
            counter.places.append(watched[module])
        if isinstance(module, torch.jit.ScriptModule):
            counter.here.names |= dict.fromkeys(_hidden(module))

    def leave(module: nn.Module, _: Any, output: Any) -> None:
        if module in watched:
            counter.places.pop()
            ended(module, output)

    hooks = (
        register_module_forward_pre_hook(enter),
        register_module_forward_hook(leave, always_call=True),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _hidden(module: torch.jit.ScriptModule) -> Iterator[str]:
    """The operators of a script that pass by torch's dispatcher: oneDNN's, and fused groups."""

    def search(block: Any) -> Iterator[str]:
        for node in block.nodes():
            if _PASSES_BY.fullmatch(node.kind()):
                yield node.kind()
            for inner in node.blocks():
                yield from search(inner)

    yield from search(module.inlined_graph)


@contextmanager
def _without_fast_path() -> Iterator[None]:
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
