"""``--until-clear``: adds seeds until every contrast is decided."""

from __future__ import annotations

import math
from dataclasses import dataclass

from convcompare.core.errors import UsageError, exclusive, invalid


@dataclass(frozen=True)
class UntilClear:
    """Settings of ``--until-clear``.

    Attributes:
        most_seeds: Maximum number of seeds.
        most_seconds: No round starts later than this.
        margin: Difference in accuracy, as a fraction, below which two networks are equivalent.
    """

    most_seeds: int = 20
    most_seconds: float = math.inf
    margin: float = 0.005

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds at which the contrasts are examined."""
        from convcompare.comparison.stats.sequential import looks

        return looks(min(3, self.most_seeds), self.most_seeds)

    def check(self) -> None:
        """Raise UsageError for an invalid bound or margin."""
        if self.most_seeds < 2:
            raise invalid("--max-seeds", self.most_seeds, "a whole number, at least 2")
        if not self.most_seconds > 0:
            raise invalid("--max-time", self.most_seconds, "a time above 0")
        if not 0.0001 <= self.margin < 1:
            margin = 100 * self.margin
            raise invalid("--margin", f"{margin:g}", "percentage points, at least 0.01")


def parse_until_clear(
    enabled: bool, max_seeds: int | None, max_time: float | None, margin: float | None
) -> UntilClear | None:
    """Return the settings of ``--until-clear`` from its options; None if it is not `enabled`.

    Args:
        enabled: Whether seeds are added.
        max_seeds: Maximum number of seeds [default: 20].
        max_time: Seconds after which no round starts [default: no limit].
        margin: Percentage points [default: 0.5].

    Raises:
        UsageError: if one of its options is given without it.
    """
    named = {"--max-seeds": max_seeds, "--max-time": max_time, "--margin": margin}
    given = [name for name, value in named.items() if value is not None]
    if given and not enabled:
        raise UsageError(
            f"`{given[0]}` is an option of `--until-clear`",
            "add `--until-clear`, or fix the seeds by `--seeds N`",
        )
    if not enabled:
        return None
    return UntilClear(
        UntilClear.most_seeds if max_seeds is None else max_seeds,
        UntilClear.most_seconds if max_time is None else float(max_time),
        UntilClear.margin if margin is None else margin / 100,
    )


def not_with_until_clear(option: str) -> UsageError:
    """Return the error for an option that excludes ``--until-clear``."""
    return exclusive(option, "--until-clear", "`--max-seeds N` bounds the seeds that are added")
