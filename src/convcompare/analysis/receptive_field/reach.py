"""What each element of each tensor depends on: the extents of its pixels, kept beside the numbers.

The *reach* of a tensor is float32 (8, *shape), of which each part is 0 where nothing is seen:

0. height minus the first row,
1. the last row plus 1,
2. width minus the first column,
3. the last column plus 1,
4. 1 where padding or the other end of the image is seen along the rows: the field is cut,
5. 1 where it is seen along the columns,
6. 1 where a mask takes the element out in front of a softmax,
7. 1 behind an operation over all places, whatever the size of the image.

So what several elements see together is the maximum of their reaches, and padding by zeros sees
nothing. Reaches belong to storages: views and writes through views need no rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

PARTS, EXTENTS, MASKED, GLOBAL = 8, 4, 6, 7
BORDER = slice(4, 6)
TAKEN_OUT = -50.0
"""A constant below it that is added in front of a softmax takes a place out."""
SECONDS = 10.0
"""The processor time that a measurement may take, whatever else the machine does."""
TOO_LONG = f"it would take longer than {SECONDS:.0f} s"
"""Why a field is not known that takes more."""


class NotKnown(Exception):
    """Why what a unit sees cannot be told."""


@dataclass(frozen=True)
class Layout:
    """The operation that gave a storage, by its name, and the layout of its output."""

    name: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class Entering:
    """What enters an operation: its reaches as it stands and as the operation before laid it out,
    whose name is ``source``. ``side`` says that the operation leaves no place along a side.
    """

    source: str
    reaches: tuple[Tensor, Tensor]
    side: bool = False


@dataclass
class _Kept:
    """The reach of a storage; of each `count` elements, `inner` apart, all alike, it has one.

    ``unpooled`` is what entered the pooling head that the storage comes from.
    """

    storage: StorageWeakRef
    reach: Tensor
    item_size: int
    origin: Layout
    unpooled: Entering | None = None
    inner: int = 1
    count: int = 1

    def view(self, tensor: Tensor | Layout) -> Tensor | None:
        """The reach in a layout; None where that cuts through elements that are alike."""
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
        """Give every element its own."""
        if self.count > 1:
            parts = self.reach.view(PARTS, -1, 1, self.inner)
            spread = parts.expand(-1, -1, self.count, -1)
            self.reach = spread.reshape(PARTS, -1).contiguous()  # of one group it is a view
            self.inner = self.count = 1


class Reaches:
    """The reaches of all tensors that depend on the image, by their storages."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def of(self, tensor: Tensor) -> Tensor | None:
        """The reach of a tensor, as a view; None for one that does not depend on the image."""
        kept = self._kept.get(_key(tensor))
        if kept is None:
            return None
        if kept.item_size != tensor.element_size():
            raise NotKnown("an operation reads numbers as those of another type")
        return self._view(kept, tensor)

    def whole(self, tensor: Tensor) -> tuple[Tensor, Layout]:
        """The reach in the layout of the operation that gave the storage, and that operation."""
        kept = self._kept[_key(tensor)]
        return self._view(kept, kept.origin), kept.origin

    def unpooled(self, tensor: Tensor) -> Entering | None:
        """What entered the pooling head that the tensor comes from; None where there is none."""
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
        """Give a tensor, perhaps a part of its storage, a reach that fits its shape."""
        key, storage = _key(tensor), tensor.untyped_storage()
        elements = storage.nbytes() // tensor.element_size()
        new = key not in self._kept
        if new:
            self._forget_the_dead()
            layout = tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset())
            weak, empty = StorageWeakRef(storage), torch.empty(0)  # type: ignore[no-untyped-call]
            self._kept[key] = _Kept(weak, empty, tensor.element_size(), Layout(name, *layout))
        kept = self._kept[key]
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
        """Free what belonged to storages that are gone; until then their keys are not reused."""
        for key, kept in list(self._kept.items()):
            if kept.storage.expired():  # type: ignore[no-untyped-call]
                del self._kept[key]


def slim(reach: Tensor) -> Tensor:
    """A reach without the repetitions along dimensions that it is expanded in."""
    for dim in range(1, reach.ndim):
        if reach.stride(dim) == 0 and reach.shape[dim] > 1:
            reach = reach.narrow(dim, 0, 1)
    return reach


def repeated(reach: Tensor) -> Tensor:
    """A copy of a reach, with the repetitions that it has."""
    return slim(reach).clone().expand_as(reach)


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two reaches are equal, with equal repetitions."""
    first, second = slim(one), slim(other)
    return one.shape == other.shape and first.shape == second.shape and first.equal(second)


def moving(reach: Tensor) -> tuple[bool, bool]:
    """Whether the units that see anything see different rows, and different columns."""
    extents = slim(reach)[:EXTENTS].reshape(EXTENTS, -1)
    extents = extents[:, extents.amax(0) > 0]
    if not extents.numel():
        return False, False
    differ = (extents != extents[:, :1]).any(1)
    return bool(differ[:2].any()), bool(differ[2:].any())


def several(reach: Tensor) -> bool:
    """Whether the units that see anything see different parts of the image."""
    return any(moving(reach))


def _fitting(reach: Tensor, target: Tensor) -> Tensor:
    """One of each that `target` has one of."""
    for dim, size in enumerate(target.shape):
        if size == 1:
            reach = reach.narrow(dim, 0, 1)
    return reach


def _alike(tensor: Tensor, reach: Tensor) -> tuple[int, int]:
    """The dimension of a dense tensor along which a reach repeats: its stride and its size."""
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
    """The parts that mark padding along dimension `dim` of a reach: by what moves along it.

    Both where one place is all that there is; none along channels.
    """
    size, moving, reach = reach.shape[dim], [], slim(reach)
    for side in (0, 1):
        extents = reach[2 * side : 2 * side + 2]
        if (extents != extents.narrow(dim, 0, 1)).any():
            moving.append(BORDER.start + side)
    return moving if moving or size > 1 else [BORDER.start, BORDER.start + 1]


def of_image(channels: int, height: int, width: int) -> Tensor:
    """The reach of an image (1, c, h, w): each pixel sees itself."""
    rows = torch.arange(height, dtype=torch.float32).view(-1, 1)
    columns = torch.arange(width, dtype=torch.float32)
    reach = torch.zeros(PARTS, 1, channels, height, width)
    reach[0], reach[1] = height - rows, rows + 1
    reach[2], reach[3] = width - columns, columns + 1
    return reach
