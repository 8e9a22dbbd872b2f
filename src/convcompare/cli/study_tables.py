"""Tables of ``convcompare study``: the list of studies, and plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from convcompare.comparison.study import MAIN, place_of, study_named
from convcompare.core import formatting
from convcompare.core.errors import UsageError, quote
from convcompare.output.tables.table import Column, Table

if TYPE_CHECKING:
    from convcompare.experiment.request import Request
    from convcompare.store.run_store import RunStore

LISTED = (
    Column("study", "study", "left"),
    Column("dataset", "data set", "left", priority=2),
    Column("networks", "networks", priority=1),
    Column("epochs", "epochs", priority=3),
    Column("summary", "about", "left", priority=4, prose=True),
)


def list_of_studies() -> Table:
    """Return a row per study."""
    from convcompare.core.registry import register

    rows = []
    for entry in register.study:
        found = study_named(entry.name)
        epochs = sorted({row.epochs for row in found.rows})
        rows.append(
            {
                "study": entry.name,
                "dataset": found.dataset,
                "networks": len(found.rows),
                "epochs": "/".join(map(str, epochs)),
                "summary": entry.summary,
            }
        )
    rows.sort(key=lambda row: place_of(str(row["study"])))
    return Table(LISTED, tuple(rows), (f"all: {', '.join(MAIN)}",), noun="studies")


def plan_of_studies(requests: Sequence[Request]) -> Table:
    """Return a row per network of the studies, with the conclusions that need no run as notes."""
    planned = [_planned(request) for request in requests]
    columns = (
        Column("study", "study", "left"),
        Column("name", "network", "left"),
        Column("model", "model", "left", priority=3),
        Column("dataset", "data set", "left", priority=2),
        Column("parameters", "parameters", show="{:,}".format, priority=1),
        Column("published_parameters", "published", show="{:,}".format, priority=2),
        Column("macs", "MACs", show=formatting.large, priority=4, missing="not counted"),
        Column("epochs", "epochs", priority=1),
        Column("seeds", "seeds", priority=3),
    )
    notes = (
        "published: parameters as printed in the report",
        *(
            sentence
            for request, rows in zip(requests, planned, strict=True)
            for sentence in _counted(request, rows)
        ),
        "nothing was run: this is the plan",
    )
    return Table(columns, tuple(chain(*planned)), notes, noun="networks")


def plan_of_conclusions(store: RunStore, names: Sequence[str]) -> Table:
    """Return a row per undecided conclusion of the studies, with the runs that would decide it.

    By default, all studies are included.

    Raises:
        UsageError: if a study, or any, has no runs.
    """
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.claims.findings import without_runs
    from convcompare.comparison.claims.plan import plans
    from convcompare.comparison.comparison import Comparison
    from convcompare.comparison.selection import studies_of
    from convcompare.output.tables.claim_plan_table import claim_plan_table

    known = studies_of(store)
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no run of study {quote(name)} in {store.place}",
                f"`convcompare study {name}` runs it; `--store` names another folder",
            )
    chosen = {name: known[name] for name in names or sorted(known, key=place_of)}
    if not chosen:
        raise UsageError(
            f"there is no run of a study in {store.place}",
            "`convcompare study NAME` runs one; `--store` names another folder",
        )
    judged = [Assessment(Comparison.load(store, one), store) for one in chosen.values()]
    table = claim_plan_table([plan for one in judged for plan in plans(one)])
    others = [name for name, one in zip(chosen, judged, strict=True) if one.study is None]
    missing = {name: without_runs(one) for name, one in zip(chosen, judged, strict=True)}
    lacking = tuple(f"{name}: {words}" for name, words in missing.items() if words)
    own = f"run on other images than the report's, so without its conclusions: {', '.join(others)}"
    notes = () if len(others) == len(judged) else table.notes
    return replace(table, notes=(*notes, *lacking, *([own] if others else [])))


def _planned(request: Request) -> list[dict[str, Any]]:
    from convcompare.core.config import recipe
    from convcompare.experiment.shapes import shape_for
    from convcompare.models.build import resolve

    study = study_named(str(request.study))
    shape = shape_for(request.dataset, channels=request.channels)
    found = []
    for one in request.models:
        config = recipe(request.recipe).replace({**one.settings, **request.settings})
        row = study.row(one.label)
        printed = row.published.parameters if row else None
        counts = resolve(one.spec, shape).description
        found.append(
            {
                "study": request.study,
                "name": one.label,
                "model": one.spec,
                "dataset": request.dataset,
                "parameters": counts.parameters,
                "published_parameters": None if printed is None else int(printed),
                "macs": counts.macs,
                "epochs": config.epochs,
                "seeds": len(request.seeds),
            }
        )
    return found


def _counted(request: Request, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the conclusions that need no run; none if the images are not the report's."""
    from convcompare.comparison.claims.counted import counted

    study = study_named(str(request.study))
    if request.dataset != study.dataset:
        return []
    return counted(study, {row["name"]: row for row in rows})
