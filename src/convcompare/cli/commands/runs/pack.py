"""``convcompare runs pack``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convcompare.core import formatting
from convcompare.core.errors import UsageError, one_of, quote

from ... import completions as c
from ... import options as o
from ...console import out as results
from ...console import show_warning
from ...run_choice import is_comparison, named_runs, trials_of

if TYPE_CHECKING:
    from convcompare.store.run_store import RunStore


_PART = "Leave out a part {}: weights, logits, features, gradients … (repeatable)."


def pack(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Comparisons, `latest`, networks, patterns such as 'cnn:*', or runs by the "
            "beginnings of their ids [default: all runs].",
            metavar="NAME",
            autocompletion=c.selected_names,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, o.option("--out", "-o", panel=o.OUTPUT, help="File [default: runs.ccpack].")
    ] = Path("runs.ccpack"),
    without: Annotated[
        list[str] | None,
        o.option("--without", metavar="PART", panel=o.STORE, help=_PART.format("of every run")),
    ] = None,
    first_seed: Annotated[
        list[str] | None,
        o.option(
            "--first-seed",
            metavar="PART",
            panel=o.STORE,
            help=_PART.format("of every run but those of a network's first seed"),
        ),
    ] = None,
    replace: Annotated[
        bool, o.option("--replace", panel=o.OUTPUT, help="Overwrite the file.")
    ] = False,
    store: o.Store = Path("runs"),
) -> None:
    """Pack finished runs into one file, which every command reads as a store.

    $ convcompare runs pack
    $ convcompare runs pack kernels --out kernels.ccpack
    $ convcompare runs latest --store kernels.ccpack
    $ convcompare runs pack --without weights --first-seed features

    Every file is verified when it is packed and when it is read. `runs unpack` restores the same
    bytes. `--without logits` keeps the predicted class of each test image, so that accuracies and
    confusion matrices stay.
    """
    from convcompare.store import packing
    from convcompare.store.run_store import RunStore

    opened = RunStore(store)
    parts = {"--without": without or [], "--first-seed": first_seed or []}
    chosen = _chosen(opened, names or [])
    ended = [run_id for run_id in chosen if opened.finished(run_id)]
    if not ended:
        raise UsageError(f"no run in {quote(store)} has ended", "`convcompare runs` lists all")
    out_of = [_files(opened, ended, option, words) for option, words in parts.items()]
    _check_free(out, replace)
    packed = packing.pack(opened, ended, out, *out_of)
    if len(ended) < len(chosen):
        left = formatting.several(len(chosen) - len(ended), "run")
        show_warning(f"{left} not ended and not packed", "the same command continues them")
    runs = formatting.several(packed.runs, "run")
    comparisons = formatting.several(packed.comparisons, "comparison")
    what = f"{runs} and {comparisons} in {quote(out, 300)}"
    results().print(f"{what}: {formatting.size(packed.size)}", soft_wrap=True)


def _chosen(store: RunStore, names: Sequence[str]) -> list[str]:
    """Return the ids of all runs, or of the named ones."""
    there = store.ids()
    if not names:
        return there
    found: list[str] = []
    for name in names:
        named = is_comparison(store, name)
        found += trials_of(store, name) if named else named_runs(store, [name])
    return [run_id for run_id in dict.fromkeys(found) if run_id in there]


def _files(
    store: RunStore, run_ids: Sequence[str], option: str, words: Sequence[str]
) -> frozenset[str]:
    """Return the files of the named parts.

    Raises:
        UsageError: for a part that none of the runs has.
    """
    from convcompare.store.packing import PARTS, part_of

    recorded = {name for one in run_ids for name in store.recorded(one).sha256} if words else set()
    known = {part_of(name): name for name in (*recorded, *PARTS)}
    message = f"invalid value for `{option}`: {{}}"
    return frozenset(
        known[one_of([*known], word, message.format(quote(word)), ", ".join(sorted(known)))]
        for word in words
    )


def _check_free(path: Path, replace: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{quote(path, 300)} is a folder", "`--out FILE` names a file")
    if path.exists() and not replace:
        raise UsageError(
            f"{quote(path, 300)} already exists",
            "`--replace` overwrites it, `--out` writes another",
        )
