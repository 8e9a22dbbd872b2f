"""The connection to a Ray cluster, what the cluster offers, and what can be wrong with either."""

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
from convcompare.core.errors import ConvcompareError, UsageError, quote
from convcompare.core.process import cores

if TYPE_CHECKING:
    from convcompare.data.dataset import Dataset
    from convcompare.experiment.request import Request

SECONDS = 10.0
"""How long a cluster may take to answer."""
SETTINGS = b"\x04"
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + SETTINGS + b"\0\0\0\0\0"
"""How a client of HTTP/2 (RFC 9113, section 3.4), on which Ray is built, begins to talk; a server
answers with its settings, the kind of a frame being its fourth byte."""
STORE_BYTES = 256 << 20
"""Shared memory of a cluster of our own, beside that of the images: for results under way."""
LOCAL = {
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # everywhere: its name for "listen on loopback only"
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_pipe_based_agent_to_parent_health_check": "1",  # its helpers end with it at once
}
"""What a cluster of our own is started with, where the user has not said otherwise."""
QUIET = {"RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_NUM_REDIS_GET_RETRIES": f"{SECONDS:.0f}"}
"""Ray tells its errors to who called it, and tries for no longer than this to connect."""


@dataclass(frozen=True)
class Share:
    """What one trial asks a node for."""

    cpus: int
    gpus: float = 0.0

    @classmethod
    def of(cls, runtime: Runtime, threads: int) -> Share:
        """The share that each trial of a runtime takes."""
        return cls(threads, runtime.gpu_share if runtime.device == "cuda" else 0.0)

    def fits(self, offered: dict[str, float]) -> int:
        """How many of these a node with such resources has room for."""
        rooms = [offered.get("CPU", 0.0) / self.cpus]
        if self.gpus:
            rooms.append(offered.get("GPU", 0.0) / self.gpus)
        return math.floor(min(rooms) + 1e-6)

    def __str__(self) -> str:
        cpus = formatting.several(self.cpus, "CPU")
        return f"{cpus} and {self.gpus:g} GPU" if self.gpus else cpus


def connect(address: str | None, image_bytes: int) -> None:
    """Connect this process to the cluster at `address`, or to one of its own on this machine.

    Once a process; what was started ends with it. Raises UsageError where Ray is not installed,
    does not answer, or is another version there.
    """
    if address is None:
        _set(LOCAL)
        if "RAY_AUTH_TOKEN_PATH" not in os.environ:
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    _set(QUIET)
    ray = _import()
    if ray.is_initialized():
        return
    with _quiet_and_in_our_words(address):
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
    """How many trials the nodes that are alive have room for at a time."""
    return sum(share.fits(offered) for offered in _nodes())


def check_offered(share: Share) -> None:
    """UsageError where no node is large enough for one trial: it would wait for ever."""
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
    """Find out within seconds what Ray itself would wait a minute for."""
    if address == "auto":
        return
    if "://" in address:
        raise UsageError(
            f"{quote(address)} is not the address of a cluster",
            "HOST:PORT as `ray start --head` prints it; results do not stream through ray://",
        )
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(
            f"invalid value for `--ray-address`: {quote(address)}",
            "HOST:PORT as `ray start --head` says",
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), SECONDS / 2) as line:
            line.sendall(GREETING)
            frame = line.recv(4)
    except OSError as error:
        raise _silent(address, error.strerror or str(error)) from None
    if frame[3:] != SETTINGS:
        raise _silent(address, "something else does")


def _silent(address: str, why: str) -> UsageError:
    return UsageError(
        f"no Ray cluster answers at {quote(address)}: {why}",
        "`ray status --address HOST:PORT` asks it; without `--ray-address` one is started here",
    )


@contextmanager
def _quiet_and_in_our_words(address: str | None) -> Iterator[None]:
    """What Ray raises as one line; its own handler of SIGTERM is not left behind."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except ConvcompareError:
        raise
    except Exception as error:
        raise _in_our_words(error, address) from error
    finally:
        signal.signal(signal.SIGTERM, handler)


def _in_our_words(error: Exception, address: str | None) -> UsageError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    if text.startswith("Version mismatch"):
        told = [line for line in lines if line.startswith(("Ray:", "Python:"))]
        theirs, ours = ", ".join(told[:2]), ", ".join(told[2:])
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
    """The runtime on the cluster that was asked for: so many trials at a time, or all there is
    room for, one thread each unless `--threads` says more.

    The cluster is connected to, unless nothing is to be run; UsageError where it does not answer,
    or has no node for such a trial.
    """
    if runtime.device not in ("cpu", "cuda"):
        raise UsageError(
            f"a cluster has no `--device {runtime.device}`",
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
    share = Share.of(runtime, threads)
    connect(runtime.address, dataset.image_bytes)
    check_offered(share)
    return replace(runtime, jobs=request.jobs or room(share))
