"""Run a network once on an image while every operation propagates reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes

from convcompare.models.inspection import calls_seen
from convcompare.models.interface import copied
from convcompare.models.mac_counter import without_fast_path

from .operation_names import VALUES
from .reach import NotKnown, of_image
from .reach_mode import ReachMode
from .reach_moves import mark_padding

_BRANCHES = frozenset(("__bool__", "is_nonzero", "equal"))
"""Functions whose answer decides which branch a network takes."""
_READING = VALUES - _BRANCHES
"""Functions that read values past ATen."""
IMAGE = "image"
"""Name of the image among the operations."""
Watch = Callable[[str, nn.Module, Any, Any, ReachMode], None]
"""Called after each module with its name, the module, its arguments, its output and the mode."""


class _Branches(TorchFunctionMode):
    """Records which branches a network takes."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[bool] = []

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        if getattr(function, "__name__", "") in _BRANCHES:
            self.answers.append(output)
        return output


def _branches(model: nn.Module, images: Tensor) -> list[bool]:
    """Return the answers by which a copy of the network branches, until it fails."""
    seen = _Branches()
    with suppress(Exception), torch.random.fork_rng([]), torch.no_grad(), seen:
        copied(model)(images.clone())
    return seen.answers


class _Readings(TorchFunctionMode):
    """Refuses functions that read image values past ATen; marks circular padding.

    Costly operations have no values here, so that branches are those of `answers`.
    """

    def __init__(self, mode: ReachMode, answers: Sequence[bool]) -> None:
        super().__init__()
        self.mode, self.answers = mode, iter(answers)

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs, name = kwargs or {}, getattr(function, "__name__", "")
        tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        given = next(iter(tensors), None)
        if any(map(torch._C._functorch.is_functorch_wrapped_tensor, tensors)):
            raise NotKnown("it runs within `torch.vmap` or another transform of `torch.func`")
        depends = given is not None and self.mode.reaches.of(given) is not None
        if depends and name in _READING:
            self.mode.failure = NotKnown("it reads values that depend on the image")
            raise self.mode.failure
        if name in _BRANCHES:
            answer = next(self.answers, None)
            if answer is None:
                self.mode.failure = NotKnown("it takes other branches in another pass")
                raise self.mode.failure
            return answer
        output = function(*args, **kwargs)
        if (
            given is not None
            and depends
            and name == "pad"
            and (args[2:3] or [kwargs.get("mode")])[0] == "circular"
        ):
            found, reach = self.mode.reaches.of(output), self.mode.reaches.of(given)
            if found is not None and reach is not None:
                mark_padding(found, reach, args[1] if len(args) > 1 else kwargs["pad"])
        return output


@contextmanager
def _plain_operations() -> Iterator[None]:
    """Run attention and recurrence as single operations, not as fused kernels."""
    mkldnn: Any = torch.backends.mkldnn
    kernels = mkldnn.enabled
    mkldnn.enabled = False
    try:
        with without_fast_path(), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        mkldnn.enabled = kernels


def run_with_reaches(model: nn.Module, channels: int, mode: ReachMode, watch: Watch) -> Any:
    """Return the output of the network for one image of noise; call `watch` after each module.

    Raises:
        NotKnown: If an operation has no rule, or after the deadline.
    """
    image = mode.image
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(1, channels, *image, generator=generator)
    answers = _branches(model, images)
    mode.reaches.write(images, of_image(channels, *image), IMAGE)

    def leave(name: str, module: nn.Module, given: Any, _: Any, output: Any) -> None:
        mode.path.pop()
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            watch(name, module, given, output, mode)

    with (
        calls_seen(model.named_modules(), leave, lambda name, _: mode.path.append(name)),
        torch.random.fork_rng([]),
        _plain_operations(),
        torch.no_grad(),
        _Readings(mode, answers),
        mode,
    ):
        try:
            return model(images)
        finally:
            if mode.failure is not None:
                raise mode.failure


def without_zeros(model: nn.Module) -> None:
    """Make trainable weights nonzero, as they are after a training step, in place."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad and parameter.is_floating_point():
                parameter.data = torch.where(parameter == 0, 0.01, parameter)
