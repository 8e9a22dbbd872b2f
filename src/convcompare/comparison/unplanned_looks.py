"""Seeds that were added after a look at the results: known from the store, and told.

Who looks at three seeds and adds two where the answer does not please has had two chances of a
false one (Armitage, McPherson and Rowe 1969, doi:10.2307/2343787). `sequential` plans such looks
and pays for them; here are those that nobody planned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from .stats.estimates import ALPHA

if TYPE_CHECKING:
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
            found |= {min(parts), *record.get("looked", ())}
    return tuple(sorted(found))


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
