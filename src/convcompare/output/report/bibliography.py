"""The works that a report cites. Their BibTeX entries are in ``works.bib``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from convcompare.core.version import __version__

_FILE = Path(__file__).with_name("works.bib").read_text(encoding="utf-8").rstrip("\n")
WORKS: Mapping[str, str] = {
    entry.partition("{")[2].partition(",")[0]: entry.replace("VERSION", __version__)
    for entry in _FILE.split("\n\n")
}
"""The entry of each work, by its key."""


DATA: Mapping[str, str] = {
    "mnist": "lecun1998",
    "mnist-mini": "lecun1998",
    "cifar10": "krizhevsky2009",
    "cifar100": "krizhevsky2009",
    "fashion-mnist": "xiao2017",
    "kmnist": "clanuwat2018",
    "emnist": "cohen2017",
    "svhn": "netzer2011",
}
"""Sources of the data sets."""
OPTIMIZERS: Mapping[str, str] = {
    "adam": "kingma2015",
    "adamw": "loshchilov2019",
    "muon": "jordan2024",
}


def short(key: str) -> str:
    """Return a work in a text by its authors and its year: ``Kingma and Ba, 2015``."""
    fields = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", WORKS[key], re.MULTILINE))
    if "author" not in fields:
        return f"version {__version__}"
    names = [author.partition(",")[0].strip("{}") for author in fields["author"].split(" and ")]
    lead = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
    return f"{lead.replace(' and others', ' et al.')}, {fields['year']}"


def bibtex(keys: Iterable[str]) -> str:
    """Return the entries of the cited works, each once."""
    return "\n\n".join(WORKS[key] for key in dict.fromkeys(keys)) + "\n"
