"""Process that starts one process per device for a trial, with torchrun's own launcher.

Its parent uses it like any worker (`worker.py`): its input is a `WorkerContext` and a trial, its
output the events, which the process of the first device writes. It restarts nothing. If one of its
processes dies, it ends the others and then itself in the same way; the executor, which counts the
attempts, starts the trial again from its last epoch.
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
"""Module that runs for each device."""
CAUSE = "cause.json"
"""File with the message of the first process that failed, for the parent of the launcher."""


def main() -> None:
    """Run a trial in one process per device."""
    base, parent = sys.argv[2], os.getppid()
    context, trial = sys.stdin.readline(), sys.stdin.readline()
    if not trial:
        return
    logging.disable()  # errors are reported once, by this program
    os.environ.update(TORCH_CPP_LOG_LEVEL="ERROR", TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1")
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    folder = tempfile.mkdtemp(dir=base)
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        launch(folder, context, trial)
    except ChildFailedError as error:
        _exit_like(folder, [failure.exitcode for failure in error.failures.values()])
    finally:
        if os.getppid() != parent:  # the parent was killed and cannot delete the folder
            shutil.rmtree(base, ignore_errors=True)


def launch(folder: str, context: str, trial: str) -> None:
    """Start the processes and wait until they end; they find each other through files in `folder`.

    Therefore only gloo opens ports, on the loopback interface.

    Raises:
        ChildFailedError: if one of them fails, after all have ended.
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
    command = [*python_arguments(RANK), folder, context, trial]
    elastic_launch(config, sys.executable)(*command)


def _exit_like(folder: str, codes: list[int]) -> None:
    """Print the message of the process that failed, or exit as it did.

    Args:
        folder: Folder in which that process may have written `CAUSE`.
        codes: Exit codes of the processes; -SIGTERM for those that the launcher ended.
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
