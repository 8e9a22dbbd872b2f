"""Selection of stored runs by the name of a comparison, study, network or run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convcompare.core.config import recipe_name
from convcompare.core.errors import UsageError, did_you_mean, quote
from convcompare.store import layout
from convcompare.store.json_fields import from_record
from convcompare.store.run import Run, Trial
from convcompare.store.run_store import RunStore

from .comparison import Comparison, Conditions
from .model_runs import ModelRuns

LATEST = "latest"
PICK = (
    "name their comparison first (`convcompare runs comparisons`), or runs by their ids "
    "(`convcompare runs`)"
)
"""Hint if the selected runs cannot be compared."""
MOMENTARY = ("loading_seconds",)
"""Conditions that differ between repetitions of the same comparison."""


def select(store: RunStore, names: Sequence[str]) -> Comparison:
    """Return the comparison that `names` select.

    At most one name selects a comparison: a study, the name of a comparison, the time at which it
    was started, or ``latest``, which is the default. Other names select networks of it, or of the
    whole store if the comparison lacks one of them; the start of an id selects one run.

    Raises:
        UsageError: if a name is unknown or ambiguous, or if the selected runs differ in data or
            training.
    """
    known = known_records(store)
    bases = list(dict.fromkeys(name for name in names if name in known or name == LATEST))
    if len(bases) > 1:
        raise UsageError(
            f"{' and '.join(map(quote, bases))} are several comparisons", "name one at a time"
        )
    picks = [name for name in names if name not in bases]
    if bases and bases[0] in known:
        record = known[bases[0]]
        others = namesakes(store, bases[0], layout.run_ids(record))
        base: Comparison | None = replace(Comparison.load(store, record), namesakes=others)
    else:
        needed = bool(bases) or not picks
        base = Comparison.latest(store) if needed or store.comparisons() else None
    if base is None or (picks and not all(pick in base.labels for pick in picks)):
        return _from_runs(store, picks, [*known, *(base.labels if base else ())])
    return _restricted(base, picks) if picks else base


def namesakes(store: RunStore, name: str, run_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the start times of comparisons of this name with other runs, oldest first."""
    own = set(run_ids)
    return tuple(
        started
        for started, record in dated(store.comparison_records()).items()
        if name == record.get("name") and not layout.run_ids(record) <= own
    )


def studies_of(store: RunStore) -> dict[str, Mapping[str, Any]]:
    """Return the newest record of each study by name, completed with the networks it skipped.

    Skipped networks are taken from the previous record if it has the same conditions. If the
    conditions differ, the previous record, which has more networks, remains that of the study.
    """
    return _newest(store.comparison_records(), ("study",))


def known_records(store: RunStore) -> dict[str, Mapping[str, Any]]:
    """Return the records of comparisons by all their names.

    These are the start times of all comparisons, the names of studies, as in `studies_of`, and
    names given by the user, for the newest comparison of that name.
    """
    records = store.comparison_records()
    return {**dated(records), **_newest(records, ("study", "name"))}


def dated(records: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return comparisons by start time (UTC), which names those without another name.

    The second comparison of the same time has the suffix ``-2``.
    """
    found: dict[str, Mapping[str, Any]] = {}
    seen = Counter[str]()
    for record in records:
        begun = str(record["created"]).removesuffix("+00:00")
        seen[begun] += 1
        found[begun if seen[begun] == 1 else f"{begun}-{seen[begun]}"] = record
    return found


def _newest(
    records: Iterable[Mapping[str, Any]], keys: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for record in records:
        for key in keys:
            if name := record.get(key):
                before = found.get(str(name)) if key == "study" else None
                found[str(name)] = _with_skipped(record, before) if before else record
    return found


def _with_skipped(record: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the record of a study completed with networks of the previous record.

    The previous record is returned if the conditions differ and it has further networks. A network
    of an earlier record has the command of that record under ``command``.
    """
    own = {model["model"]: model for model in record["models"]}
    if all(model["model"] in own for model in before["models"]):
        return record
    if _lasting(record) != _lasting(before):
        return before
    models = [
        own.pop(model["model"], {"command": before["command"], **model})
        for model in before["models"]
    ]
    return {**record, "baseline": before["baseline"], "models": [*models, *own.values()]}


def _lasting(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conditions of a record without those that differ between repetitions."""
    return {key: value for key, value in record["conditions"].items() if key not in MOMENTARY}


def _restricted(base: Comparison, labels: Sequence[str]) -> Comparison:
    groups = tuple(group for group in base.groups if group.label in labels)
    unfinished = tuple(one for one in base.unfinished if one[0] in labels)
    missing = tuple(one for one in base.missing if one[0] in labels)
    return replace(
        base, groups=groups, unfinished=unfinished, missing=missing, whole=tuple(base.labels)
    )


def _from_runs(store: RunStore, names: Sequence[str], known: Iterable[str]) -> Comparison:
    """Return a comparison of runs from the whole store, in the order of `names`."""
    trials = {}
    for run_id in store.ids():
        with store.skipping_damage():
            trials[run_id] = store.trial(run_id)
    chosen: dict[str, Trial] = {}
    for name in names:
        found = {i: t for i, t in trials.items() if name in (t.label, t.model)}
        if not found:
            found = {i: t for i, t in trials.items() if i.startswith(name)}
            if len(found) != 1:
                raise _unknown(
                    store, name, len(found), [*known, *(trial.name for trial in trials.values())]
                )
        chosen |= found
    _check_alike(list(chosen.values()))
    outcomes = store.sound_outcomes(chosen)
    by_label: dict[str, list[Run]] = {}
    for run_id, run in outcomes.items():
        if run is not None:
            by_label.setdefault(chosen[run_id].name, []).append(run)
    groups = [
        ModelRuns(label, tuple(sorted(runs, key=lambda run: run.trial.seed)))
        for label, runs in by_label.items()
    ]
    unfinished = [(chosen[i].name, i) for i, run in outcomes.items() if run is None]
    return Comparison(
        _conditions(store, chosen, outcomes.values()), tuple(groups), unfinished=tuple(unfinished)
    )


def _unknown(store: RunStore, name: str, matches: int, known: list[str]) -> UsageError:
    if matches:
        return UsageError(f"{matches} runs begin with {quote(name)}", "more of its digits")
    listed = f"`convcompare runs --store {store.root}` lists the runs"
    if name in known:
        return UsageError(f"there is no run of {quote(name)} in {store.place}", listed)
    hint = did_you_mean(name, [*known, LATEST]) or listed
    return UsageError(f"no study, comparison, model or run is called {quote(name)}", hint)


def _check_alike(trials: Sequence[Trial]) -> None:
    """Raise UsageError if runs differ in data or training, and so must not be averaged."""
    datasets = sorted({trial.dataset for trial in trials})
    if len({(trial.dataset, trial.data) for trial in trials}) > 1:
        what = " and ".join(map(quote, datasets)) if len(datasets) > 1 else "versions of one"
        raise UsageError(f"these runs are of several data sets: {what}", PICK)
    configs = [vars(trial.config) for trial in trials]
    for setting in configs[0]:
        values = sorted({str(config[setting]) for config in configs})
        if len(values) > 1:
            raise UsageError(
                f"these runs differ in {setting.replace('_', ' ')}: {', '.join(values)}",
                PICK,
            )
    seeds = [(trial.model, trial.code, trial.seed) for trial in trials]
    versions = {(trial.model, trial.code, trial.numerics) for trial in trials}
    if len(set(seeds)) < len(seeds) or len(versions) > len({trial.model for trial in trials}):
        raise UsageError(
            "these runs are of several versions of a network's code or arithmetic",
            PICK,
        )


def _conditions(
    store: RunStore, chosen: Mapping[str, Trial], outcomes: Iterable[Run | None]
) -> Conditions:
    """Return the conditions of the newest comparison that has one of the runs.

    If there is none, they are filled in from the records of the runs.
    """
    for record in reversed(store.comparison_records()):
        if not layout.run_ids(record).isdisjoint(chosen):
            return from_record(Conditions, record["conditions"])
    trial = next(iter(chosen.values()))
    ended = [run for run in outcomes if run and run.status == "finished"]
    return Conditions(
        dataset=trial.dataset,
        train_images=0,
        test_images=len(store.predicted_classes(ended[0]).labels) if ended else 0,
        shape="",
        test_split="test split",
        recipe=recipe_name(trial.config),
        epochs=trial.config.epochs,
        precision=trial.config.precision,
        device=ended[0].environment.device if ended else "",
    )
