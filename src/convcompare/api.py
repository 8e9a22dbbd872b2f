"""What a Python program calls: the same comparisons as the command line, by the same options."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from .core.errors import UsageError, did_you_mean, quote

if TYPE_CHECKING:
    from typing import Unpack

    from .result import Result


class Options(TypedDict, total=False):
    """The options of ``convcompare compare``, their dashes as underscores; its help explains them.

    `seeds` is how many, or a list of them; `settings` any other setting of the training, by name.
    """

    dataset: str
    seeds: int | Sequence[int]
    seed: int
    baseline: str
    match: str
    all_pairs: bool
    lr_grid: Sequence[float]
    until_clear: bool
    max_seeds: int
    max_time: str
    margin: float
    epochs: int
    batch_size: int
    lr: float
    optimizer: str
    recipe: str
    image_size: int
    val_fraction: float
    select: str
    settings: Mapping[str, Any]
    device: str
    precision: str
    threads: int
    devices: int
    compile: str
    weights: bool
    jobs: int | str
    executor: str
    ray_address: str
    gpu_share: float
    store: str | Path
    data_dir: str | Path
    fresh: bool
    columns: Sequence[str]
    quiet: bool


def compare(models: str | Sequence[str], **options: Unpack[Options]) -> Result:
    """Train networks under the same conditions: what ``convcompare compare`` does.

    `models` are specs, as they are typed there. What has run is reused, what is half-done goes on,
    and the runs are those of the command line: the same trials, in the same store. Progress goes to
    stderr, unless `quiet`. Raises ConvcompareError with a message and a hint; a trial that fails or
    diverges raises nothing, it is in the result.
    """
    from .cli.commands.compare import request
    from .cli.job import prepare
    from .cli.parsing import read_arguments
    from .cli.session import assess, say_conditions
    from .core import openmp
    from .result import Result

    openmp.install()
    command = _command([models] if isinstance(models, str) else models, options)
    asked = replace(request(read_arguments("compare", command)), command=("compare", *command))
    asked = replace(asked, quiet=bool(options.get("quiet")))
    job = prepare(asked)
    if not asked.quiet:
        say_conditions(job, asked)
    return Result(assess(job, asked), job.sources, asked.columns)


def read(
    *names: str,
    store: str | Path | None = None,
    data_dir: str | Path | None = None,
    columns: Sequence[str] = (),
) -> Result:
    """What has run before: the latest comparison, or what `names` pick; nothing is trained.

    A study, models, or runs by the beginning of their ids, as ``convcompare plot`` takes them.
    """
    from .comparison.assessment import Assessment
    from .comparison.selection import select
    from .data.dataset import Sources
    from .data.load import default_cache
    from .output.tables.columns import check_columns
    from .result import Result
    from .store.run_store import RunStore

    check_columns([*columns])
    opened = RunStore(Path(store or os.environ.get("CONVCOMPARE_STORE") or "runs"))
    sources = Sources(default_cache(), Path(data_dir) if data_dir else None)
    return Result(Assessment(select(opened, names), opened), sources, tuple(columns))


def _command(models: Sequence[str], options: Mapping[str, Any]) -> list[str]:
    """The arguments that ask for the same at the command line."""
    known = Options.__annotations__
    words: list[str] = []
    for model in models:
        if not isinstance(model, str):
            raise UsageError(
                f"a network is named by a text, not by {quote(type(model).__name__)}",
                "put the class into a file: `file.py:Net`",
            )
        words.append(model)
    for name, value in options.items():
        if name not in known:
            raise UsageError(
                f"`compare` has no option {quote(name)}",
                did_you_mean(name, known) or f"options: {', '.join(known)}",
            )
        if name != "quiet":
            words += _words(name, value)
    return words


def _words(name: str, value: Any) -> list[str]:
    """One option as it is typed; nothing where it is off or None."""
    option = "--" + name.replace("_", "-")
    if name == "weights":
        return ["--weights" if value else "--no-weights"]
    if value is None or value is False:
        return []
    if value is True:
        return [option]
    if name == "settings":
        return [word for key, one in value.items() for word in ("--set", f"{key}={one}")]
    if name == "seeds" and not isinstance(value, (int, str)) and len(value) == 1:
        return ["--seed", str(value[0])]
    if not isinstance(value, (str, Path)) and isinstance(value, Sequence):
        return [option, ",".join(map(str, value))]
    return [option, str(value)]
