"""Files of a store and of data caches damaged in six ways: each damage must be detected."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import random
import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import data_damage
from .harm import WAYS, harm
from .harness import Broken, Case, Outcome, cases, fork_server, must
from .small import SMALL, check_equal, reference, results

ENDED = (
    "trial.json",
    "environment.json",
    "run.json",
    "weights.safetensors",
    "test_logits.npz",
    "analyses/gradients.npz",
    "analyses/features.npz",
    "analyses/receptive-field.npz",
    "comparison",
)
INTERRUPTED = (
    "trial.json",
    "environment.json",
    "newest record",
    "older record",
    "newest state",
    "older state",
    "analyses/gradients.npz",
)
READERS = (
    ["runs", "--format", "json"],
    ["runs", "latest", "--format", "json"],
    ["plot", "learning-curves", "--format", "json"],
    ["plot", "gradients-by-layer", "--format", "json"],
    ["plot", "feature-maps", "--format", "json"],
    ["plot", "receptive-field", "--format", "json"],
    ["classes"],
)


def damage(n: int, seed: int) -> Outcome:
    """Damage each file of ended and interrupted runs and of data in each way, in random order."""
    every = [_ended(name, way) for name in ENDED for way in WAYS]
    every += [_interrupted(name, way) for name in INTERRUPTED for way in WAYS]
    every += data_damage.all_cases()
    random.Random(seed).shuffle(every)
    return cases([every[number % len(every)] for number in range(n)], seed)


@lru_cache
def stores() -> TemporaryDirectory[str]:
    """Return a folder with two stores: one of ended comparisons, one of an interrupted one."""
    made = TemporaryDirectory(prefix="torture-stores-")
    for name in ("ended", "half"):
        folder = Path(made.name, name)
        folder.mkdir()
        if name == "ended":
            fork_server().run(SMALL, folder).clean(0)
        else:
            training = fork_server().start(
                None, folder, before="tests.torture.damage:interrupt_training"
            )
            training.wait()
            must(list(folder.glob("runs/*/checkpoint/*.json")), "no half-done run")
    return made


def interrupt_training() -> None:
    """Train up to the third epoch's commit, then die."""
    from convcompare import cli
    from convcompare.store.run_store import RunStore

    real, calls = RunStore.save_epoch, itertools.count(1)

    def save(self: RunStore, *given: Any, **more: Any) -> None:
        real(self, *given, **more)
        if next(calls) == 3:
            os._exit(0)

    RunStore.save_epoch = save  # type: ignore[method-assign]
    cli.run([*SMALL])


def _ended(name: str, way: str) -> tuple[str, Case]:
    def case(rng: random.Random, folder: Path) -> None:
        shutil.copytree(Path(stores().name, "ended"), folder, dirs_exist_ok=True)
        run, other = rng.sample(_runs(folder), 2)
        path, twin = _paths(folder, run, other, name)
        before = path.read_bytes()
        harm(path, twin, way, rng)
        if path.is_file() and _same_content(before, path.read_bytes(), name):
            return
        found = fork_server().call("tests.torture.damage:read_all", folder)
        _check_errors(found, path)
        _check_detected(found, path, name)
        expected = reference().results[other.name]
        must(found["results"].get(other.name) == _digest(expected), f"run {other.name} is affected")

    return f"{way}: {name}", case


def _interrupted(name: str, way: str) -> tuple[str, Case]:
    def case(rng: random.Random, folder: Path) -> None:
        shutil.copytree(Path(stores().name, "half"), folder, dirs_exist_ok=True)
        (run,) = _runs(folder)
        path, twin = _paths(folder, run, run, name)
        harm(path, twin, way, rng)
        fork_server().run(["runs"], folder).clean(0, 4)
        ended = fork_server().run(SMALL, folder).clean(0, 4)
        if ended.code == 4:
            must(path.name in ended.err, f"{path.name} is not named: {ended}")
            fork_server().run(["runs", "check", "--repair"], folder).clean(0, 1, 4)
            fork_server().run(SMALL, folder).clean(0)
        reported = "gradients before now are not known" in ended.err
        check_equal(folder / "runs", but=name if reported else "")

    return f"{way}: half-done {name}", case


def _runs(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("runs/*/trial.json"))


def _paths(folder: Path, run: Path, other: Path, name: str) -> tuple[Path, Path]:
    """Return the file to damage, and a similar one from elsewhere."""
    if name == "comparison":
        path = min((folder / "runs" / "comparisons").iterdir())
        return path, run / "run.json"
    age, _, what = name.partition(" ")
    if what in ("state", "record"):
        ending = "safetensors" if what == "state" else "json"
        old, new = sorted((run / "checkpoint").glob(f"*.{ending}"))
        return (new, old) if age == "newest" else (old, new)
    if other == run:
        return run / name, run / ("trial.json" if name != "trial.json" else "environment.json")
    return run / name, other / name


def _same_content(before: bytes, after: bytes, name: str) -> bool:
    """Return True if a text has the same values: a number may be written `1e-05` or `1E-05`."""
    if before == after:
        return True
    if not name.endswith(("json", "jsonl", "comparison")):
        return False
    try:
        one, two = ([json.loads(line) for line in _texts(data, name)] for data in (before, after))
    except ValueError:
        return False
    return one == two


def _texts(data: bytes, name: str) -> list[bytes]:
    return data.splitlines() if name.endswith("jsonl") else [data]


def read_all() -> None:
    """Run the readers and the check in this process; print their output as JSON."""
    from convcompare import cli

    outputs = []
    for argv in (*READERS, ["runs", "check"], [*SMALL]):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run([*argv])
        outputs.append(
            {"argv": argv, "code": code, "out": out.getvalue()[-3000:], "err": err.getvalue()}
        )
    store, digests = Path("runs"), {}
    for run in _runs(Path()):
        with contextlib.suppress(Exception), TemporaryDirectory() as alone:
            shutil.copytree(run, Path(alone, run.name))
            digests |= {key: _digest(value) for key, value in results(Path(alone)).items()}
    print(json.dumps({"outputs": outputs, "results": digests, "store": str(store)}))


def _digest(result: dict[str, Any]) -> str:
    import hashlib

    return hashlib.sha256(repr(sorted(result.items())).encode()).hexdigest()


def _check_errors(found: dict[str, Any], path: Path) -> None:
    """Assert that each command has a documented exit code and no traceback."""
    for one in found["outputs"]:
        words = f"{one['argv'][:2]} -> {one['code']}: {one['err'][-600:]}"
        must(one["code"] in {0, 1, 2, 3, 4}, words)
        must("Traceback" not in one["err"] and "bug in convcompare" not in one["err"], words)
        if one["code"] == 4 and one["argv"][:2] != ["runs", "check"]:
            must(path.name in one["err"] and "hint: " in one["err"], f"file or remedy: {words}")


def _check_detected(found: dict[str, Any], path: Path, name: str) -> None:
    """Assert that the check of the store names the damaged file."""
    (check,) = [one for one in found["outputs"] if one["argv"] == ["runs", "check"]]
    if check["code"] == 2:
        raise Broken("there is no `runs check`")
    must(check["code"] != 0, f"not noticed: {name}")
    must(
        path.name in check["err"] + check["out"], f"`runs check` does not name {path.name}: {check}"
    )
