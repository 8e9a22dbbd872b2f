"""Devices that train one network together, one process each: sharding and communication.

Every process goes through the same batches in the same order and takes its part of each. The mean
over a batch is the sum over the parts, each weighted by its share of the images, so parts may
differ in size. The result is that of one device except for the order of summation, for BatchNorm,
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
"""Timeout of communication, since other processes may analyse or save meanwhile; the death of a
process is noticed at once."""
_OPTIONS = inspect.signature(DistributedDataParallel).parameters
_SYNC = "forward_sync_buffers"  # `broadcast_buffers` before torch 2.13
_BUFFERS_ARE_OWN: dict[str, Any] = {_SYNC if _SYNC in _OPTIONS else "broadcast_buffers": False}
FEWEST = 2
"""Minimum number of images per device, unless it has none: BatchNorm has no variance of one
image."""


@dataclass(frozen=True)
class BatchShard:
    """Images of a batch that a device processes, and their share of the batch."""

    rows: slice
    share: float


class SingleDevice:
    """The only device of a training; its shard is the whole batch."""

    rank, size = 0, 1

    def shard(self, images: int) -> BatchShard:
        """Return this device's part of a batch of `images` images."""
        return BatchShard(slice(0, images), 1.0)

    def averaging(self, model: nn.Module) -> nn.Module | None:
        """Return the network whose backward pass averages gradients over devices, for an epoch."""
        return None

    def broadcast(self, model: nn.Module) -> None:
        """Copy the weights and buffers of the first device to all devices."""

    def of_first(self, number: int) -> int:
        """Return the value of `number` on the first device."""
        return number

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum over the devices, bit-identical on each of them."""
        return tensor

    def mean(self, means: Tensor, shares: Sequence[float]) -> Tensor:
        """Return the mean over each whole batch, from the means of the shards and their shares."""
        return means

    def all_gather(self, rows: Tensor, images: int) -> Tensor:
        """Return the rows of all `images` images in order, from those of each device's shard."""
        return rows


ALONE = SingleDevice()


class DeviceGroup(SingleDevice):
    """One of several processes with a device each; all must make the same calls in the same order.

    `unused` allows parameters without a gradient in a step, at a small cost.
    """

    def __init__(self, unused: bool) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.unused = unused

    def shard(self, images: int) -> BatchShard:
        """Return this device's part of a batch of `images` images: even, consecutive parts.

        A batch too small to be split belongs to the first device. The others process it as well,
        with a share of 0, so that no network gets an empty batch.
        """
        if images < FEWEST * self.size:
            return BatchShard(slice(0, images), 0.0 if self.rank else 1.0)
        first, last = (place * images // self.size for place in (self.rank, self.rank + 1))
        return BatchShard(slice(first, last), (last - first) / images)

    def averaging(self, model: nn.Module) -> nn.Module | None:
        """Return the network in torch's DistributedDataParallel; None if no parameter is trained.

        Each device has its own buffers. Created for each epoch, since the parameters that are
        trained may change between epochs (`model_hooks.py`).
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
        """Copy the weights and buffers of the first device to all devices."""
        tensors = [*model.parameters(), *model.buffers()]
        flat = [t.contiguous().reshape(-1).view(torch.uint8) for t in tensors]
        together = torch.cat(flat)  # bytes: gloo has no booleans
        dist.broadcast(together, src=0)
        for tensor, data in zip(
            tensors, torch.split(together, [len(f) for f in flat]), strict=True
        ):
            tensor.copy_(data.clone().view(tensor.dtype).view(tensor.shape))

    def of_first(self, number: int) -> int:
        """Return the value of `number` on the first device."""
        numbers = [number]
        dist.broadcast_object_list(numbers, src=0)
        return numbers[0]

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum over the devices, bit-identical on each of them."""
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    def mean(self, means: Tensor, shares: Sequence[float]) -> Tensor:
        """Return the mean over each whole batch, weighted by the shares of the devices."""
        weights = torch.tensor(shares[: len(means)], dtype=means.dtype, device=means.device)
        return self.sum(weights * means)

    def all_gather(self, rows: Tensor, images: int) -> Tensor:
        """Return the rows of all devices, in the order of the images."""
        part = self.shard(images)
        whole = rows.new_zeros((images, *rows.shape[1:]))
        if part.share:
            whole[part.rows] = rows
        return self.sum(whole)  # each row is a number and zeros: exact

    def leave(self) -> None:
        """Wait for all devices, then leave; otherwise this process would seem to have died."""
        dist.barrier()
        dist.destroy_process_group()


def join_devices(folder: str, on: str, unused: bool) -> DeviceGroup:
    """Join the processes that torchrun started; they find each other through `folder`."""
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
