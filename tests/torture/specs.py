"""Random specs, without the command line: a clear error, or a network or data set."""

from __future__ import annotations

import json
import random
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from .commands import SPEC
from .harness import Outcome, cases, fork_server, must

BATCH = 500


def specs(n: int, seed: int) -> Outcome:
    """Parse, write, parse again and bind `n` random specs, 500 per process."""
    size = min(n, BATCH)
    found = cases([(f"{size} specs", _batch(size))] * -(-n // BATCH), seed)
    broken = found.tried - found.held
    return Outcome(found.tried * size, found.tried * size - broken, found.findings)


def _batch(count: int):  # type: ignore[no-untyped-def]
    def case(rng: random.Random, folder: Path) -> None:
        where = "tests.torture.specs:run_specs"
        ended = fork_server().run(
            None, folder, before=where, count=count, seed=rng.randrange(2**32)
        )
        must(not ended.code and ended.out.endswith("all held\n"), f"{ended.out[-900:]}{ended}")

    return case


def run_specs(count: int, seed: int) -> None:
    """Draw and check specs in this process."""
    from convcompare.core.errors import ConvcompareError
    from convcompare.core.registry import register
    from convcompare.core.spec import Spec, bind

    quick = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )

    @seeded(seed)
    @quick
    @given(SPEC)
    def hold(text: str) -> None:
        try:
            spec = Spec.parse(text)
            assert Spec.parse(str(spec)) == spec, json.dumps(text)
            entry = register.model[spec.name]
            bind(spec, entry.options(("in_channels", "image_size", "num_classes")))
        except ConvcompareError as error:
            assert error.message.isprintable() and "\n" not in error.message, json.dumps(text)
            assert error.hint is None or error.hint.isprintable(), json.dumps(text)

    hold()
    print("all held")
