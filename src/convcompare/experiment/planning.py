"""Resolves a request into a plan; everything is checked before any trial runs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convcompare.comparison.score import LAST, Score, choose
from convcompare.core import formatting
from convcompare.core.config import OF_EVERY_EPOCH, Runtime, recipe, recipe_name
from convcompare.core.errors import UsageError, exclusive, quote, shell_word
from convcompare.core.process import cores
from convcompare.core.registry import register
from convcompare.core.spec import Spec, bind

from . import foreign_code
from .budget import MATCHES
from .matching import find_baseline, matched
from .plan import ExperimentPlan
from .request import Request
from .variants import at_each_rate, at_each_size

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Conditions, SizedNetwork
    from convcompare.core.config import TrainConfig
    from convcompare.data.dataset import Dataset, Sources

    from .reporter import Reporter
    from .request import ModelRequest
    from .trial_grid import Candidate


def prepare(request: Request, reporter: Reporter) -> ExperimentPlan:
    """Resolve and check a request, so that nothing avoidable fails after an hour of training.

    Raises:
        ConvcompareError: if something in the request does not exist or does not fit.
    """
    baseline = find_baseline(request.models, request.baseline)
    configs = _configs(request)
    if request.budget_unit is None:
        score = choose(request.score, configs)
    else:  # `with_equal_compute` chooses it when the numbers of epochs are known
        score = Score.parse(request.score or LAST)
    _check_evaluated(request, configs)
    reporter.preparing()
    from convcompare.data.load import default_sources
    from convcompare.store.run_store import RunStore
    from convcompare.training.hardware import choose_precision

    from .equal_compute import with_equal_compute
    from .parallel_trials import with_parallel_trials

    store = RunStore(request.store)
    if not request.dry_run:
        store.require_folder()
    runtime = _runtime(request, max(config.devices for config in configs))
    executor = _executor(request.executor, runtime, reporter)
    requested = request.settings.get("precision", request.precision)
    precision, reason = choose_precision(requested, runtime.device)
    configs = [config.replace({"precision": precision}) for config in configs]
    specs = [one.spec for one in request.models]
    _check_zoo(specs)
    foreign_code.start(specs)
    sources = default_sources(request.data_dir, quiet=reporter.quiet)
    dataset, loading_seconds = _loaded(request, sources, reporter)
    variants = _variants(request, configs, dataset, baseline)
    candidates = _candidates(variants.models, variants.configs, dataset, reporter)
    if not request.dry_run:
        store.check_writable()
    if executor == "ray":
        from .workers.ray_cluster import on_cluster

        runtime = on_cluster(runtime, request, dataset)
    plan = ExperimentPlan(
        request=request,
        dataset=dataset,
        candidates=candidates,
        trials=(),
        conditions=_conditions(dataset, variants, runtime, loading_seconds, score),
        runtime=runtime,
        store=store,
        precision_reason=reason,
        baseline=baseline.label,
        sources=sources,
        executor=executor,
        rate_labels=variants.rate_labels,
    )
    return with_parallel_trials(with_equal_compute(plan.with_seeds(request.seeds), reporter))


def _configs(request: Request) -> list[TrainConfig]:
    """Return the configuration of each network, without several numbers of training images."""
    settings = dict(request.settings)
    if request.sizes:
        del settings["train_images"]
    base = recipe(request.recipe)
    return [base.replace({**one.settings, **settings}) for one in request.models]


@dataclass(frozen=True)
class _Variants:
    """The networks to train, several variants of each if a setting has several values.

    Attributes:
        notes: How widths were matched.
        rate_labels: Labels of the variants of each network at several learning rates.
        sizes: Variants of the networks on several numbers of training images.
    """

    models: Sequence[ModelRequest]
    configs: Sequence[TrainConfig]
    notes: Sequence[str]
    rate_labels: Mapping[str, Sequence[str]]
    sizes: tuple[SizedNetwork, ...]


def _loaded(request: Request, sources: Sources, reporter: Reporter) -> tuple[Dataset, float]:
    """Load the data set, show its warnings, and return it with the loading time in seconds."""
    from convcompare.data.channels import spec_with_channels
    from convcompare.data.load import load_dataset

    started = time.perf_counter()
    dataset = load_dataset(spec_with_channels(request.dataset, request.channels), sources)
    seconds = time.perf_counter() - started
    for text, hint in _data_warnings(dataset):
        reporter.warn(text, hint)
    return dataset, seconds


def _variants(
    request: Request, configs: Sequence[TrainConfig], dataset: Dataset, baseline: ModelRequest
) -> _Variants:
    """Return the networks at their matched width, at each learning rate and number of images.

    `configs` are the configurations of the request's networks.
    """
    from .equal_compute import with_epochs_of
    from .shapes import shape_of

    models, notes = list(request.models), list[str]()
    if request.match and request.match not in MATCHES:
        models, notes = matched(models, baseline, request.match, shape_of(dataset, configs[0]))
    rates = sorted(request.lr_grid, key=float)
    models, configs, rate_labels = at_each_rate(models, configs, rates)
    models, configs, sizes = at_each_size(models, configs, request.sizes)
    configs = [_uncut_if_whole(config, len(dataset.train)) for config in configs]
    configs = [with_epochs_of(config, dataset.train.labels) for config in configs]
    return _Variants(models, configs, notes, rate_labels, sizes)


def _check_zoo(texts: Sequence[str]) -> None:
    """Raise UsageError for a network or option that the zoo lacks, before data are downloaded."""
    from convcompare.models import build

    for spec in map(Spec.parse, texts):
        if build.origin_of(spec.name) == "registry":
            bind(spec, build.options(spec.name))


def _check_evaluated(request: Request, configs: Sequence[TrainConfig]) -> None:
    """Raise UsageError for figures that need every epoch evaluated if not every epoch is."""
    requested = (*request.columns, *request.verdict_on)
    named = next((name for name in requested if name.partition("=")[0] in OF_EVERY_EPOCH), None)
    if named and any(config.evaluate == "last" for config in configs):
        raise UsageError(
            f"`--evaluate last` and {quote(named)} cannot be combined",
            "it is read from the test accuracy after every epoch: `--evaluate every`",
        )


def _uncut_if_whole(config: TrainConfig, images: int) -> TrainConfig:
    """Return the configuration without a cut to all images, which would change the trial's id."""
    return replace(config, train_images=None) if config.train_images == images else config


def _runtime(request: Request, devices: int) -> Runtime:
    """Return device and threads for the trials; a cluster is resolved later."""
    from convcompare.training.hardware import choose_runtime, share, spread

    runtime = choose_runtime(request.device, request.threads)
    runtime = replace(runtime, compile=request.compile)
    if devices > 1 and request.jobs not in (None, 1) and request.executor != "ray":
        hint = "one trial over several devices, or parallel trials with a device each"
        raise exclusive("--devices", "--jobs", hint)
    if devices > 1 and request.compile == "on":
        hint = "steps over several devices are not compiled: leave out one of them"
        raise exclusive("--devices", "--compile on", hint)
    if request.executor != "ray":
        runtime = spread(share(runtime, request.jobs or 1, request.threads), devices)
    commands = request.shard.of if request.shard else 2 if request.worker else 1  # 2 is several
    return replace(runtime, commands=commands, weights=request.weights)


def _executor(requested: str | None, runtime: Runtime, reporter: Reporter) -> str:
    """Return the name of the executor for a runtime.

    Raises:
        UsageError: if the requested executor does not support the runtime.
    """
    several = "torchrun" if runtime.devices > 1 else "processes" if runtime.jobs > 1 else None
    name = requested or several or "local"
    _ = register.executor[name]
    if runtime.devices > 1 and name != several:
        raise UsageError(
            f"`--executor {name}` trains each network on one device, not {runtime.devices}",
            "leave out one of the options",
        )
    if name == "local" and runtime.jobs > 1:
        raise UsageError(
            f"`--executor local` runs one trial at a time, not {runtime.jobs}",
            "leave out one of the options",
        )
    busy = runtime.jobs * runtime.of_a_job().threads
    if runtime.device == "cpu" and runtime.devices > cores():
        reporter.warn(
            f"{runtime.devices} processes act as devices on {cores()} cores",
            f"`--devices {cores()}`",
        )
    if runtime.device == "cpu" and runtime.jobs == 1 and busy > cores():
        reporter.warn(
            f"{busy} threads share {cores()} cores and wait for each other",
            f"`--threads {cores()}` is faster",
        )
    if runtime.jobs > 1 and busy > cores():
        reporter.warn(
            f"{runtime.jobs} parallel trials use {busy} cores, and there are {cores()}",
            "leave out `--jobs` to run the fastest number in parallel",
        )
    return name


def _candidates(
    models: Sequence[ModelRequest],
    configs: Sequence[TrainConfig],
    dataset: Dataset,
    reporter: Reporter,
) -> list[Candidate]:
    """Resolve and build each network once, so that errors occur before all runs."""
    from .foreign_code import resolve
    from .shapes import check_fit, shape_of
    from .trial_grid import Candidate, check_last_batch

    found: list[Candidate] = []
    seen: dict[tuple[str, TrainConfig], str] = {}
    for one, config in zip(models, configs, strict=True):
        check_fit(config, dataset)
        network = resolve(one.spec, shape_of(dataset, config), config.freeze)
        known = seen.setdefault((network.spec, config), one.label)
        if known != one.label or any(one.label == candidate.label for candidate in found):
            raise UsageError(
                f"{quote(one.label)} is the same network as {quote(known)}",
                "name each network once; `--seeds N` repeats it with other seeds",
            )
        found.append(Candidate(one.label, network, config))
    for candidate in found:
        for finding in candidate.network.description.found:
            reporter.warn(f"{quote(candidate.label)} {finding.text}", finding.hint)
        check_last_batch(candidate, dataset)
    return found


def _conditions(
    dataset: Dataset, variants: _Variants, runtime: Runtime, loading_seconds: float, score: Score
) -> Conditions:
    from convcompare.comparison.comparison import Conditions
    from convcompare.data.training_cut import cut_words, image_numbers

    from .shapes import shape_of

    sizes = variants.sizes
    longest = max(
        variants.configs, key=lambda config: (config.train_images or math.inf, config.epochs)
    )
    trained, held_out = image_numbers(longest, dataset.train.labels)
    best = longest.select == "best"
    return Conditions(
        dataset=dataset.name,
        train_images=trained,
        test_images=len(dataset.test),
        shape=str(shape_of(dataset, longest)),
        test_split=dataset.test_split,
        recipe=recipe_name(replace(longest, train_images=None) if sizes else longest),
        epochs=longest.epochs,
        precision=longest.precision,
        device=_device_words(runtime),
        loading_seconds=loading_seconds,
        classes=tuple(dataset.classes),
        val_images=held_out,
        cut=cut_words(longest, dataset.train.labels, [one.images for one in sizes]),
        sizes=sizes,
        selected="the epoch best on held-out images" if best else "the last epoch",
        notes=tuple(variants.notes),
        score=str(score),
        data_warnings=_data_warnings(dataset),
    )


def _data_warnings(dataset: Dataset) -> tuple[tuple[str, str], ...]:
    """Return the warnings about the images, each with its hint."""
    listing = f"`convcompare datasets {shell_word(dataset.name)}` shows all"
    return tuple(
        (note.line(), "; ".join(filter(None, (note.hint, listing)))) for note in dataset.warnings
    )


def _device_words(runtime: Runtime) -> str:
    many = f"{runtime.devices} × " if runtime.devices > 1 else ""
    if runtime.device != "cpu":
        return f"{many}{runtime.device} ({runtime.reason})"
    each = " each" if many else ""
    return f"{many}cpu, {formatting.several(runtime.threads, 'thread')}{each}"
