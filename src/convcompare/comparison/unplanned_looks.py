"""Seeds that were added or picked after a look at the results: known from the store, and told.

Who looks at three seeds and adds two where the answer does not please has had two chances of a
false one (Armitage, McPherson and Rowe 1969, doi:10.2307/2343787). `sequential` plans such looks
and pays for them; here are those that nobody planned.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.core.errors import StoreError

from .stats.estimates import ALPHA

if TYPE_CHECKING:
    from convcompare.store.run import Trial
    from convcompare.store.run_store import RunStore


FEWEST = 2
"""Seeds of which a difference has an interval."""


def earlier_looks(
    store: RunStore, networks: Iterable[Collection[str]], planned: Sequence[int] = ()
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


def picked_seeds(store: RunStore, trials: Iterable[Trial]) -> tuple[int, int] | None:
    """How many seeds of these networks have ended in the store, where that is more than the trials
    ask for, and how many of them they ask for; None where nothing could be picked.

    A seed counts if two of the networks have ended with it: then the two could be compared.
    """
    asked: dict[str, set[int]] = {}
    for trial in trials:
        asked.setdefault(_network(trial), set()).add(trial.seed)
    ended: dict[str, set[int]] = {network: set() for network in asked}
    for run_id in store.ids():
        with suppress(StoreError):
            trial = store.trial(run_id)
            if _network(trial) in ended and store.finished(run_id):
                ended[_network(trial)].add(trial.seed)
    known = [seeds | ended[network] for network, seeds in asked.items()]
    common = {s for a, b in itertools.combinations(known, 2) for s in a & b}
    wanted = set[int]().union(*asked.values())
    return (len(common), len(wanted)) if len(asked) > 1 and common - wanted else None


def _network(trial: Trial) -> str:
    """All that identifies a trial but its seed."""
    return replace(trial, seed=0).id


def picked_words(picked: tuple[int, int]) -> str:
    """What it means that fewer seeds were asked for than had ended."""
    seeds, used = picked
    return (
        f"{seeds} seeds of these networks have run, and {used} were picked after their results "
        f"could be seen: these verdicts decide nothing (`--seeds {seeds}` takes all)"
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
