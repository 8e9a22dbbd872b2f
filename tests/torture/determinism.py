"""Each network trained twice, once interrupted between epochs: the same bits."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path
from typing import Any

from convcompare.core.config import RECIPES
from convcompare.core.registry import register

from .harness import Case, Outcome, cases, fork_server, must
from .small import results

DATA = ("-d", "shapes:train=8,test=4")
REST = ("-e", "2", "-b", "4", "--threads", "1", "--quiet")


def determinism(n: int, seed: int) -> Outcome:
    """Train `n` pairs of network and recipe; 0 for all."""
    pairs = list(itertools.product(networks(), RECIPES))
    if n:
        light = [pair for pair in pairs if pair[0] in LIGHT]
        pairs = random.Random(seed).sample(light, min(n, len(light)))
    return cases([_case(network, recipe) for network, recipe in pairs], seed)


LIGHT = (
    "cnn",
    "fcn",
    "lenet-5",
    "simple",
    "residual",
    "resnet-20",
    "plain-20",
    "speedrun",
    "cnn:attention=se",
    "cnn:conv=unfold",
    "cnn:pool=mixed",
    "cnn:dropout=0.5,norm=batch",
)


def networks() -> list[str]:
    """Return all networks of the zoo, and variants with hand-written backward passes."""
    return [entry.name for entry in register.model] + [name for name in LIGHT if ":" in name]


def die_after_first() -> None:
    """Die after the commit of the first epoch."""
    from convcompare.store.run_store import RunStore

    real = RunStore.save_epoch

    def save(self: RunStore, *given: Any, **more: Any) -> None:
        real(self, *given, **more)
        os._exit(9)

    RunStore.save_epoch = save  # type: ignore[method-assign]


def _case(network: str, recipe: str) -> tuple[str, Case]:
    def case(rng: random.Random, folder: Path) -> None:
        command = ["compare", *DATA, network, "--recipe", recipe, *REST, "--seed", "1"]
        once, twice = folder / "once", folder / "twice"
        for place in (once, twice):
            place.mkdir()
        fork_server().start(command, once).wait().clean(0, 1)
        interrupted = fork_server().start(
            command, twice, before="tests.torture.determinism:die_after_first"
        )
        must(interrupted.wait().code == 9, "it did not come to the first commit")
        fork_server().start(command, twice).wait().clean(0, 1)
        one, other = results(once / "runs"), results(twice / "runs")
        must(one.keys() == other.keys() and one, f"runs {sorted(one)} and {sorted(other)}")
        for run_id, run in one.items():
            for part, value in run.items():
                must(value == other[run_id][part], f"{part} differs between two trainings")
            if recipe == "report":
                verified = fork_server().start(["runs", "verify", run_id], once).wait().clean(0)
                must("bit" in verified.out + verified.err, verified)

    return f"{network}, {recipe}", case
