"""The field of each unit of a tensor, as recorded by tracing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .axis import IMAGE, Axis

Axes = tuple[Axis | None, Axis | None]
"""Fields along the height and the width; None if no position is left."""
Dims = tuple[int | None, int | None]
NO_PLACES: Axes = (None, None)


class Untraceable(Exception):
    """An operation whose field cannot be derived from its arguments: its name, and the reason."""

    def __init__(self, operation: str, why: str = "") -> None:
        named = f"`{operation}` has no rule" if operation else why
        super().__init__(f"{named}: {why}" if operation and why else named)


@dataclass(frozen=True)
class Features:
    """Fields of the features that enter the first operation over all positions.

    ``before`` excludes adaptive pooling directly in front of it, ``after`` includes it.
    """

    before: Axes
    after: Axes


@dataclass(frozen=True)
class Field:
    """Fields of a tensor's units: height first, then width.

    ``axes`` follow the features: a gate that is computed from all positions weights them but does
    not end them. ``whole`` marks the sides along which every pixel has an influence. ``dims`` are
    the spatial dimensions, the same twice if the positions lie in a row. ``unpooled`` are the axes
    in front of a pooling head, until a layer reads its output. ``grid`` is the number of rows and
    columns that lie in a row, if it contains nothing else. ``apart`` is true if channels are the
    pixels of a window, which a selection of channels must not treat alike.
    """

    axes: Axes
    dims: Dims
    whole: tuple[bool, bool] = (False, False)
    unpooled: Axes | None = None
    features: Features | None = None
    grid: tuple[int, int] | None = None
    apart: bool = False

    @property
    def merged(self) -> bool:
        """Whether the positions lie in a row, along one dimension."""
        return self.dims[0] is not None and self.dims[0] == self.dims[1]

    def along(self, dim: int) -> list[int]:
        """Return the sides (0 height, 1 width) whose positions `dim` counts."""
        return [side for side in (0, 1) if self.axes[side] is not None and self.dims[side] == dim]

    def mixed(self, sides: Sequence[int], lost: bool = True) -> Field:
        """Return the field after an operation over all positions of `sides`.

        With `lost`, no position is left of them.
        """
        if not sides:
            return self
        whole = [whole or side in sides for side, whole in enumerate(self.whole)]
        features, axes, dims = self.features, list(self.axes), list(self.dims)
        if lost:
            features = features or Features(self.unpooled or self.axes, self.axes)
            for side in sides:
                axes[side] = dims[side] = None
        return replace(
            self,
            axes=(axes[0], axes[1]),
            dims=(dims[0], dims[1]),
            whole=(whole[0], whole[1]),
            features=features,
        )


IMAGE_FIELD = Field((IMAGE, IMAGE), (2, 3))
"""Field of images (n, c, h, w)."""


class Fields:
    """Fields of all tensors that depend on the image, and of other objects with their memory.

    ``Variable(x)``, ``copy.copy(x)`` and ``nn.Parameter(x)`` make such objects without an operation
    that a torch function mode sees.
    """

    def __init__(self) -> None:
        self._own: dict[int, tuple[Tensor, Field]] = {}
        self._sharing: dict[int, list[Tensor]] = {}

    def of(self, value: Any) -> Field | None:
        """Return the field of a tensor's units; None if it does not depend on the image.

        Raises:
            Untraceable: If the tensor is another view of the memory of one that depends on it.
        """
        found = self._own.get(id(value))
        if found is not None or not isinstance(value, Tensor):
            return found[1] if found else None
        sharing = self._sharing.get(_memory(value), [])
        same = next((one for one in reversed(sharing) if _layout(one) == _layout(value)), None)
        if same is None:
            if sharing:
                raise Untraceable("", "it reads the memory of a tensor in another way")
            return None
        field = self._own[id(same)][1]
        self.set(value, field)
        return field

    def set(self, tensor: Tensor, field: Field) -> None:
        """Set the field of a tensor; if it changes, the tensor was written into with its views."""
        before, memory = self._own.get(id(tensor)), _memory(tensor)
        sharing = self._sharing.setdefault(memory, [])
        if before is None:
            sharing.append(tensor)
        elif before[1] != field:
            for other in sharing:
                self._own.pop(id(other), None)
            self._sharing[memory] = [tensor]
        self._own[id(tensor)] = (tensor, field)  # a reference keeps the id and the memory valid


def _memory(tensor: Tensor) -> int:
    """Return the address of the memory of a tensor, on ``meta`` that of its storage."""
    with torch._C.DisableTorchFunction():
        if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
            why = "it runs within `torch.vmap` or another transform of `torch.func`"
            raise Untraceable("", why)
        if tensor.is_nested:
            raise Untraceable("", "it uses nested tensors")
        if tensor.layout != torch.strided:
            return id(tensor)
        storage = tensor.untyped_storage()
        address: int = storage.data_ptr() or storage._cdata
        return address


def _layout(tensor: Tensor) -> tuple[int, list[tuple[int, int]]]:
    """Return first element, sizes and strides of a tensor without dimensions of size 1."""
    with torch._C.DisableTorchFunction():
        sides = zip(tensor.shape, tensor.stride(), strict=True)
        return int(tensor.storage_offset()), [(n, by) for n, by in sides if n > 1]


def moved(field: Field, places: dict[int, int]) -> Field:
    """Return the field with its dimensions renumbered: old → new."""
    dims = [None if dim is None else places.get(dim) for dim in field.dims]
    return replace(field, dims=(dims[0], dims[1]))


def merge(parts: Sequence[tuple[Field, Sequence[int]]], shape: Sequence[int]) -> Field:
    """Return the field after an elementwise operation on several tensors, aligned from the right.

    A part without positions, such as a squeeze-and-excitation gate, makes the result whole but
    keeps its features.

    Args:
        parts: Each field with the shape of its tensor.
        shape: Shape of the result.

    Raises:
        Untraceable: If the tensors have their positions in different dimensions.
    """
    ndim = len(shape)
    axes: list[Axis | None] = [None, None]
    dims: list[int | None] = [None, None]
    for field, own in parts:
        for side in (0, 1):
            axis, dim = field.axes[side], field.dims[side]
            if axis is None:
                continue
            place = None if dim is None else dim + ndim - len(own)
            if dim is not None and place is not None and own[dim] == 1 and shape[place] > 1:
                axis = axis.fixed()
            known, at = axes[side], dims[side]
            if known is None:
                axes[side], dims[side] = axis, place
            elif place is not None and at is not None and place != at:
                raise Untraceable(
                    "merge", "its inputs have their positions in different dimensions"
                )
            else:
                row = at if at is not None else place
                units = 1 if row is None else shape[row]
                axes[side], dims[side] = known.union(axis, units), row
    whole = [any(field.whole[side] for field, _ in parts) for side in (0, 1)]
    return Field(
        (axes[0], axes[1]),
        (dims[0], dims[1]),
        (whole[0], whole[1]),
        _only(field.unpooled for field, _ in parts if field.axes != NO_PLACES),
        None if None not in axes else _joined([f.features for f, _ in parts]),
        _only(field.grid for field, _ in parts if field.axes != NO_PLACES),
        any(field.apart for field, _ in parts),
    )


def _only(values: Any) -> Any:
    """Return the value if all are equal, otherwise None."""
    found = list(values)
    return found[0] if found and all(value == found[0] for value in found) else None


def _joined(found: Sequence[Features | None]) -> Features | None:
    known = [features for features in found if features]
    if not known:
        return None

    def union(sides: Sequence[Axes]) -> Axes:
        merged: list[Axis | None] = [None, None]
        for axes in sides:
            for side, axis in enumerate(axes):
                other = merged[side]
                merged[side] = axis if other is None else other.union(axis or other, 1)
        return merged[0], merged[1]

    return Features(union([f.before for f in known]), union([f.after for f in known]))


def size_of(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape of a tensor as plain integers."""
    return tuple(int(side) for side in tensor.shape)
