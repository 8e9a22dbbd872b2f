"""Random command lines and specs: no traceback, and only documented exit codes."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from .harness import CODES, Outcome, fork_server, in_batches
from .small import SMALL

BATCH = 50
"""Command lines per process."""
TRAINS = ("compare", "train", "study")
COMMANDS = (
    *TRAINS,
    "models",
    "layers",
    "receptive-field",
    "gradients",
    "plot",
    "classes",
    "report",
    "datasets",
    "runs",
)
WORDS = (
    "fcn",
    "cnn:depth=2",
    "fcn:hidden=8,dropout=0.2",
    "simple",
    "lenet-5",
    "residual",
    "net.py:Net",
    "net.py",
    "torch.nn:Linear",
    "torchvision:nope",
    "latest",
    "mnist",
    "nope",
    "shapes",
    "folder:",
    "folder:.",
    "learning-curves",
    "confusion-matrix",
    "check",
    "rm",
    "",
    "-",
    "--",
    "*",
    "..",
    "a b",
    "[bold]x[/bold]",
    "<b>",
    "\x1b[2J",
    "\n",
    "é№",
    "\ud800",
    "0",
    "-1",
    "1e999",
    "nan",
    "inf",
    "0x10",
    "10**9",
    "1,2",
    "true",
    "x" * 300,
)
OPTIONS = (
    "-d",
    "--dataset",
    "--seeds",
    "--seed",
    "-e",
    "--epochs",
    "-b",
    "--batch-size",
    "--lr",
    "--optimizer",
    "--recipe",
    "--set",
    "--precision",
    "--device",
    "--threads",
    "--jobs",
    "--store",
    "--format",
    "--columns",
    "--baseline",
    "--match",
    "--lr-grid",
    "--margin",
    "--max-time",
    "--select",
    "--val-fraction",
    "--image-size",
    "--executor",
    "--out",
    "--data-dir",
    "--all-pairs",
    "--until-clear",
    "--quiet",
    "--fresh",
    "--help",
    "--version",
    "--debugg",
    "--layer",
    "--terminal",
    "--figure-format",
    "-x",
    "--",
)
VALUES = (
    "shapes:train=64,test=32",
    "mnist-mini",
    "shapes:train=0",
    "shapes:train=-1,test=x",
    "table",
    "json",
    "csv",
    "markdown",
    "latex",
    "runs",
    "out",
    "parameters",
    "macs",
    "best",
    "last",
    "adam",
    "sgd",
    "muon",
    "cpu",
    "cuda",
    "auto",
    "bf16",
    "fp32",
    "local",
    "processes",
    "lr=1",
    "schedule=cosine",
    "epochs=",
    "=",
    "lr==1",
    "0.1",
    "1",
    "2",
    "3,4",
    "accuracy",
    "inference,memory",
    "0",
    "-1",
    "1e400",
    "nan",
    "1e-9",
    "10000000000000",
)
SHORT_TEXT = st.text(max_size=20)
SPEC = st.builds(
    lambda name, options: (
        name + (":" + ",".join(f"{k}={v}" for k, v in options) if options else "")
    ),
    st.one_of(
        st.sampled_from(("cnn", "fcn", "simple", "residual", "lenet-5", "shapes")), SHORT_TEXT
    ),
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(("depth", "hidden", "kernel", "conv", "layers")), SHORT_TEXT),
            st.one_of(st.sampled_from(VALUES), SHORT_TEXT),
        ),
        max_size=3,
    ),
)
WORD = st.one_of(st.sampled_from(WORDS), SPEC, SHORT_TEXT)
OPTION = st.one_of(
    st.tuples(st.sampled_from(OPTIONS), st.one_of(st.sampled_from(VALUES), WORD)),
    st.tuples(st.sampled_from(OPTIONS)),
    st.tuples(WORD),
)
LINE = st.builds(
    lambda command, words, options: [command, *words, *(part for one in options for part in one)],
    st.one_of(st.sampled_from(COMMANDS), st.sampled_from(COMMANDS), WORD),
    st.lists(WORD, max_size=3),
    st.lists(OPTION, max_size=4),
)


def commands(n: int, seed: int) -> Outcome:
    """Run `n` random command lines, 50 per process; nothing is trained or downloaded."""

    def prepare(folder: Path) -> None:
        shutil.copytree(_prepared_folder().name, folder, dirs_exist_ok=True)

    where = "tests.torture.commands:run_lines"
    return in_batches(n, BATCH, "command lines", where, seed, prepare)


@lru_cache
def _prepared_folder() -> TemporaryDirectory[str]:
    """Return a folder with a store and user networks."""
    made = TemporaryDirectory(prefix="torture-lines-")
    fork_server().run(SMALL, Path(made.name)).clean(0)
    Path(made.name, "net.py").write_text(
        "from torch import nn\nclass Net(nn.Linear):\n    pass\nclass Bad:\n"
        "    def __init__(self, x):\n        raise RuntimeError('line one\\nline two')\n"
    )
    return made


def run_lines(count: int, seed: int) -> None:
    """Draw command lines and run them in this process; raise at the smallest failing one."""
    from convcompare import cli

    forbid_downloads()
    no_limits = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )

    @seeded(seed)
    @no_limits
    @given(LINE)
    def hold(line: list[str]) -> None:
        argv = [word.replace("\0", "") for word in line]
        if argv[0] in TRAINS and "--dry-run" not in argv:
            argv[1:1] = ["--dry-run"]
        if argv[0] in (*TRAINS, "models") and "-d" not in argv and "--dataset" not in argv:
            argv[1:1] = ["-d", "shapes:train=64,test=32"]
        out, err = io.StringIO(), io.StringIO()
        sys.argv = ["convcompare", *argv]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code: Any = cli.run(argv)
        words = f"{json.dumps(argv)} -> {code}: {err.getvalue()[-500:]}"
        assert code in CODES, words
        assert "Traceback" not in err.getvalue(), words
        assert code not in (2, 3, 4) or "error: " in err.getvalue(), words
        assert "\x1b" not in out.getvalue() + err.getvalue(), words

    try:
        hold()
    except AssertionError as error:
        print(error)
    except BaseException as error:
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        print(f"raised {type(error).__name__}: {error} in {place.name} line {place.lineno}")
        raise
    else:
        print("all held")


def forbid_downloads() -> None:
    """Make downloads fail."""
    from convcompare.data.sources import fetch

    def no_network(published: Any, *rest: Any) -> Any:
        raise fetch._unavailable(published, "and downloads are off", "")

    fetch._from_network = no_network
