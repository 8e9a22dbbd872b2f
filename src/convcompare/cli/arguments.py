"""Builds a request from the options of a command: ``--seeds 5``, ``--set a=b``."""

from __future__ import annotations

import sys
from typing import cast

from convcompare.core.config import SETTINGS, Compile
from convcompare.core.durations import parse_duration
from convcompare.core.errors import exclusive, invalid
from convcompare.experiment.request import (
    CHANNELS_HINT,
    SEEDS_HINT,
    ModelRequest,
    Request,
    parse_jobs,
    seed_list,
)
from convcompare.experiment.shard import Shard
from convcompare.experiment.until_clear import (
    UntilClear,
    not_with_until_clear,
    parse_until_clear,
)

from .option_groups import (
    ContrastOptions,
    ExecutorOptions,
    MachineOptions,
    OutputOptions,
    SeedOptions,
    StoreOptions,
    TrainingOptions,
)


def build_request(
    models: tuple[ModelRequest, ...],
    dataset: str,
    *,
    machine: MachineOptions,
    store: StoreOptions,
    output: OutputOptions,
    seeds: SeedOptions,
    training: TrainingOptions,
    contrasts: ContrastOptions = ContrastOptions(),  # noqa: B008
    executor: ExecutorOptions = ExecutorOptions(),  # noqa: B008
    columns: tuple[str, ...] = (),
    study: str | None = None,
) -> Request:
    """Return the request for the options of a command; `columns` precede the requested ones."""
    own = {name: getattr(training, name) for name in SETTINGS if name != "devices"}
    return Request(
        models=models,
        dataset=dataset,
        channels=parse_channels(training.channels),
        seeds=parse_seeds(seeds.seeds, seeds.seed),
        recipe=training.recipe,
        settings=parse_settings(training.settings, **own, devices=machine.devices),
        name=contrasts.name,
        baseline=contrasts.baseline,
        match=contrasts.match,
        budget=contrasts.budget,
        all_pairs=contrasts.all_pairs,
        score=contrasts.score,
        verdict_on=parse_figures(contrasts.verdict_on),
        lr_grid=parse_list(contrasts.lr_grid),
        until_clear=_until_clear(contrasts, seeds),
        device=machine.device,
        precision=machine.precision,
        threads=machine.threads,
        compile=cast(Compile, machine.compile),
        jobs=parse_jobs(executor.jobs),
        executor=executor.executor,
        ray_address=executor.ray_address,
        gpu_share=executor.gpu_share,
        weights=executor.weights,
        shard=None if executor.shard is None else Shard.parse(executor.shard),
        worker=executor.worker,
        store=store.store,
        data_dir=store.data_dir,
        fresh=store.fresh,
        dry_run=output.dry_run,
        columns=tuple(dict.fromkeys([*columns, *parse_columns(output.columns)])),
        study=study,
        command=tuple(sys.argv[1:]),
    )


def parse_seeds(text: str | None, first: int) -> tuple[int, ...]:
    """Return N seeds from `first` on, or the seeds of a list; one seed if `text` is None."""
    if text is None:
        return (first,)
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise invalid("--seeds", text, SEEDS_HINT) from None
    if "," in text and first:
        raise exclusive(f"--seeds {text}", f"--seed {first}", "a list names every seed")
    return seed_list(numbers if "," in text else numbers[0], first)


def parse_channels(text: str | None) -> int | None:
    """Return the channels of the images, 1 or 3; None to keep those that they have."""
    if text is None:
        return None
    if text not in ("1", "3"):
        raise invalid("--channels", text, CHANNELS_HINT)
    return int(text)


def parse_settings(pairs: list[str] | None, **given: str | None) -> dict[str, str]:
    """Return the training settings from ``--set name=value`` and from separate options."""
    settings: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise invalid("--set", pair, "write `--set name=value`")
        own = given.get(name.strip())
        if settings.setdefault(name.strip(), own or value.strip()) != value.strip():
            raise invalid("--set", pair, "it is set to another value too: leave out one of them")
    return settings | {name: value for name, value in given.items() if value is not None}


def parse_columns(text: str | None) -> tuple[str, ...]:
    """Return the additional columns: names separated by commas, or ``all``."""
    if text is None:
        return ()
    from convcompare.output.tables.columns import EXTRA, check_columns
    from convcompare.store.robustness_record import ROBUSTNESS

    if text == "all":
        return tuple(name for name in EXTRA if name not in ("published", ROBUSTNESS))
    names = parse_list(text)
    check_columns(names)
    return names


def parse_figures(text: str | None) -> tuple[str, ...]:
    """Return the figures that verdicts are about, from names separated by commas."""
    if text is None:
        return ()
    from convcompare.comparison.figures.catalogue import check_figures

    return check_figures(parse_list(text))


def parse_list(text: str | None) -> tuple[str, ...]:
    """Return the texts of a list with commas; none if `text` is None."""
    return () if text is None else tuple(part.strip() for part in text.split(","))


def longest_time(text: str | None) -> float | None:
    """Return seconds from ``90``, ``90s``, ``30m`` or ``2h``; None for None."""
    if text is None:
        return None
    seconds = parse_duration(text)
    if seconds is None:
        raise invalid("--max-time", text, "a time such as 90s, 30m or 2h")
    return seconds


def _until_clear(contrasts: ContrastOptions, seeds: SeedOptions) -> UntilClear | None:
    if contrasts.until_clear and seeds.seeds is not None:
        raise not_with_until_clear("--seeds")
    seconds = longest_time(contrasts.max_time)
    return parse_until_clear(contrasts.until_clear, contrasts.max_seeds, seconds, contrasts.margin)
