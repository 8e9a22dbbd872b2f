"""One side of a paired timing, as a process: `turns.py` says how it is told what to do.

    python benchmarks/peer.py SIDE SPEC DATASET STEPS               an epoch of STEPS steps a line
    python benchmarks/peer.py SIDE SPEC DATASET --accuracy EPOCHS   trains, prints the test accuracy

SIDE is a name of SIDES. Each is a module with `take_turns` and, where it trains to an end,
`test_accuracy`.
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
"""What must be installed for a side (`pip install 'convcompare[bench]'`)."""


def missing(side: str) -> list[str]:
    """The packages that a side needs and that are not installed."""
    return [name for name in NEEDS.get(side, ()) if importlib.util.find_spec(name) is None]


def main() -> None:
    side, spec, name = sys.argv[1:4]
    if side.startswith("keras"):
        os.environ["KERAS_BACKEND"] = "jax" if side == "keras-jax" else "torch"
    if side in OWN:
        openmp.install()  # as the command does, and nobody else
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
