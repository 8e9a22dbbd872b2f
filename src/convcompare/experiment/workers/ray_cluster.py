"""Connecting to a Ray cluster, its resources, and its errors."""

from __future__ import annotations

import math
import os
import secrets
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convcompare.core import formatting
from convcompare.core.config import Runtime
from convcompare.core.errors import ConvcompareError, UsageError, invalid, quote
from convcompare.core.process import FIXED_ORDER, cores

if TYPE_CHECKING:
    from convcompare.data.dataset import Dataset
    from convcompare.experiment.request import Request

SECONDS = 10.0
"""Maximum time for a cluster to answer."""
SETTINGS = b"\x04"
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + SETTINGS + b"\0\0\0\0\0"
"""First bytes from a client of HTTP/2 (RFC 9113, section 3.4), on which Ray is built; a server
answers with its settings, and the fourth byte of a frame is its type."""
STORE_BYTES = 256 << 20
"""Shared memory for results in transit on a cluster that this process starts; that for the images
is added to it."""
LOCAL = {
    **FIXED_ORDER,
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on every system: listen on loopback only
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_pipe_based_agent_to_parent_health_check": "1",  # its agents end with it at once
}
"""Environment of a cluster that this process starts; variables that the user has set take
precedence."""
QUIET = {"RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_NUM_REDIS_GET_RETRIES": f"{SECONDS:.0f}"}
"""Ray reports errors to its caller only, and gives up connecting after `SECONDS`."""


@dataclass(frozen=True)
class Share:
    """CPUs and GPUs that one trial occupies on a node."""

    cpus: int
    gpus: float = 0.0

    @classmethod
    def of(cls, runtime: Runtime) -> Share:
        """Return the share of each trial of a runtime."""
        return cls(
            runtime.of_a_job().threads, runtime.gpu_share if runtime.device == "cuda" else 0.0
        )

    def fits(self, offered: dict[str, float]) -> int:
        """Return how many shares fit on a node with the resources `offered`."""
        rooms = [offered.get("CPU", 0.0) / self.cpus]
        if self.gpus:
            rooms.append(offered.get("GPU", 0.0) / self.gpus)
        return math.floor(min(rooms) + 1e-6)

    def __str__(self) -> str:
        cpus = formatting.several(self.cpus, "CPU")
        return f"{cpus} and {self.gpus:g} GPU" if self.gpus else cpus


def connect(address: str | None, image_bytes: int) -> None:
    """Connect this process to the cluster at `address`, or to a new one on this machine.

    Does nothing if this process is already connected. A new cluster ends with this process.

    Args:
        address: ``HOST:PORT`` or ``auto``; None starts a cluster on this machine.
        image_bytes: Size of the data set, for which a new cluster reserves shared memory.

    Raises:
        UsageError: if Ray is not installed, does not answer, or has another version on the cluster.
    """
    if address is None:
        _set(LOCAL)
        if "RAY_AUTH_TOKEN_PATH" not in os.environ:
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    _set(QUIET)
    ray = _import()
    if ray.is_initialized():
        return
    with _plain_errors(address):
        if address is None:
            memory = STORE_BYTES + 2 * image_bytes
            ray.init("local", num_cpus=cores(), object_store_memory=memory, **_options())
        else:
            _check_answers(address)
            ray.init(address, **_options())


def _set(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def room(share: Share) -> int:
    """Return how many trials fit at a time on the nodes that are alive."""
    return sum(share.fits(offered) for offered in _nodes())


def check_offered(share: Share) -> None:
    """Raise UsageError if no node is large enough for one trial, which would then wait forever."""
    nodes = _nodes()
    if any(share.fits(offered) for offered in nodes):
        return
    cpus = max((offered.get("CPU", 0.0) for offered in nodes), default=0.0)
    gpus = max((offered.get("GPU", 0.0) for offered in nodes), default=0.0)
    raise UsageError(
        f"no node of the cluster has {share} for a trial: the largest has {cpus:g} CPUs and "
        f"{gpus:g} GPUs",
        "`--threads N` says how many CPUs a trial takes, `--gpu-share S` which part of a GPU",
    )


def _nodes() -> list[dict[str, float]]:
    return [node["Resources"] for node in _import().nodes() if node["Alive"]]


def _options() -> dict[str, Any]:
    import logging

    return {
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": logging.CRITICAL,
        "configure_logging": True,
    }


def _import() -> Any:
    try:
        import ray
    except ModuleNotFoundError:
        raise UsageError(
            "Ray is not installed", "pip install 'convcompare[ray]', here and on every node"
        ) from None
    return ray


def _check_answers(address: str) -> None:
    """Check within seconds that a cluster answers; Ray itself would wait for a minute."""
    if address == "auto":
        return
    if "://" in address:
        raise UsageError(
            f"{quote(address)} is not the address of a cluster",
            "HOST:PORT as `ray start --head` prints it; results do not stream through ray://",
        )
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise invalid("--ray-address", address, "HOST:PORT as `ray start --head` says")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), SECONDS / 2) as line:
            line.sendall(GREETING)
            frame = line.recv(4)
    except OSError as error:
        raise _no_answer(address, error.strerror or str(error)) from None
    if frame[3:] != SETTINGS:
        raise _no_answer(address, "something else does")


def _no_answer(address: str, why: str) -> UsageError:
    return UsageError(
        f"no Ray cluster answers at {quote(address)}: {why}",
        "`ray status --address HOST:PORT` asks it; without `--ray-address` one is started here",
    )


@contextmanager
def _plain_errors(address: str | None) -> Iterator[None]:
    """Convert errors of Ray to a UsageError of one line.

    Also restores the SIGTERM handler, which Ray replaces.
    """
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except ConvcompareError:
        raise
    except Exception as error:
        raise _usage_error(error, address) from error
    finally:
        signal.signal(signal.SIGTERM, handler)


def _usage_error(error: Exception, address: str | None) -> UsageError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    if text.startswith("Version mismatch"):
        versions = [line for line in lines if line.startswith(("Ray:", "Python:"))]
        theirs, ours = ", ".join(versions[:2]), ", ".join(versions[2:])
        return UsageError(
            f"the cluster has other versions ({theirs}) than this command ({ours})",
            "install the same Ray and Python here and on every node",
        )
    if address is None:
        return UsageError(f"Ray does not start: {text}", "`--jobs N` needs no Ray on one machine")
    return UsageError(
        f"the cluster at {quote(address)} refuses this command: {text.rstrip('.')}",
        "set the token of its nodes (RAY_AUTH_MODE, RAY_AUTH_TOKEN_PATH), and make this machine "
        "one of them: `ray start --address HOST:PORT --num-cpus 0`",
    )


def on_cluster(runtime: Runtime, request: Request, dataset: Dataset) -> Runtime:
    """Return the runtime for trials on the requested cluster.

    It has `--jobs` trials at a time, by default as many as the cluster has room for, with one
    thread each unless `--threads` is given. Connects to the cluster except in a dry run.

    Raises:
        UsageError: if the cluster does not answer or has no node that is large enough.
    """
    if runtime.device not in ("cpu", "cuda"):
        raise UsageError(
            f"a cluster has no `--device {runtime.device}`",
            "`--device cuda`: Ray says which GPU of a node a trial gets",
        )
    runtime = replace(
        runtime,
        job_threads=request.threads or 1,
        fitted=False,
        compile="on" if runtime.compile == "on" else "off",  # the faster choice differs by node
        address=request.ray_address,
        gpu_share=request.gpu_share,
        jobs=request.jobs or 1,
    )
    if request.dry_run:
        return runtime
    share = Share.of(runtime)
    connect(runtime.address, dataset.image_bytes)
    check_offered(share)
    return replace(runtime, jobs=request.jobs or room(share))
