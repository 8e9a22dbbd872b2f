"""The process that starts one process per device for a trial, by torchrun's own launcher.

To who started it this is a worker like any other (`worker.py`): its input has a `WorkerContext` and
a trial, its output the events, which the first of the devices writes. It restarts nothing: if one
of its processes dies it ends the others and then itself in the same way, and the trial is begun
again, from its last epoch, by who counts the attempts.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from convcompare.core.failures import SIGKILL
from convcompare.core.process import python_arguments

RANK = "convcompare.experiment.workers.torchrun_rank"
"""What runs for each device."""
CAUSE = "cause.json"
"""What the first process to fail has to say, a line for who started it all."""


def main() -> None:
    """Run a trial in as many processes as it has devices."""
    below, employer = sys.argv[2], os.getppid()
    place, trial = sys.stdin.readline(), sys.stdin.readline()
    if not trial:
        return
    logging.disable()  # what went wrong is said once, in our words
    os.environ.update(TORCH_CPP_LOG_LEVEL="ERROR", TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1")
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    folder = tempfile.mkdtemp(dir=below)
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        launch(folder, place, trial)
    except ChildFailedError as error:
        _end_likewise(folder, [failure.exitcode for failure in error.failures.values()])
    finally:
        if os.getppid() != employer:  # killed: nobody else tidies up
            shutil.rmtree(below, ignore_errors=True)


def launch(folder: str, place: str, trial: str) -> None:
    """Start the processes and wait for their end; they find each other by files in `folder`.

    So no port is opened but those of gloo, on the loopback interface. ChildFailedError where one of
    them fails: then all have ended.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=json.loads(trial)["trial"]["config"]["devices"],
        run_id=Path(folder).name,
        rdzv_backend="c10d",
        rdzv_endpoint=f"{folder}/torchrun",
        rdzv_configs={"store_type": "file"},
        local_addr="localhost",
        max_restarts=0,
        monitor_interval=0.1,
        logs_specs=DefaultLogsSpecs(log_dir=folder),
    )
    command = [*python_arguments(RANK), folder, place, trial]
    elastic_launch(config, sys.executable)(*command)


def _end_likewise(folder: str, codes: list[int]) -> None:
    """Pass on what a process said before it ended; where one was killed, end in the same way.

    `codes` are their exit codes; those that the launcher itself has ended were told to by SIGTERM.
    """
    by_others = [code for code in codes if code != -signal.SIGTERM]
    code = min(by_others, default=-signal.SIGTERM)  # a signal before an exit code
    cause = Path(folder, CAUSE)
    if code >= 0 and cause.exists():
        print(cause.read_text(encoding="utf-8"), flush=True)
    elif code >= 0:
        sys.exit(code)
    else:
        if code != -SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
