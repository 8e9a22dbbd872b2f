"""Servers that stall, truncate, falsify or redirect: only verified bytes are used."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from convcompare.data.dataset import fingerprint
from tests.support.mirrors import FILES, SIZE, SPLITS, served

from .harness import Case, Outcome, cases, fork_server, must

CONNECT, SPEED, WINDOW = 0.6, 20_000.0, 0.6
"""Time limits: seconds for an answer, minimum bytes per second, seconds of its window."""
FAULTS = (
    "stall",
    "mute",
    "drip",
    "cut",
    "wrong",
    "swapped",
    "flip",
    "empty",
    "redirect_file",
    "redirect_loop",
    "status_404",
    "status_500",
    "status_503",
    "endless",
    "huge",
    "html",
    "reset",
    "garbage",
    "long_header",
    "bomb",
)


def downloads(n: int, seed: int) -> Outcome:
    """Apply the faults in turn, to one random file of the first of two sources."""
    return cases([_case(FAULTS[number % len(FAULTS)], number) for number in range(n)], seed)


def _case(fault: str, number: int) -> tuple[str, Case]:
    def case(rng: random.Random, folder: Path) -> None:
        random.seed(rng.random())
        with served() as server:
            bad = server.base(fault, rng.choice(list(FILES)))
            good = server.base("good")
            alone = fetch(folder / "one", [bad])
            must(alone["error"], f"the bytes of {fault} were used")
            must(alone["code"] == 3 and alone["hint"], alone)
            must(not [n for n in alone["left"] if n.endswith((".npz", ".part"))], alone)
            both = fetch(folder / "two", [bad, good])
            must(not both["error"], both)
            must([n for n in both["left"] if not n.startswith("tiny.lo")] != [], both)
            from_cache = fetch(folder / "two", [bad])
            must(from_cache["sha256"] == both["sha256"] == fingerprint(SPLITS), from_cache)

    return f"server: {fault}", case


def fetch(cache: Path, bases: list[str], data_dir: str = "") -> dict[str, Any]:
    """Return what a process obtains of a data set from these servers or this folder."""
    cache.parent.mkdir(exist_ok=True)
    arguments = {"cache": str(cache), "bases": bases, "data_dir": data_dir}
    found: dict[str, Any] = fork_server().call(
        "tests.torture.downloads:obtain_and_print", cache.parent, **arguments
    )
    return found


def obtain_and_print(cache: str, bases: list[str], data_dir: str) -> None:
    """Obtain the data set in this process; print the result or the error."""
    from convcompare.core.errors import ConvcompareError
    from convcompare.data.dataset import Sources
    from convcompare.data.sources.download import Mirror, TimeLimits
    from convcompare.data.sources.fetch import PublishedFiles, obtain
    from convcompare.data.sources.idx import read_idx_folder

    origins = tuple(Mirror(base, tuple(FILES), SIZE) for base in bases)
    published = PublishedFiles("tiny", "Tiny", fingerprint(SPLITS), read_idx_folder, origins)
    found: dict[str, Any] = {"error": "", "hint": "", "code": 0, "sha256": ""}
    try:
        sources = Sources(Path(cache), data_dir=Path(data_dir) if data_dir else None)
        splits, _ = obtain(published, sources, TimeLimits(CONNECT, SPEED, WINDOW))
        found["sha256"] = fingerprint(splits)
    except ConvcompareError as error:
        found |= {"error": error.message, "hint": error.hint, "code": error.exit_code}
    left = sorted(path.name for path in Path(cache).iterdir()) if Path(cache).exists() else []
    print(json.dumps({**found, "left": left}))
