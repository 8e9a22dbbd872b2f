"""A part of a comparison, done by one of several commands that write into one store."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convcompare.core.errors import UsageError, quote

from .console import talk

if TYPE_CHECKING:
    from convcompare.store.run import Trial

    from .job import ExperimentPlan
    from .request import Request

MOST_SHARDS = 100_000


@dataclass(frozen=True)
class Shard:
    """The `number`-th of so many parts, counted from 1."""

    number: int
    of: int

    def pick(self, trials: Sequence[Trial]) -> list[Trial]:
        """Its trials, in their order: each is in one shard, the same in every call.

        By the order of their ids, which have nothing to do with what a trial costs: so no shard
        gets all seeds of the largest network.
        """
        dealt = sorted(trials, key=lambda trial: trial.id)[self.number - 1 :: self.of]
        mine = {trial.id for trial in dealt}
        return [trial for trial in trials if trial.id in mine]


def parse_shard(text: str | None) -> Shard | None:
    """``3/8``: the third of eight; None where all is asked for."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.of <= MOST_SHARDS:
        raise UsageError(
            f"`--shard` cannot be {quote(text)}", "I/N, the I-th of N parts: 1/4, 2/4, 3/4 and 4/4"
        )
    return shard


def check_part(request: Request) -> None:
    """UsageError where a part is asked for together with what needs the whole."""
    if not request.is_part:
        return
    part = "`convcompare worker`" if request.worker else "`--shard`"
    if request.until_clear:
        raise UsageError(
            f"{part} and `--until-clear` do not go together",
            "which seeds are added depends on the results of all parts; `--seeds N` says how many",
        )
    if request.worker and (request.fresh or request.shard):
        raise UsageError(
            f"{part} takes no {'`--fresh`' if request.fresh else '`--shard`'}",
            "it does what no other worker has done; `--shard I/N` is for `compare` and `study`",
        )


def part_of(job: ExperimentPlan, request: Request) -> ExperimentPlan:
    """The job with the trials of its part alone.

    A worker has them all, in an order of its own: where many start at a time, each begins with
    another one.
    """
    if request.shard:
        return replace(job, trials=request.shard.pick(job.trials))
    return replace(job, trials=random.sample(job.trials, len(job.trials)))


def work(job: ExperimentPlan, request: Request) -> int:
    """Run a part and say how to see the whole; the exit code. Nothing but runs is written."""
    from .session import follow_trials, forget

    part = part_of(job, request)
    if request.fresh:
        forget(part)
    ended = follow_trials(part, request, part.runner())
    here = sum(not reused for _, reused in ended.values())
    failed = sum(run.status != "finished" for run, _ in ended.values())
    if not request.quiet:
        talk().print(_words(part, job, request, here), soft_wrap=True)
        talk().print("next: the same command without it prints the table", style="dim")
    return 1 if failed else 0


def _words(part: ExperimentPlan, job: ExperimentPlan, request: Request, here: int) -> str:
    if request.shard:
        name = f"shard {request.shard.number}/{request.shard.of}"
        return f"{name}: {len(part.trials)} of {len(job.trials)} trials, {here} of them run now"
    return f"worker: {here} of {len(job.trials)} trials run here, none is left"
