"""Part of the trials, for one of several commands that write to one store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcompare.core.errors import invalid

if TYPE_CHECKING:
    from convcompare.store.run import Trial

MOST_SHARDS = 100_000


@dataclass(frozen=True)
class Shard:
    """Part `number` of `of` parts, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse ``3/8``, the third of eight parts.

        Raises:
            UsageError: for anything else.
        """
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
        shard = cls(int(found[1]), int(found[2])) if found else cls(0, 0)
        if not 1 <= shard.number <= shard.of <= MOST_SHARDS:
            raise invalid("--shard", text, "I/N, the I-th of N parts: 1/4, 2/4, 3/4 and 4/4")
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def pick(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the trials of this part in their order.

        Parts are disjoint and the same in every call. Trials are dealt out by their ids, which do
        not depend on their cost, so no part gets all seeds of the largest network.
        """
        dealt = sorted(trials, key=lambda trial: trial.id)[self.number - 1 :: self.of]
        mine = {trial.id for trial in dealt}
        return [trial for trial in trials if trial.id in mine]
