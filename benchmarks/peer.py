"""One side of a paired timing, as a process; `turns.py` describes its protocol.

    python benchmarks/peer.py SIDE SPEC DATASET STEPS               one epoch of STEPS steps per
    line
    python benchmarks/peer.py SIDE SPEC DATASET --accuracy EPOCHS   prints the test accuracy

SIDE is a name of SIDES: a module with `take_turns`, and `test_accuracy` if it supports --accuracy.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

from turns import Turns, part

from convcompare.core import openmp
from convcompare.data.dataset import Sources
from convcompare.data.load import default_cache, load_dataset

SIDES = {
    "convcompare": "own_loop",
    "course": "course_loop",
    "lightning": "lightning_loop",
    "keras": "keras_loop",
    "keras-jax": "keras_loop",
    "bare": "bare_step",
    "whole": "whole_epoch",
}
OWN = ("convcompare", "bare", "whole")
NEEDS = {"lightning": ("lightning",), "keras": ("keras",), "keras-jax": ("keras", "jax")}
"""Packages that a side needs (`pip install 'convcompare[bench]'`)."""


def missing(side: str) -> list[str]:
    """Return the packages that a side needs and that are not installed."""
    return [name for name in NEEDS.get(side, ()) if importlib.util.find_spec(name) is None]


def main() -> None:
    side, spec, name = sys.argv[1:4]
    if side.startswith("keras"):
        os.environ["KERAS_BACKEND"] = "jax" if side == "keras-jax" else "torch"
    if side in OWN:
        openmp.install()  # as the command does; other sides run without it
    assert "torch" not in sys.modules
    module = importlib.import_module(SIDES[side])
    dataset = load_dataset(name, Sources(default_cache()))
    if sys.argv[4] == "--accuracy":
        print(module.test_accuracy(spec, dataset, int(sys.argv[5])))
        return
    turns = Turns(int(sys.argv[4]))
    test_images = len(dataset.test) if side == "whole" else 1
    module.take_turns(spec, part(dataset, turns.steps, test_images), turns)


if __name__ == "__main__":
    main()
