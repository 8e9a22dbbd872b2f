"""The process of one of the devices that train a network together, as torchrun starts it.

All of them train; the first also records, and says what happens as a worker does.
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

FAREWELL_SECONDS = 1.0
"""Time for the launcher to see which process failed first, before the echo of it can be heard."""


def main() -> None:
    """Train one trial with the other devices; ends at once where nobody waits for it any more."""
    folder, place, trial = sys.argv[2:5]
    orders, answers = take_streams()
    threading.Thread(target=_watch, args=(orders,), daemon=True).start()
    threading.Thread(target=_watch_launcher, args=(os.getppid(),), daemon=True).start()
    try:
        foreign_code.run_here()
        order = from_record(Trial, json.loads(trial)["trial"])
        train(folder, json.loads(place)["context"], order, EventWriter(answers))
    except Exception as error:
        _leave_word(Path(folder, CAUSE), error)
        time.sleep(FAREWELL_SECONDS)
        os._exit(1)


def train(folder: str, place: Mapping[str, Any], trial: Trial, writer: EventWriter) -> None:
    """Do the part of this device, from where the trial stands to its end."""
    from convcompare.models.build import origin_of
    from convcompare.training.device_group import join_devices

    workplace = from_record(WorkerContext, place)
    runtime = _on_this_device(workplace.runtime)
    unused = origin_of(Spec.parse(trial.model).name) != "registry"
    devices = join_devices(folder, runtime.device, unused=unused)
    runner = replace(workplace, runtime=runtime).runner(devices)
    if devices.rank:
        runner.follow(trial)
    else:
        threading.Thread(target=writer.tell_pulse, daemon=True).start()
        writer.tell_events(runner(trial))
    devices.leave()


def _on_this_device(runtime: Runtime) -> Runtime:
    if runtime.device == "cpu":
        return runtime
    return replace(runtime, device=f"{runtime.device}:{os.environ['LOCAL_RANK']}")


def _leave_word(path: Path, error: Exception) -> None:
    """Write what the launcher passes on, where no other process has done so before."""
    raised = isinstance(error, ConvcompareError)
    text = json.dumps(error_to_json(error) if raised else {"failed": reason(error)})
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return


def _watch(orders: TextIO) -> None:
    """There are no more orders; their end is that of who gave them."""
    orders.read()
    os._exit(1)


def _watch_launcher(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(FAREWELL_SECONDS)
    os._exit(1)
