"""The conditions of a comparison in words: data, splits, recipe, seeds, hardware, versions."""

from __future__ import annotations

from collections.abc import Callable

from convcompare.comparison.comparison import Comparison
from convcompare.core import formatting
from convcompare.store.cost import Environment
from convcompare.store.run import Run

from ..code_spans import code

MACHINE = ("processor", "device", "devices", "most_threads", "platform")
AUGMENTED = {False: "no", True: "with", "alternating": "alternating flip and shift as"}
VERSIONS = ("convcompare", "torch", "python")


def conditions(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the conditions of the runs by term; if they differ between runs, all of them."""
    terms = comparison.conditions
    runs = comparison.runs
    which = terms.selected.removesuffix(" epoch")
    seeds = [str(seed) for seed in sorted({run.trial.seed for run in runs})]
    facts = [
        ("Data set", f"{code(terms.dataset)}, images {terms.shape}"),
        ("SHA-256 of the images", _all(runs, lambda run: code(run.trial.data))),
        ("Trained on", terms.trained_on),
        ("Tested on", f"{formatting.count(terms.test_images)} images: {terms.test_split}"),
        ("Recipe", ": ".join(filter(None, (terms.recipe, _all(runs, _training))))),
        ("Epochs", f"{terms.epochs}; the figures are those after {which}"),
        ("Seeds", f"seed {seeds[0]}" if len(seeds) == 1 else ", ".join(seeds)),
        ("Precision", terms.precision),
        ("Own code", _all([run for run in runs if run.trial.code], _own_code)),
        ("Processor", _all(runs, lambda run: run.environment.processor)),
        ("Device", _all(runs, _device)),
        ("Several devices", _all([run for run in runs if run.environment.devices > 1], _together)),
        ("System", _all(runs, lambda run: run.environment.platform)),
        ("Versions", _all(runs, lambda run: _versions(run.environment))),
        ("Compared", comparison.created.replace("T", " ").replace("+00:00", " UTC")),
    ]
    return [(term, fact) for term, fact in facts if fact]


def trained_seeds(comparison: Comparison) -> str:
    """Describe the number of seeds per network: ``one seed``, ``3 to 20 seeds``."""
    fewest, most = comparison.trained_seeds
    return f"{formatting.span(fewest, most)} seeds" if most > 1 or fewest < most else "one seed"


def changed_surroundings(comparison: Comparison) -> list[tuple[str, str]]:
    """Return warnings if not all runs used one machine, or one set of versions."""
    runs = comparison.runs
    found = []
    for places, names, text in (
        (
            [run.timed_in for run in runs],
            MACHINE,
            "the runs were not all made on one machine: their times do not compare",
        ),
        (
            [run.environment for run in runs],
            VERSIONS,
            "the runs were not all made with the same versions, which may differ a little",
        ),
    ):
        if len({tuple(getattr(place, name) for name in names) for place in places}) > 1:
            found.append((text, "the conditions name them all; `--fresh` trains all again"))
    return found


def _all(runs: list[Run], fact: Callable[[Run], str]) -> str:
    """Return the fact of every run, each once."""
    return "; ".join(dict.fromkeys(fact(run) for run in runs))


def _training(run: Run) -> str:
    config = run.trial.config
    return (
        f"{config.optimizer}, learning rate {config.lr:g} ({config.schedule}), batches of "
        f"{config.batch_size}, weight decay {config.weight_decay:g}, label smoothing "
        f"{config.label_smoothing:g}, {AUGMENTED[config.augment]} augmentation"
    )


def _own_code(run: Run) -> str:
    return f"{code(run.trial.name)} SHA-256 {code(str(run.trial.code))}"


def _device(run: Run) -> str:
    place = run.environment
    many = f"{place.devices} × " if place.devices > 1 else ""
    threads = formatting.several(place.threads, "thread")
    each = " each" if place.devices > 1 else ""
    offered = f" of {place.most_threads}" if place.most_threads > place.threads else ""
    compiled = ", compiled steps" if place.compiled else ""
    together = f", {run.jobs} trainings at a time" if run.jobs > 1 else ""
    return f"{many}{place.device}, {threads}{offered}{each}{compiled}{together}"


def _together(run: Run) -> str:
    return (
        f"batches of {run.trial.config.batch_size} split among {run.environment.devices}, the "
        "learning rate that of the whole batch; BatchNorm over the part of each device"
    )


def _versions(place: Environment) -> str:
    return ", ".join(f"{name} {getattr(place, name)}" for name in VERSIONS)
