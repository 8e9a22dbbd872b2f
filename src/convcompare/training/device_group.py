"""The devices that train one network together, a process each: who takes which images, and sums.

Every process goes through the same batches in the same order and takes its part of each. The mean
over a batch is then a sum over the parts, each weighted by its share of the images, whatever their
sizes. So what one device would compute is computed, but for the order of summation, for BatchNorm,
which sees the images of its own device, and for dropout, which each device draws for itself.
"""

from __future__ import annotations

import datetime
import inspect
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from convcompare.models.devices import select

PATIENCE = datetime.timedelta(days=1)
"""How long a process waits for the others, which may analyse or save: death is noticed at once."""
_OPTIONS = inspect.signature(DistributedDataParallel).parameters
_SYNC = "forward_sync_buffers"  # `broadcast_buffers` before torch 2.13
_BUFFERS_ARE_OWN: dict[str, Any] = {_SYNC if _SYNC in _OPTIONS else "broadcast_buffers": False}
FEWEST = 2
"""A device takes at least so many images, or none: BatchNorm has no variance of a single one."""


@dataclass(frozen=True)
class BatchShard:
    """The images of a batch that a device looks at, and the share of the batch that they count."""

    rows: slice
    share: float


class SingleDevice:
    """The one device of a training: the part is the whole."""

    rank, size = 0, 1

    def shard(self, images: int) -> BatchShard:
        """What this device does of a batch of so many images."""
        return BatchShard(slice(0, images), 1.0)

    def averaging(self, model: nn.Module) -> nn.Module | None:
        """The network whose backward pass averages the gradients of all devices, for an epoch."""
        return None

    def broadcast(self, model: nn.Module) -> None:
        """Give every device the weights and buffers of the first one."""

    def of_first(self, number: int) -> int:
        """The number that the first device has, on each of them."""
        return number

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over the devices, the same bits on each of them."""
        return tensor

    def mean(self, means: Tensor, shares: Sequence[float]) -> Tensor:
        """The mean over each whole batch from those of this device's parts, and their shares."""
        return means

    def all_gather(self, rows: Tensor, images: int) -> Tensor:
        """From the rows of each device's part of so many images to those of all, in order."""
        return rows


ALONE = SingleDevice()


class DeviceGroup(SingleDevice):
    """One of several processes, each with a device; all must be asked the same in the same order.

    ``unused`` says that some parameters may get no gradient in a step, which costs a little.
    """

    def __init__(self, unused: bool = True) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.unused = unused

    def shard(self, images: int) -> BatchShard:
        """Even parts, one after another; a batch too small to be split is the first device's.

        The others look at it as well, so that no network meets an empty batch, but it counts once.
        """
        if images < FEWEST * self.size:
            return BatchShard(slice(0, images), 0.0 if self.rank else 1.0)
        first, last = (place * images // self.size for place in (self.rank, self.rank + 1))
        return BatchShard(slice(first, last), (last - first) / images)

    def averaging(self, model: nn.Module) -> nn.Module | None:
        """The same network as torch's DistributedDataParallel; None where nothing is trained.

        Buffers are each device's own. Made anew for each epoch: which parameters are trained may
        change between them (`model_hooks.py`).
        """
        if not any(p.requires_grad for p in model.parameters()):
            return None
        return DistributedDataParallel(
            model,
            find_unused_parameters=self.unused,
            init_sync=False,
            **_BUFFERS_ARE_OWN,
        )

    @torch.no_grad()
    def broadcast(self, model: nn.Module) -> None:
        """Give every device the weights and buffers of the first one."""
        tensors = [*model.parameters(), *model.buffers()]
        flat = [t.contiguous().reshape(-1).view(torch.uint8) for t in tensors]
        together = torch.cat(flat)  # bytes: gloo has no booleans
        dist.broadcast(together, src=0)
        for tensor, data in zip(
            tensors, torch.split(together, [len(f) for f in flat]), strict=True
        ):
            tensor.copy_(data.clone().view(tensor.dtype).view(tensor.shape))

    def of_first(self, number: int) -> int:
        """The number that the first device has, on each of them."""
        numbers = [number]
        dist.broadcast_object_list(numbers, src=0)
        return numbers[0]

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over the devices, the same bits on each of them."""
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    def mean(self, means: Tensor, shares: Sequence[float]) -> Tensor:
        """The mean over each whole batch, weighted by the shares of the devices."""
        weights = torch.tensor(shares[: len(means)], dtype=means.dtype, device=means.device)
        return self.sum(weights * means)

    def all_gather(self, rows: Tensor, images: int) -> Tensor:
        """The rows of all devices, in the order of the images."""
        part = self.shard(images)
        whole = rows.new_zeros((images, *rows.shape[1:]))
        if part.share:
            whole[part.rows] = rows
        return self.sum(whole)  # each row is a number and zeros: exact

    def leave(self) -> None:
        """Go when all are done: who went before would look like one that died."""
        dist.barrier()
        dist.destroy_process_group()


def join_devices(folder: str, on: str, unused: bool) -> DeviceGroup:
    """Become one of the processes that torchrun started; they find each other in `folder`."""
    device = torch.device(on)
    select(device)
    dist.init_process_group(
        dist.get_default_backend_for_device(device),
        init_method=f"file://{folder}/meeting",
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
        timeout=PATIENCE,
    )
    return DeviceGroup(unused)
