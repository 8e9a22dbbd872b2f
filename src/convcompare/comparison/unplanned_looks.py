"""Unplanned looks: seeds that were added or picked after results could be seen.

Looking at three seeds and adding two if the result does not please gives two chances of a false
positive (Armitage, McPherson and Rowe 1969, doi:10.2307/2343787). `sequential` plans such looks and
corrects for them. This module finds unplanned ones in the store and reports them.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convcompare.core.errors import StoreError
from convcompare.core.formatting import several
from convcompare.store import layout

from .stats.estimates import ALPHA

if TYPE_CHECKING:
    from convcompare.store.run import Trial
    from convcompare.store.run_store import RunStore


FEWEST = 2
"""Minimum number of seeds for which a difference has an interval."""


def earlier_looks(
    store: RunStore, networks: Iterable[Collection[str]], planned: Sequence[int]
) -> tuple[int, ...]:
    """Return the numbers of seeds at earlier looks at two of these networks, in ascending order.

    A look is a stored comparison with at least two ended seeds, but not all seeds, of at least two
    of the networks. The earlier looks in its record count as well.

    Args:
        store: Store of the runs.
        networks: Ids of the runs of each network.
        planned: Looks of the interim schedule. Comparisons under the same schedule do not count,
            since it corrects for them.
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
        had = ended & layout.run_ids(record)
        counts = [(len(ids & had), len(ids)) for ids in wanted]
        parts = [n for n, of in counts if FEWEST <= n < of]
        if len(parts) > 1:
            found.add(min(parts))
        if sum(n >= FEWEST for n, _ in counts) > 1:  # the same comparison again keeps its looks
            found |= set(record.get("looked", ()))
    return tuple(sorted(found))


@dataclass(frozen=True)
class Picked:
    """Numbers of seeds: those that had ended, those requested, and those removed from the store.

    ``unseen`` if the seeds requested had no result when they were chosen: a new sample. ``all`` are
    the seeds that have run, in the form of ``--seeds``; empty in older records.
    """

    seeds: int
    used: int
    removed: int = 0
    unseen: bool = False
    all: str = ""


def picked_seeds(store: RunStore, trials: Iterable[Trial]) -> Picked | None:
    """Return the numbers of ended and requested seeds if more have ended than are requested.

    A seed counts if at least two of the networks have ended with it, so that they could be
    compared. Seeds of removed runs count too.
    """
    requested: dict[str, set[int]] = {}
    for trial in trials:
        requested.setdefault(_network(trial), set()).add(trial.seed)
    wanted = set[int]().union(*requested.values())
    there, gone = _ended(store), store.removed()
    common = _common(requested, [*there, *gone])
    if len(requested) < 2 or not common - wanted:
        return None
    ended = [trial for trial in (*there, *gone) if _network(trial) in requested]
    return Picked(
        len(common),
        len(wanted),
        len(common - _common(requested, there)),
        _chosen_unseen(store, ended, wanted, common - wanted),
        _as_option(common),
    )


def _chosen_unseen(
    store: RunStore, ended: Sequence[Trial], wanted: set[int], others: set[int]
) -> bool:
    """Whether no result of these seeds could be seen when they were first asked for.

    They have none yet, or an earlier comparison asked for those that have: after `others` had run,
    and before any other seed did.
    """
    seen = wanted & _common(dict.fromkeys(map(_network, ended), ()), ended)
    if not seen:
        return True
    seed_of = {trial.id: trial.seed for trial in ended}
    before: set[int] = set()
    for record in store.comparison_records():
        seeds = {seed_of[run_id] for run_id in layout.run_ids(record) if run_id in seed_of}
        picked = record.get("picked")
        honest = not picked or Picked(*picked).unseen
        if honest and others <= before and seen <= seeds <= wanted:
            return True
        before |= seeds
    return False


def _as_option(seeds: Collection[int]) -> str:
    """Return seeds in the form of ``--seeds``: their number if they are the first."""
    first = sorted(seeds) == [*range(len(seeds))]
    return str(len(seeds)) if first else ",".join(map(str, sorted(seeds)))


def _ended(store: RunStore) -> list[Trial]:
    found = []
    for run_id in store.ids():
        with suppress(StoreError):
            if store.finished(run_id):
                found.append(store.trial(run_id))
    return found


def _common(requested: Mapping[str, Collection[int]], ended: Iterable[Trial]) -> set[int]:
    """Return the seeds, requested or ended, that at least two of the networks share."""
    known = {network: set(seeds) for network, seeds in requested.items()}
    for trial in ended:
        if (network := _network(trial)) in known:
            known[network].add(trial.seed)
    return {s for a, b in itertools.combinations(known.values(), 2) for s in a & b}


def _network(trial: Trial) -> str:
    """Return the id of everything that affects the result of a trial except its seed."""
    return replace(trial, seed=0, config=replace(trial.config, evaluate="every")).id


def picked_words(picked: Picked) -> str:
    """Return the note about verdicts on fewer seeds than had ended."""
    gone = f" ({picked.removed} of them removed since)" if picked.removed else ""
    everything = f"(`--seeds {picked.all or picked.seeds}` takes all)"
    if picked.unseen:
        others = several(picked.seeds - picked.used, "other seed")
        these = "this seed was" if picked.used == 1 else f"these {picked.used} seeds were"
        return f"{these} chosen unseen, after results of {others}{gone} {everything}"
    return (
        f"{picked.seeds} seeds of these networks have run{gone}, and {picked.used} were picked "
        f"after their results could be seen: these verdicts decide nothing {everything}"
    )


def looks_words(looks: Sequence[int]) -> str:
    """Return the note about verdicts after unplanned looks."""
    return (
        f"seeds were added after results of {' and of '.join(map(str, looks))} could be seen: "
        f"false verdicts in up to {false_rate(looks)} of such comparisons, not {100 * ALPHA:g} % "
        "(`--until-clear` keeps it there)"
    )


def false_rate(looks: Sequence[int]) -> str:
    """Return the maximum share of comparisons with a false verdict.

    Each look has a false-positive rate of at most alpha, so that of all looks together is at most
    the sum.
    """
    return f"{min(100, 100 * ALPHA * (1 + len(looks))):g} %"
