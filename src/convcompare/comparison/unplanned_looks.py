"""Seeds that were added or picked after a look at the results: known from the store, and told.

Who looks at three seeds and adds two where the answer does not please has had two chances of a
false one (Armitage, McPherson and Rowe 1969, doi:10.2307/2343787). `sequential` plans such looks
and pays for them; here are those that nobody planned.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convcompare.core.errors import StoreError

from .stats.estimates import ALPHA

if TYPE_CHECKING:
    from convcompare.store.run import Trial
    from convcompare.store.run_store import RunStore


FEWEST = 2
"""Seeds of which a difference has an interval."""


def earlier_looks(
    store: RunStore, networks: Iterable[Collection[str]], planned: Sequence[int]
) -> tuple[int, ...]:
    """The numbers of seeds at which two of these networks could be compared before, ascending.

    ``networks`` holds the ids of each network's runs. A look is a comparison in the store with two
    seeds or more of two of the networks, but not all, that have ended by now; and the looks before
    it, which its record names. One by the same plan, `planned`, is not counted: it is paid for.
    """
    wanted = [set(ids) for ids in networks if len(ids) > FEWEST]
    if len(wanted) < 2:
        return ()
    ended = {one for ids in wanted for one in ids if store.finished(one)}
    found: set[int] = set()
    for record in store.comparison_records():
        plan = record.get("plan")
        if plan and plan["looks"] == list(planned):
            continue
        had = ended & {run_id for model in record["models"] for run_id in model["trials"]}
        counts = [(len(ids & had), len(ids)) for ids in wanted]
        parts = [n for n, of in counts if FEWEST <= n < of]
        if len(parts) > 1:
            found.add(min(parts))
        if sum(n >= FEWEST for n, _ in counts) > 1:  # the same comparison again keeps its looks
            found |= set(record.get("looked", ()))
    return tuple(sorted(found))


@dataclass(frozen=True)
class Picked:
    """Numbers of seeds: how many had ended, how many of these were asked for, and how many are not
    in the store any more."""

    seeds: int
    used: int
    removed: int = 0


def picked_seeds(store: RunStore, trials: Iterable[Trial]) -> Picked | None:
    """The seeds of these networks that have ended, if they are more than the trials ask for.

    A seed counts if two of the networks have ended with it: then the two could be compared. Those
    of removed runs count, too.
    """
    asked: dict[str, set[int]] = {}
    for trial in trials:
        asked.setdefault(_network(trial), set()).add(trial.seed)
    wanted = set[int]().union(*asked.values())
    there = _ended(store)
    common = _common(asked, [*there, *store.removed()])
    if len(asked) < 2 or not common - wanted:
        return None
    return Picked(len(common), len(wanted), len(common - _common(asked, there)))


def _ended(store: RunStore) -> list[Trial]:
    found = []
    for run_id in store.ids():
        with suppress(StoreError):
            if store.finished(run_id):
                found.append(store.trial(run_id))
    return found


def _common(asked: Mapping[str, Collection[int]], ended: Iterable[Trial]) -> set[int]:
    """The seeds that two of the networks have, of those asked for and of these that have ended."""
    known = {network: set(seeds) for network, seeds in asked.items()}
    for trial in ended:
        if (network := _network(trial)) in known:
            known[network].add(trial.seed)
    return {s for a, b in itertools.combinations(known.values(), 2) for s in a & b}


def _network(trial: Trial) -> str:
    """All that changes the result of a trial but its seed."""
    return replace(trial, seed=0, config=replace(trial.config, evaluate="every")).id


def picked_words(picked: Picked) -> str:
    """What it means that fewer seeds were asked for than had ended."""
    gone = f" ({picked.removed} of them removed since)" if picked.removed else ""
    return (
        f"{picked.seeds} seeds of these networks have run{gone}, and {picked.used} were picked "
        "after their results could be seen: these verdicts decide nothing "
        f"(`--seeds {picked.seeds}` takes all)"
    )


def looks_words(looks: Sequence[int]) -> str:
    """What one look or more do to the verdicts.

    Each look alone is false in at most alpha of all cases, and so all together in at most the sum.
    """
    percent = f"{min(100, 100 * ALPHA * (1 + len(looks))):g}"
    return (
        f"seeds were added after results of {' and of '.join(map(str, looks))} could be seen: "
        f"false verdicts in up to {percent} % of such comparisons, not {100 * ALPHA:g} % "
        "(`--until-clear` keeps it there)"
    )
