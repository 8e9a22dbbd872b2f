"""Number of trials that run at a time on a CPU, and their threads.

The choice depends only on the sizes of the networks, the number of trials and the cores, through a
model of the training time. Its constants come from ``benchmarks/parallel_trials.py``. Nothing is
measured here, so that the same command on the same machine computes the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convcompare.core.config import TRAINING_PASSES
from convcompare.core.memory import physical_memory
from convcompare.core.process import cores
from convcompare.data.training_cut import image_numbers
from convcompare.training.hardware import MACS_A_THREAD, share

from .equal_compute import passes

if TYPE_CHECKING:
    from convcompare.store.run import Trial

    from .plan import ExperimentPlan
    from .trial_grid import Candidate

MACS_A_SECOND = 31e9
"""Multiply-accumulates of a training step per second on one core."""
STEP_SECONDS = 2e-3
"""Constant overhead of a training step."""
SERIAL = 0.25
"""Share of a step's arithmetic that additional threads do not accelerate."""
TRIAL_SECONDS = 1.0
"""Constant overhead of a trial."""
START_SECONDS = 5.0
"""Time until a worker process starts its first trial."""
TIMING_SECONDS = 2.0
"""Time to measure a run alone afterwards."""
BESIDE = 1.03
"""Slowdown of trials that run at the same time: they share caches and memory bandwidth."""
LEAST_GAIN = 1.1
"""Minimum speed-up for running trials in parallel."""
MEMORY = 2**30
"""Bytes of a process with a trial, in addition to the images."""


@dataclass(frozen=True)
class Load:
    """Computation of a trial: its steps, and the multiply-accumulates of each."""

    steps: int
    macs: int

    def seconds(self, threads: int) -> float:
        """Return the predicted seconds of the trial if it runs alone."""
        used = max(1, min(threads, math.ceil(self.macs / MACS_A_THREAD)))
        arithmetic = self.macs / MACS_A_SECOND * (SERIAL + (1 - SERIAL) / used)
        return TRIAL_SECONDS + self.steps * (STEP_SECONDS + arithmetic)


def seconds(loads: Sequence[Load], jobs: int, threads: int) -> float:
    """Return the predicted seconds of all trials, longest first, `jobs` at a time."""
    each = sorted((load.seconds(threads) for load in loads), reverse=True)
    if jobs == 1:
        return sum(each)
    ends = [START_SECONDS] * jobs
    for one in each:
        ends[ends.index(min(ends))] += BESIDE * one
    return max(ends) + TIMING_SECONDS * len(each)


def fastest(loads: Sequence[Load], cores: int, threads: int | None = None) -> int:
    """Return the fastest number of parallel trials on `cores` cores.

    Each trial has `threads` threads; by default the cores are divided among the trials.
    """
    most = min(len(loads), max(1, cores // (threads or 1)))
    taken = {jobs: seconds(loads, jobs, threads or cores // jobs) for jobs in range(1, most + 1)}
    best = min(taken, key=taken.__getitem__)
    return best if taken[1] > LEAST_GAIN * taken[best] else 1


def with_parallel_trials(plan: ExperimentPlan) -> ExperimentPlan:
    """Return the plan with the fastest number of parallel trials, unless the request sets it."""
    request, runtime = plan.request, plan.runtime
    open_ = request.jobs is None and request.executor in (None, "processes")
    if not open_ or runtime.device != "cpu" or runtime.devices > 1 or runtime.commands > 1:
        return plan
    loads = [_load(candidate, plan) for candidate in plan.candidates]
    until_clear = request.until_clear
    seeds = until_clear.looks[0] if until_clear else len(request.seeds)
    if any(load is None for load in loads) or len(loads) * seeds == 1:
        return plan
    usable = cores() if request.threads else min(cores(), runtime.threads)
    if usable == 1:
        return plan
    known = [load for load in loads if load is not None] * seeds
    room = physical_memory() // 2 // (MEMORY + plan.dataset.image_bytes)
    jobs = min(fastest(known, usable, request.threads), max(1, room))
    if jobs == 1:
        return replace(plan, jobs_reason="parallel trials would be no faster")
    return replace(
        plan,
        runtime=share(runtime, jobs, request.threads),
        executor="processes",
        jobs_reason=f"fastest for networks of this size on {usable} cores",
    )


def longest_first(plan: ExperimentPlan) -> list[Trial]:
    """Return the trials of a plan, sorted by computation if several run at a time.

    The longest start first, so that all cores finish at about the same time.
    """
    if plan.runtime.jobs == 1:
        return list(plan.trials)
    loads = {one.label: _load(one, plan) or Load(0, 0) for one in plan.candidates}
    sizes = {label: load.seconds(1) for label, load in loads.items()}
    return sorted(plan.trials, key=lambda trial: -sizes[trial.label])


def _load(candidate: Candidate, plan: ExperimentPlan) -> Load | None:
    """Return the computation of a trial of a network; None if its MACs are unknown."""
    config, macs = candidate.config, candidate.network.description.macs
    if macs is None:
        return None
    images, _ = image_numbers(config, plan.dataset.train.labels)
    steps = passes(config, images) * math.ceil(images / config.batch_size)
    return Load(math.ceil(steps), TRAINING_PASSES * macs * config.batch_size)
