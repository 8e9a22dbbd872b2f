"""Trials on a Ray cluster, as they were asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.core.errors import UsageError, quote

if TYPE_CHECKING:
    from convcompare.core.config import Runtime
    from convcompare.data.dataset import Dataset

    from .request import Request


def on_cluster(runtime: Runtime, request: Request, dataset: Dataset) -> Runtime:
    """The runtime on the cluster that was asked for: so many trials at a time, or all there is
    room for, one thread each unless `--threads` says more.

    The cluster is connected to, unless nothing is to be run; UsageError where it does not answer,
    or has no node for such a trial.
    """
    if runtime.device not in ("cpu", "cuda"):
        raise UsageError(
            f"device {quote(runtime.device)} cannot be asked of a cluster",
            "`--device cuda`: Ray says which GPU of a node a trial gets",
        )
    threads = request.threads or 1
    runtime = replace(
        runtime,
        job_threads=threads,
        fitted=False,
        compile="on" if runtime.compile == "on" else "off",  # what pays differs between nodes
        address=request.ray_address,
        gpu_share=request.gpu_share,
        jobs=request.jobs or 1,
    )
    if request.dry_run:
        return runtime
    from convcompare.experiment.workers import ray_cluster

    share = ray_cluster.Share.of(runtime, threads)
    ray_cluster.connect(runtime.address, dataset.image_bytes)
    ray_cluster.check_offered(share)
    return replace(runtime, jobs=request.jobs or ray_cluster.room(share))
