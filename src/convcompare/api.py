"""Functions for Python programs: the comparisons of the command line, with results as objects."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .core.config import SETTINGS, Compile
from .core.errors import ConvcompareError, UsageError, quote
from .core.python_spelling import in_python
from .experiment.argument_types import check_arguments
from .experiment.request import (
    HELP,
    ModelRequest,
    Request,
    parse_jobs,
    seed_list,
)
from .experiment.until_clear import not_with_until_clear, parse_until_clear
from .output.result import Result

if TYPE_CHECKING:
    from .experiment.reporter import Reporter

PYTHON: Mapping[str, str] = {
    "seeds": "Number of seeds, or a list such as [0, 1, 7] [default: 1].",
    "train_images": "Number of training images, equally many of each class, drawn by the seed; of "
    "several, each network is trained on each number [default: all].",
    "settings": 'Any other training settings, such as {"momentum": 0.8}.',
    "max_time": "Start no new round of until_clear after this time, in seconds.",
    "columns": HELP["columns"].replace(", separated by commas", ""),
}
"""Descriptions of the options whose values differ in type from those of the command line."""
F = TypeVar("F", bound=Callable[..., Any])
Model = str | Callable[..., Any]
"""A network: its spec, or a callable that builds it."""


def _public(function: F) -> F:
    """Return `function` with checked arguments and the descriptions of its options.

    The descriptions are those of the command line (`HELP`), but for those in `PYTHON`. Errors name
    arguments instead of options.
    """
    names = [name for name in HELP if name in function.__annotations__]
    lines = "\n        ".join(f"{name}: {in_python({**HELP, **PYTHON}[name])}" for name in names)
    function.__doc__ = (function.__doc__ or "").replace("{options}", lines)

    @functools.wraps(function)
    def called(*args: Any, **named: Any) -> Any:
        try:
            check_arguments(function, args, named)
            return function(*args, **named)
        except ConvcompareError as error:
            error.reword(in_python)
            raise

    return cast(F, called)


@_public
def compare(
    models: Model | Sequence[Model],
    *,
    dataset: str | Sequence[Any] = Request.dataset,
    seeds: int | Sequence[int] = 1,
    seed: int = 0,
    name: str | None = Request.name,
    baseline: str | None = Request.baseline,
    match: str | None = Request.match,
    budget: str | None = Request.budget,
    all_pairs: bool = Request.all_pairs,
    score: str | None = Request.score,
    verdict_on: str | Sequence[str] = (),
    lr_grid: Sequence[float] = (),
    until_clear: bool = False,
    max_seeds: int | None = None,
    max_time: float | None = None,
    margin: float | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    optimizer: str | None = None,
    recipe: str = Request.recipe,
    image_size: int | None = None,
    channels: int | None = Request.channels,
    train_images: int | Sequence[int] | None = None,
    val_fraction: float | None = None,
    select: str | None = None,
    evaluate: str | None = None,
    freeze: str | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = Request.device,
    precision: str = Request.precision,
    threads: int | None = Request.threads,
    compile: str = Request.compile,
    devices: int | None = None,
    jobs: int | str | None = Request.jobs,
    executor: str | None = Request.executor,
    ray_address: str | None = None,
    gpu_share: float = Request.gpu_share,
    weights: bool = Request.weights,
    store: str | Path | None = None,
    data_dir: str | Path | None = None,
    fresh: bool = Request.fresh,
    columns: Sequence[str] = (),
    reporter: Reporter | None = None,
) -> Result:
    """Train networks under the same conditions, as ``convcompare compare`` does.

    Finished runs are reused and incomplete ones resume, in the same store as on the command line. A
    notebook shows the progress in a line; elsewhere nothing is printed. Warnings are Python's
    (`UserWarning`).

    Args:
        models: One network or several: specs (NAME, NAME:option=value, file.py:Net), or classes and
            functions that build one. They get in_channels, image_size and num_classes if they have
            parameters of these names.
        {options}
        reporter: Receives the progress [default: a line in a notebook, otherwise none].

    `dataset` can also be (x_train, y_train, x_test, y_test) as arrays or tensors, or (train, test)
    as torch data sets; they are cached under a name derived from their content.

    Returns:
        Table, verdicts and figures, which include trials that failed or diverged.

    Raises:
        ConvcompareError: if the request cannot be met; it has a message and a hint.
    """
    from .core import openmp
    from .experiment import foreign_code
    from .experiment.notebook import interruptible, suitable_reporter
    from .experiment.planning import prepare
    from .experiment.session import run
    from .models.process_state import standard_settings

    own = {
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "optimizer": optimizer,
        "image_size": image_size,
        "train_images": train_images,
        "val_fraction": val_fraction,
        "select": select,
        "evaluate": evaluate,
        "freeze": freeze,
        "devices": devices,
    }
    assert tuple(own) == SETTINGS
    if until_clear and seeds != 1:
        raise not_with_until_clear("seeds")
    try:
        request = Request(
            models=_requests(models, executor, devices),
            dataset=_dataset(dataset),
            channels=channels,
            seeds=seed_list(seeds, seed),
            recipe=recipe,
            settings=_text(settings or {}) | _text(own),
            name=name,
            baseline=baseline,
            match=match,
            budget=budget,
            all_pairs=all_pairs,
            score=score,
            verdict_on=_figures(verdict_on),
            lr_grid=tuple(map(str, lr_grid)),
            until_clear=parse_until_clear(until_clear, max_seeds, max_time, margin),
            device=device,
            precision=precision,
            threads=threads,
            compile=cast(Compile, compile),
            jobs=parse_jobs(None if jobs is None else str(jobs)),
            executor=executor,
            ray_address=ray_address or os.environ.get("RAY_ADDRESS") or None,
            gpu_share=gpu_share,
            weights=weights,
            store=_store(store),
            data_dir=_data_dir(data_dir),
            fresh=fresh,
            columns=_columns(columns),
        )
        reporter = reporter or suitable_reporter()
        with interruptible(reporter), openmp.installed(), standard_settings():
            plan = prepare(request, reporter)
            return Result(run(plan, reporter), plan.sources, request.columns)
    finally:
        foreign_code.close()


@_public
def read(
    *names: str,
    store: str | Path | None = None,
    data_dir: str | Path | None = None,
    columns: Sequence[str] = (),
    verdict_on: str | Sequence[str] = (),
) -> Result:
    """Read stored runs: the latest comparison, or those that `names` select; nothing is trained.

    Args:
        names: A comparison by its name, a study, networks, or runs by the beginnings of their ids,
            as for ``convcompare plot`` [default: the latest comparison].
        store: Folder of the run records, or a pack of it [default: CONVCOMPARE_STORE, or runs].
        data_dir: Folder with data sets that you have.
        columns: Further columns of the table.
        verdict_on: Figures that verdicts are about [default: those of the comparison].

    Raises:
        ConvcompareError: if there is no such run, or it is damaged.
    """
    from .comparison.assessment import Assessment
    from .comparison.selection import select
    from .data.load import default_sources
    from .store.run_store import RunStore

    chosen = _columns(columns)
    opened = RunStore(_store(store))
    sources = default_sources(_data_dir(data_dir))
    comparison = select(opened, names)
    figures = _figures(verdict_on) or comparison.verdict_on
    return Result(Assessment(replace(comparison, verdict_on=figures), opened), sources, chosen)


@_public
def robustness(
    *names: str,
    store: str | Path | None = None,
    data_dir: str | Path | None = None,
    device: str = Request.device,
    threads: int | None = Request.threads,
    verdict_on: str | Sequence[str] = ("robustness", "consistency"),
    fresh: bool = False,
    reporter: Reporter | None = None,
) -> Result:
    """Measure stored runs on damaged images, as ``convcompare robustness`` does.

    Nothing is trained. Measurements are stored with the runs and reused. The rows of
    ``to_dataframe("robustness")`` are runs, kinds of damage and severities; ``plot("robustness")``
    draws them.

    Args:
        names: A comparison by its name, a study, networks, or runs by the beginnings of their ids
            [default: the latest comparison].
        store: Folder of the run records [default: CONVCOMPARE_STORE, or runs].
        data_dir: Folder with data sets that you have.
        device: auto, cpu, cuda, mps, xpu or KIND:N.
        threads: Threads [default: all cores, fewer for a small network].
        verdict_on: Figures that verdicts are about: robustness, robustness=blur, consistency.
        fresh: Measure again.
        reporter: Receives the progress [default: a line in a notebook, otherwise none].

    Raises:
        ConvcompareError: if there is no such run, none can be measured, or something is damaged.
    """
    from .comparison.robustness import Robustness
    from .experiment import foreign_code
    from .experiment.notebook import interruptible, suitable_reporter
    from .experiment.robustness import measure_stored

    found = read(*names, store=store, data_dir=data_dir, verdict_on=verdict_on)
    comparison, reporter = found.assessment.comparison, reporter or suitable_reporter()
    opened, machine = found.assessment.store, (device, threads)
    try:
        with interruptible(reporter):
            measure_stored(comparison, opened, found.sources, machine, reporter, fresh)
    finally:
        foreign_code.close()
    _ = Robustness(comparison, opened).models  # raises an error with the reason if there are none
    return replace(found, columns=("robustness",))


def _requests(
    models: Model | Sequence[Model], executor: str | None, devices: int | None
) -> tuple[ModelRequest, ...]:
    """Return networks given as specs or as objects; equal labels of objects are numbered."""
    from .experiment import foreign_code

    found: list[ModelRequest] = []
    if isinstance(models, str) or callable(models) or not isinstance(models, Iterable):
        models = [models]
    for one in models:
        if isinstance(one, str):
            if one.startswith("-"):
                raise UsageError(
                    f"{one!r} is not a network", "options are arguments: `seeds=5`, `epochs=3`"
                )
            found.append(ModelRequest(one, one))
            continue
        if not callable(one):
            raise UsageError(
                f"a network is named by a text or given by what builds it, not by "
                f"{quote(type(one).__name__)}",
                "a class, a function, or `file.py:Net`",
            )
        if executor == "ray" or (devices or 1) > 1:
            raise UsageError(
                "networks given as objects cannot be sent to a cluster or to several devices",
                "put the network into a file: `file.py:Net`",
            )
        given = foreign_code.give(one)
        same = sum(other.label.partition(" #")[0] == given.label for other in found)
        label = f"{given.label} #{same + 1}" if same else given.label
        found.append(ModelRequest(label, given.spec))
    return tuple(found)


def _dataset(given: str | Sequence[Any]) -> str:
    """Return the spec of a data set given as a spec or as arrays."""
    if isinstance(given, str):
        return given
    from .data.given_arrays import HINT, keep
    from .data.load import default_cache

    if not isinstance(given, (tuple, list)):
        raise UsageError(f"`dataset=` cannot be a {type(given).__name__}", f"a text, or {HINT}")
    return keep(given, default_cache())


def _text(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return settings as typed in a shell, without those that are None."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        for name, value in settings.items()
        if value is not None
    }


def _store(store: str | Path | None) -> Path:
    return Path(store or os.environ.get("CONVCOMPARE_STORE") or Request.store)


def _data_dir(folder: str | Path | None) -> Path | None:
    found = folder or os.environ.get("CONVCOMPARE_DATA")
    return Path(found) if found else None


def _figures(names: str | Sequence[str]) -> tuple[str, ...]:
    from .comparison.figures.catalogue import check_figures

    return check_figures([names] if isinstance(names, str) else names)


def _columns(columns: Sequence[str]) -> tuple[str, ...]:
    from .output.tables.columns import check_columns

    check_columns(columns)
    return tuple(columns)
