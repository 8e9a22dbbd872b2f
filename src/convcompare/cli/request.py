"""A comparison as it was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcompare.core.config import Compile

    from .part import Shard


@dataclass(frozen=True)
class ModelRequest:
    """A network that was asked for: what tables call it, its spec, settings of its own."""

    label: str
    spec: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """A comparison as it was asked for."""

    models: Sequence[ModelRequest]
    dataset: str
    seeds: Sequence[int]
    recipe: str
    settings: Mapping[str, str]
    precision: str
    device: str
    threads: int | None
    executor: str | None
    store: Path
    data_dir: Path | None
    fresh: bool
    dry_run: bool
    format: str
    out: Path | None
    quiet: bool
    jobs: int | None = 1
    """Trials at a time; None for as many as there is room for."""
    compile: Compile = "auto"
    ray_address: str | None = None
    gpu_share: float = 1.0
    weights: bool = True
    """Whether the final weights are kept."""
    shard: Shard | None = None
    worker: bool = False
    """Whether it runs what no other worker does, and prints no table."""
    columns: Sequence[str] = ()
    study: str | None = None
    baseline: str | None = None
    match: str | None = None
    all_pairs: bool = False
    lr_grid: Sequence[str] = ()
    until_clear: UntilClear | None = None
    command: Sequence[str] = ()
    """The arguments that ask for it at the command line; those of this process where empty."""

    @property
    def is_part(self) -> bool:
        """Whether others run the rest of the trials."""
        return self.worker or self.shard is not None


@dataclass(frozen=True)
class UntilClear:
    """Add seeds until each contrast is decided: at most so many seeds, begun within so long.

    ``margin`` is the difference in accuracy, a fraction, below which networks are called alike.
    """

    most_seeds: int
    most_seconds: float
    margin: float


def wanted(specs: Sequence[str]) -> list[ModelRequest]:
    """Networks that are called by their specs."""
    return [ModelRequest(spec, spec) for spec in specs]
