"""Multiply-accumulates of a forward pass, counted per operator, with the uncounted operators.

A pass runs under a mode of torch's dispatcher, below autograd and modules, so that counts do not
depend on how a network writes its arithmetic. Unlike ``torch.utils.flop_counter``, the mode has
rules for CPU kernels, names operators without a rule, and does not import the compiler.
"""

from __future__ import annotations

import functools
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
"""Tensor methods that pass its values to code whose arithmetic is not visible."""


@dataclass
class Tally:
    """Counted multiply-accumulates, and the names of uncounted operators in order."""

    counted: int = 0
    names: dict[str, None] = field(default_factory=dict)

    @property
    def macs(self) -> int | None:
        """All multiply-accumulates; None if some operators were not counted."""
        return None if self.names else self.counted

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Names of the operators that were not counted."""
        return tuple(self.names)

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.counted + other.counted, self.names | other.names)


OnOutput = Callable[[nn.Module, Any], None]
"""Called after the call of a watched module, with the module and its output."""
Tallies = Mapping[str, Tally]
"""Tallies by the name of the innermost watched module; the empty name outside of all."""


class MacCounter(OperatorMode):
    """Counts the operators that run within it, per watched module.

    Attributes:
        tallies: the counts so far.
        running: names of the watched modules that are running, innermost last.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tallies: dict[str, Tally] = {}
        self.products = SummedProducts()
        self.running: list[str] = [""]

    @property
    def current(self) -> Tally:
        """Tally of the innermost watched module that is running."""
        return self.tallies.setdefault(self.running[-1], Tally())

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name, decomposes = operator_info(function)
        output = None if kwargs else output_of(function, args)
        if output is None and decomposes:
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
            self.current.counted += real * args[0].numel()
        return output

    def _add(self, name: str, args: Any, output: Any) -> None:
        if name not in RULES:
            self.current.names[name] = None
        elif not all(map(_is_dense, args)):
            self.current.names[f"{name} (sparse or nested)"] = None
        else:
            try:
                real = 4 if _is_complex(args) else 1
                self.current.counted += real * RULES[name].count(args, output)
            except Exception:
                self.current.names[name] = None


@functools.cache
def operator_info(function: Any) -> tuple[str, bool]:
    """Return the name of an operator, empty if it multiplies nothing, and whether it decomposes.

    Under ``torch.inference_mode`` composite operators reach the mode undecomposed.
    """
    name = name_of(function)
    if name in RULES:
        return name, False
    decomposes = False
    with suppress(RuntimeError):  # no kernel to ask for: sizes of nested tensors
        decomposes = hasattr(function, "decompose") and function._can_decompose()
    return (name if unknown(name) else ""), decomposes


@functools.cache
def name_of(function: Any) -> str:
    """Return the name of an operator, as ``aten::mm``, without overload or in-place suffix."""
    schema = getattr(function, "_schema", None)
    name: str = schema.name if schema else f"higher_order::{function.__name__}"
    return name if name.endswith("__") else name.rstrip("_")


def _is_complex(arguments: Any) -> bool:
    """Return whether an argument is complex: a complex product takes four real products."""
    return any(isinstance(one, Tensor) and one.is_complex() for one in arguments)


def _is_dense(argument: Any) -> bool:
    if isinstance(argument, (list, tuple)):
        return all(map(_is_dense, argument))
    if not isinstance(argument, Tensor):
        return True
    return (argument.layout == torch.strided or argument.is_mkldnn) and not argument.is_nested


class _BeyondOperators(TorchFunctionMode):
    """Counts products that have no operator, and records activations passed to other code."""

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
                self.counter.current.names[f"Tensor.{name}"] = None
        output = function(*args, **(kwargs or {}))  # first, so that torch rejects invalid calls
        real = 4 if _is_complex(args) else 1
        self.counter.current.counted += real * hidden_products(function, args)
        return output


def tallies_of(
    model: nn.Module,
    images: Tensor,
    watched: Mapping[nn.Module, str] | None = None,
    on_pass: Callable[[], None] = lambda: None,
    on_output: OnOutput = lambda *_: None,
) -> Tallies:
    """Count the multiply-accumulates of a pass of one image, per watched module.

    A network that does not accept a single image is counted on all `images` and on twice as many,
    which separates the cost per image from the fixed cost of a pass. If a network runs only without
    a counter, the tally names that as uncounted.

    Args:
        model: the network.
        images: images (n, c, h, w), of which the first is counted.
        watched: modules to count separately, with their names.
        on_pass: called before each pass.
        on_output: called after each call of a watched module.
    """

    def count(some: Tensor) -> Tallies:
        on_pass()
        return count_pass(model, some, watched, on_output)[0]

    try:
        try:
            return count(images[:1])
        except Exception:
            if len(images) == 1:
                raise
            some, more = count(images), count(torch.cat([images, images]))
            return {name: _extrapolated(some.get(name, Tally()), more[name], len(images))
                    for name in more}  # fmt: skip
    except Exception as error:
        if is_out_of_memory(error):
            raise
        on_pass()
        with suppress(Exception), torch.no_grad(), _calls(MacCounter(), watched or {}, on_output):
            model(images.clone())
        return {"": Tally(0, {f"the network, which fails under a counter ({reason(error)})": None})}


def count_pass(
    model: nn.Module,
    images: Tensor,
    watched: Mapping[nn.Module, str] | None = None,
    on_output: OnOutput = lambda *_: None,
    torch_only: bool = False,
) -> tuple[Tallies, Any]:
    """Count the multiply-accumulates of one pass, without gradients, on a copy of the images.

    Args:
        model: the network.
        images: images (n, c, h, w).
        watched: modules to count separately, with their names.
        on_output: called after each call of a watched module.
        torch_only: whether the network is known to pass no activations to NumPy or other code.

    Returns:
        The tallies per watched module, and the output.
    """
    counter = MacCounter()
    with (
        torch.no_grad(),
        without_fast_path(),
        _calls(counter, watched or {}, on_output),
        nullcontext() if torch_only else _BeyondOperators(counter),
        counter,
    ):
        output = model(images.clone())
    return counter.tallies, output


def _extrapolated(some: Tally, more: Tally, images: int) -> Tally:
    once = 2 * some.counted - more.counted
    return Tally(once + (more.counted - some.counted) // images, some.names | more.names)


@contextmanager
def _calls(
    counter: MacCounter, watched: Mapping[nn.Module, str], on_output: OnOutput
) -> Iterator[None]:
    """Return a context in which the operators of watched modules are counted under their names.

    The hooks are global, so that they run before those of the modules, which may change outputs.
    """

    def enter(module: nn.Module, _: Any) -> None:
        if module in watched:
            counter.running.append(watched[module])

    def leave(module: nn.Module, _: Any, output: Any) -> None:
        if module in watched:
            counter.running.pop()
            on_output(module, output)

    hooks = (
        register_module_forward_pre_hook(enter),
        register_module_forward_hook(leave, always_call=True),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def without_fast_path() -> Iterator[None]:
    """Turn off the fused kernels of ``nn.MultiheadAttention`` and ``nn.TransformerEncoder``.

    The modules within them are called then.
    """
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
