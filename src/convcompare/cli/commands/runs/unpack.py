"""``convcompare runs unpack``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convcompare.core import formatting
from convcompare.core.errors import UsageError, quote, shell_word

from ...console import out


def unpack(
    pack: Annotated[Path, typer.Argument(help="A file of `runs pack`.", metavar="FILE")],
    folder: Annotated[
        Path, typer.Argument(help="The store to make: a new folder or an empty one.")
    ] = Path("runs"),
) -> None:
    """Unpack a file of `runs pack` into a folder.

    $ convcompare runs unpack kernels.ccpack
    $ convcompare runs unpack kernels.ccpack elsewhere

    The files are byte for byte those that were packed. `runs merge FILE` adds its runs to a store
    that has some already.
    """
    from convcompare.store import packing
    from convcompare.store.pack import Pack
    from convcompare.store.reader import RunReader

    if not pack.is_file():
        what = "is a folder" if pack.is_dir() else "is not there"
        raise UsageError(f"{quote(pack, 300)} {what}", "`convcompare runs pack` makes such a file")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        merge = f"convcompare runs merge {shell_word(pack)} --store {shell_word(folder)}"
        raise UsageError(f"{quote(folder, 300)} already exists", f"`{merge}` adds the runs to it")
    packing.unpack(Pack(pack), folder)
    made = RunReader(folder)
    runs = formatting.several(len(made.ids()), "run")
    comparisons = formatting.several(len(made.comparisons()), "comparison")
    out().print(f"{runs} and {comparisons} in {quote(folder, 300)}", soft_wrap=True)
