"""TensorBoard event files, a folder per run; needs neither torch nor TensorFlow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from convcompare.core.registry import register
from convcompare.store import atomic_files

from ..report.document import unique_names
from ..series import moments, series
from .optional_packages import needs

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.store.run import Run


@register.export("tensorboard")
def tensorboard(assessment: Assessment, target: str) -> Iterator[str]:
    """Write event files for ``tensorboard --logdir``: losses, accuracies, rate and times by epoch.

    A run has one file, named by its end; writing it again replaces the file.
    """
    groups = assessment.comparison.groups
    for group, name in zip(groups, unique_names(g.label for g in groups), strict=True):
        for run in group.runs:
            folder = Path(target) / name / f"seed-{run.trial.seed}"
            path = folder / f"events.out.tfevents.{int(moments(run)[-1])}.{run.id}"
            atomic_files.make_folder(folder)
            atomic_files.write(path, _events(run))
            yield str(folder)


def _events(run: Run) -> bytes:
    with needs("tensorboard", "tensorboard"):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

    times = moments(run)
    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    writer.write(Event(wall_time=times[0], file_version="brain.Event:2").SerializeToString())
    for epoch, when in zip(run.history, times, strict=True):
        values = [Summary.Value(tag=tag, simple_value=v) for tag, v in series(epoch).items()]
        event = Event(wall_time=when, step=epoch.epoch, summary=Summary(value=values))
        writer.write(event.SerializeToString())
    return buffer.getvalue()
