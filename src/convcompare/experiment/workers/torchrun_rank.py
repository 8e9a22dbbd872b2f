"""Process of one of the devices that train a network together; torchrun starts it.

All of them train. The first also records and sends events like any worker.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from convcompare.core.errors import ConvcompareError
from convcompare.core.failures import reason
from convcompare.core.spec import Spec
from convcompare.store.json_fields import from_record
from convcompare.store.run import Trial

from .. import foreign_code
from .context import WorkerContext
from .protocol import error_to_json
from .torchrun_launcher import CAUSE
from .worker import EventWriter, take_streams

if TYPE_CHECKING:
    from convcompare.core.config import Runtime

EXIT_DELAY_SECONDS = 1.0
"""Delay of the exit after an error: the launcher sees which process failed first before other
processes fail because of it."""


def main() -> None:
    """Train one trial together with the other devices; exit at once if the parent has ended."""
    folder, context, trial = sys.argv[2:5]
    requests, replies = take_streams()
    threading.Thread(target=_watch, args=(requests,), daemon=True).start()
    threading.Thread(target=_watch_launcher, args=(os.getppid(),), daemon=True).start()
    try:
        foreign_code.run_here()
        trial_spec = from_record(Trial, json.loads(trial)["trial"])
        train(folder, json.loads(context)["context"], trial_spec, EventWriter(replies))
    except Exception as error:
        _write_cause(Path(folder, CAUSE), error)
        time.sleep(EXIT_DELAY_SECONDS)
        os._exit(1)


def train(folder: str, context: Mapping[str, Any], trial: Trial, writer: EventWriter) -> None:
    """Train on this device from the saved state of the trial to its end."""
    from convcompare.models.build import origin_of
    from convcompare.training.device_group import join_devices

    worker_context = from_record(WorkerContext, context)
    runtime = _on_this_device(worker_context.runtime)
    unused = origin_of(Spec.parse(trial.model).name) != "registry"
    devices = join_devices(folder, runtime.device, unused=unused)
    runner = replace(worker_context, runtime=runtime).runner(devices)
    if devices.rank:
        runner.follow(trial)
    else:
        threading.Thread(target=writer.write_progress, daemon=True).start()
        writer.write_events(runner(trial))
    devices.leave()


def _on_this_device(runtime: Runtime) -> Runtime:
    if runtime.device == "cpu":
        return runtime
    return replace(runtime, device=f"{runtime.device}:{os.environ['LOCAL_RANK']}")


def _write_cause(path: Path, error: Exception) -> None:
    """Write the error to the file that the launcher prints, unless it exists already."""
    raised = isinstance(error, ConvcompareError)
    text = json.dumps(error_to_json(error) if raised else {"failed": reason(error)})
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return


def _watch(requests: TextIO) -> None:
    """Exit when the input closes, which means that the parent has ended."""
    requests.read()
    os._exit(1)


def _watch_launcher(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(EXIT_DELAY_SECONDS)
    os._exit(1)
