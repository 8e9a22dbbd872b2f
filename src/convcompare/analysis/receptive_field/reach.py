"""The pixels that each element of each tensor depends on, as extents kept beside its value.

The *reach* of a tensor is float32 (9, *shape). Each part is 0 if nothing is seen:

0. height minus the first row,
1. the last row plus 1,
2. width minus the first column,
3. the last column plus 1,
4. 1 if padding or the other end of the image is seen along the rows: the field is cut,
5. 1 if it is seen along the columns,
6. 1 if a mask removes the element in front of a softmax,
7. 1 after an operation over all rows, for any size of the image,
8. 1 after an operation over all columns.

So several elements together see the maximum of their reaches, and zero padding sees nothing.
Reaches belong to storages: views and writes through views need no rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

PARTS, EXTENTS, MASKED = 9, 4, 6
BORDER, GLOBAL = slice(4, 6), slice(7, 9)
TAKEN_OUT = -50.0
"""A constant below this, added in front of a softmax, removes a position."""
SECONDS = 10.0
"""Limit of processor time for a measurement, independent of the machine's load."""
TOO_LONG = f"it would take longer than {SECONDS:.0f} s"
"""Reason for an unknown field if the measurement exceeds the limit."""
_OTHER_TYPE = "an operation reads numbers as those of another type"


class NotKnown(Exception):
    """The field of a unit cannot be determined; the message is the reason."""


@dataclass(frozen=True)
class Layout:
    """Name of the operation that created a storage, and the layout of its output."""

    name: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class Entering:
    """Input of an operation: its reaches as they are and in the layout of its source.

    ``source`` is the name of the operation that created it. ``side`` is true if the operation
    leaves no position along one side.
    """

    source: str
    reaches: tuple[Tensor, Tensor]
    side: bool


@dataclass
class _Kept:
    """The reach of a storage, stored once per group of elements with the same reach.

    A group has `count` elements at distance `inner`. ``unpooled`` is the input of the pooling head
    that the storage comes from.
    """

    storage: StorageWeakRef
    reach: Tensor
    item_size: int
    origin: Layout
    unpooled: Entering | None = None
    inner: int = 1
    count: int = 1

    def view(self, tensor: Tensor | Layout) -> Tensor | None:
        """Return the reach in a layout; None if the layout cuts through groups."""
        place, block = int(_offset(tensor)), self.inner * self.count
        beside, between = place % self.inner, place % block // self.inner * self.inner
        strides = []
        for size, stride in zip(tensor.shape, _strides(tensor), strict=True):
            reach = (size - 1) * stride
            if stride % block == 0 or size == 1:
                strides.append(stride // block * self.inner)
            elif stride % self.inner == 0:
                strides.append(0)
                between += reach
            else:
                strides.append(stride)
                beside += reach
        if beside >= self.inner or between >= block:
            return None
        offset = place // block * self.inner + place % self.inner
        return self.reach.as_strided(
            (PARTS, *tensor.shape), (self.reach.stride(0), *strides), offset
        )

    def spread(self) -> None:
        """Store a reach per element."""
        if self.count > 1:
            parts = self.reach.view(PARTS, -1, 1, self.inner)
            spread = parts.expand(-1, -1, self.count, -1)
            self.reach = spread.reshape(PARTS, -1).contiguous()  # a view if there is one group
            self.inner = self.count = 1


class Reaches:
    """Reaches of all tensors that depend on the image, by storage."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def of(self, tensor: Tensor) -> Tensor | None:
        """Return the reach of a tensor as a view; None if it does not depend on the image."""
        if tensor.layout != torch.strided:
            return None
        kept = self._kept.get(_key(tensor))
        if kept is None:
            return None
        if kept.item_size != tensor.element_size():
            return self._view(kept, _of_pairs(tensor, kept.item_size))
        return self._view(kept, tensor)

    def whole(self, tensor: Tensor) -> tuple[Tensor, Layout]:
        """Return the reach in the layout in which the storage was created, and that layout."""
        kept = self._kept[_key(tensor)]
        return self._view(kept, kept.origin), kept.origin

    def unpooled(self, tensor: Tensor) -> Entering | None:
        """Return the input of the pooling head that the tensor comes from, or None."""
        kept = self._kept.get(_key(tensor))
        return kept.unpooled if kept else None

    @staticmethod
    def _view(kept: _Kept, tensor: Tensor | Layout) -> Tensor:
        found = kept.view(tensor)
        if found is None:
            kept.spread()
            found = kept.view(tensor)
        assert found is not None
        return found

    def write(
        self, tensor: Tensor, reach: Tensor, name: str, unpooled: Entering | None = None
    ) -> None:
        """Store the reach of a tensor, which may be a part of its storage.

        Args:
            tensor: The tensor.
            reach: Its reach (9, *shape).
            name: Name of the operation that created it.
            unpooled: Input of the pooling head that it comes from.
        """
        key, storage = _key(tensor), tensor.untyped_storage()
        elements = storage.nbytes() // tensor.element_size()
        new = key not in self._kept
        if new:
            self._forget_the_dead()
            layout = tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset())
            weak, empty = StorageWeakRef(storage), torch.empty(0)  # type: ignore[no-untyped-call]
            self._kept[key] = _Kept(weak, empty, tensor.element_size(), Layout(name, *layout))
        kept = self._kept[key]
        if kept.item_size != tensor.element_size():
            raise NotKnown(_OTHER_TYPE)
        whole = tensor.numel() == elements
        kept.unpooled = unpooled if whole or kept.unpooled is unpooled else None
        if whole:
            kept.inner, kept.count = _alike(tensor, reach)
            kept.reach = torch.zeros(PARTS, elements // kept.count)
        else:
            if new:
                kept.reach = torch.zeros(PARTS, elements)
            kept.spread()
        target = slim(self._view(kept, tensor))
        target.copy_(_fitting(reach, target))

    def _forget_the_dead(self) -> None:
        """Delete the reaches of freed storages; their keys are not reused before."""
        for key, kept in list(self._kept.items()):
            if kept.storage.expired():  # type: ignore[no-untyped-call]
                del self._kept[key]


def slim(reach: Tensor) -> Tensor:
    """Return a reach without the repetitions along expanded dimensions."""
    for dim in range(1, reach.ndim):
        if reach.stride(dim) == 0 and reach.shape[dim] > 1:
            reach = reach.narrow(dim, 0, 1)
    return reach


def repeated(reach: Tensor) -> Tensor:
    """Return a copy of a reach with its repetitions."""
    return slim(reach).clone().expand_as(reach)


def same(one: Tensor, other: Tensor) -> bool:
    """Return whether two reaches are equal and have equal repetitions."""
    first, second = slim(one), slim(other)
    return one.shape == other.shape and first.shape == second.shape and first.equal(second)


def moving(reach: Tensor) -> tuple[bool, bool]:
    """Return whether units that see anything see different rows, and different columns."""
    extents = slim(reach)[:EXTENTS].reshape(EXTENTS, -1)
    extents = extents[:, extents.amax(0) > 0]
    if not extents.numel():
        return False, False
    differ = (extents != extents[:, :1]).any(1)
    return bool(differ[:2].any()), bool(differ[2:].any())


def several(reach: Tensor) -> bool:
    """Return whether units that see anything see different parts of the image."""
    return any(moving(reach))


def _of_pairs(tensor: Tensor, item_size: int) -> Layout:
    """Return the layout, in complex numbers of `item_size` bytes, of their parts in a tensor."""
    sides = zip(tensor.shape, tensor.stride(), strict=True)
    in_pairs = all(by % 2 == 0 or size == 1 or (size, by) == (2, 1) for size, by in sides)
    if item_size != 2 * tensor.element_size() or not in_pairs:
        raise NotKnown(_OTHER_TYPE)
    strides = tuple(by // 2 for by in tensor.stride())  # 0 from the real to the imaginary part
    return Layout("", tuple(tensor.shape), strides, int(tensor.storage_offset()) // 2)


def _fitting(reach: Tensor, target: Tensor) -> Tensor:
    """Narrow a reach to one element along the dimensions in which `target` has one."""
    for dim, size in enumerate(target.shape):
        if size == 1:
            reach = reach.narrow(dim, 0, 1)
    return reach


def _alike(tensor: Tensor, reach: Tensor) -> tuple[int, int]:
    """Return stride and size of the dimension of a dense tensor along which a reach repeats."""
    best, dims = (1, 1), list(zip(tensor.shape, tensor.stride(), strict=True))
    for dim, (size, stride) in enumerate(dims):
        if reach.stride(dim + 1) == 0 and size > best[1] and stride > 0:
            others = [(n, s) for d, (n, s) in enumerate(dims) if d != dim and n > 1]
            if all(s % (stride * size) == 0 or (n - 1) * s < stride for n, s in others):
                best = (stride, size)
    return best


def _offset(tensor: Tensor | Layout) -> int:
    return tensor.offset if isinstance(tensor, Layout) else int(tensor.storage_offset())


def _strides(tensor: Tensor | Layout) -> tuple[int, ...]:
    return tensor.stride if isinstance(tensor, Layout) else tensor.stride()


def _key(tensor: Tensor) -> int:
    key: int = tensor.untyped_storage()._cdata
    return key


def border_parts(reach: Tensor, dim: int) -> list[int]:
    """Return the parts that mark padding along dimension `dim`: those of the side that varies.

    Both if the dimension has one position; none along channels.
    """
    size, moving, reach = reach.shape[dim], [], slim(reach)
    for side in (0, 1):
        extents = reach[2 * side : 2 * side + 2]
        if (extents != extents.narrow(dim, 0, 1)).any():
            moving.append(BORDER.start + side)
    return moving if moving or size > 1 else [BORDER.start, BORDER.start + 1]


def of_image(channels: int, height: int, width: int) -> Tensor:
    """Return the reach of an image (1, c, h, w): each pixel sees itself."""
    rows = torch.arange(height, dtype=torch.float32).view(-1, 1)
    columns = torch.arange(width, dtype=torch.float32)
    reach = torch.zeros(PARTS, 1, channels, height, width)
    reach[0], reach[1] = height - rows, rows + 1
    reach[2], reach[3] = width - columns, columns + 1
    return reach
