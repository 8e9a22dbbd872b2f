"""Random specs, without the command line: a clear error, or a network or data set."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from .commands import SPEC
from .harness import Outcome, in_batches

BATCH = 500


def specs(n: int, seed: int) -> Outcome:
    """Parse, write, parse again and bind `n` random specs, 500 per process."""
    return in_batches(n, BATCH, "specs", "tests.torture.specs:run_specs", seed)


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
