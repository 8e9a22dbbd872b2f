"""Malicious names: no path escapes, and no terminal or page is manipulated."""

from __future__ import annotations

import random
import shutil
import unicodedata
from pathlib import Path

from PIL import Image

from .damage import stores
from .harness import Broken, Case, Ended, Outcome, cases, fork_server, must

NAMES = (
    "../../out",
    "\x1b[2J\x1b]0;owned\x07",
    "a\rb\nc\x08\x08",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "[bold red]error[/bold red]",
    "x" * 240,
    "é" * 120,
    "‮gpj.exe",
    "﻿zero​width",
    "`code` | $x$ \\n",
    "-rf",
    "--store",
    "%s%n{0}${HOME}",
    "=cmd|' /C calc'!A1",
    " ",
    "CON",
)
PLACES = (
    "model",
    "dataset",
    "class",
    "image",
    "broken image",
    "network file",
    "run folder",
    "comparison file",
    "store",
    "study",
    "out",
    "option value",
)


def hostile_names(n: int, seed: int) -> Outcome:
    """Use each name in each place; `n` of them, 0 for all."""
    all_cases = [
        (f"{name[:30]!r} as {place}", _case(place, name)) for place in PLACES for name in NAMES
    ]
    if n and n < len(all_cases):
        all_cases = random.Random(seed).sample(all_cases, n)
    return cases(all_cases, seed)


def _case(place: str, name: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        work = folder / "work" / "here"
        work.mkdir(parents=True)
        try:
            ended = USES[place](work, name)
        except (OSError, ValueError) as error:
            raise Broken(f"the test cannot make it: {error}") from error
        for one in ended:
            one.clean()
            _check_text(one)
        outside = [p for p in folder.rglob("*") if work not in (p, *p.parents) and p != work.parent]
        must(not outside, f"written outside: {outside}")
        for page in [*work.rglob("*.html"), *work.rglob("*.svg")]:
            text = page.read_text()
            must("<script>alert" not in text and "<img src=x" not in text, f"{page} is fooled")

    return case


def _check_text(ended: Ended) -> None:
    """Assert that no control character or bidirectional mark reaches a terminal."""
    for text in (ended.out, ended.err):
        odd = {
            c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf") and c != "\t"
        }
        must(not odd, f"{sorted(map(ascii, odd))} in what is shown: {ended!r}"[:900])


def _run(folder: Path, *argv: str) -> Ended:
    return fork_server().run(argv, folder)


def _model(folder: Path, name: str) -> list[Ended]:
    data = ("-d", "shapes:train=64,test=32", "--dry-run")
    return [_run(folder, "compare", *data, "--", name), _run(folder, "models", "--", name)]


def _dataset(folder: Path, name: str) -> list[Ended]:
    return [
        _run(folder, "compare", "fcn", f"--dataset={prefix}{name}", "--dry-run")
        for prefix in ("", "folder:", "shapes:train=")
    ]


def _photos(folder: Path, first: str, file: str) -> list[Ended]:
    for number, name in enumerate((first, "plain")):
        photos = folder / "photos" / name
        photos.mkdir(parents=True)
        for i in range(6):
            image = Image.new("RGB", (9, 9), (200 * number, 9 * i, 9))
            image.save(photos / (f"{file}.png" if number + i == 0 else f"{i}.png"), "PNG")
    command = ("compare", "fcn:hidden=4", "-d", "folder:photos", "-b", "4", "-e", "1", "-q")
    readers = (("runs",), ("classes",), ("plot", "confusion-matrix", "--out", "f.svg"), ("report",))
    return [_run(folder, *command[:-1], "--quiet"), *(_run(folder, *one) for one in readers)]


def _class(folder: Path, name: str) -> list[Ended]:
    return _photos(folder, name.replace("/", "∕"), "0")


def _image(folder: Path, name: str) -> list[Ended]:
    return _photos(folder, "one", name.replace("/", "∕"))


def _broken_image(folder: Path, name: str) -> list[Ended]:
    photos = folder / "photos" / "one"
    photos.mkdir(parents=True)
    (photos / (name.replace("/", "∕") + ".png")).write_bytes(b"no image")
    ended = _photos(folder, "two", "0")
    must(ended[0].code == 3, ended[0])
    return ended[:1]


def _network_file(folder: Path, name: str) -> list[Ended]:
    path = folder / (name.replace("/", "∕") + ".py")
    path.write_text(
        "from torch import nn\nclass Net(nn.Sequential):\n    def __init__(self, num_classes):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(3072, num_classes))\n"
    )
    command = ("compare", "-d", "shapes:train=64,test=32", "-e", "1", "-b", "32", "--quiet", "--")
    readers = (("runs",), ("runs", "latest"), ("report",))
    return [_run(folder, *command, f"{path.name}:Net"), *(_run(folder, *one) for one in readers)]


def _filled(folder: Path) -> Path:
    shutil.copytree(Path(stores().name, "ended"), folder, dirs_exist_ok=True)
    return min(path.parent for path in folder.glob("runs/*/trial.json"))


def _readers(folder: Path, *names: str) -> list[Ended]:
    commands = (("runs",), ("runs", "latest"), ("runs", "check"), ("report",))
    named = [("runs", "--", name) for name in names] + [("plot", "seeds", "--", n) for n in names]
    return [_run(folder, *one) for one in (*commands, *named)]


def _run_folder(folder: Path, name: str) -> list[Ended]:
    run = _filled(folder)
    run.rename(run.with_name(name.replace("/", "∕")))
    return _readers(folder, name)


def _comparison_file(folder: Path, name: str) -> list[Ended]:
    _filled(folder)
    path = min((folder / "runs" / "comparisons").iterdir())
    path.rename(path.with_name(name.replace("/", "∕") + ".json"))
    return _readers(folder, name)


def _store(folder: Path, name: str) -> list[Ended]:
    name = name.replace("../../out", "out")
    commands = (("runs",), ("report",), ("plot", "seeds"), ("runs", "check"))
    return [_run(folder, *one, f"--store={name}") for one in commands]


def _study(folder: Path, name: str) -> list[Ended]:
    _filled(folder)
    return [_run(folder, command, "--", name) for command in ("study", "report", "plot")]


def _out(folder: Path, name: str) -> list[Ended]:
    _filled(folder)
    name = name.replace("../../out", "out")
    return [
        _run(folder, "plot", "seeds", f"--out={name}"),
        _run(folder, "report", f"--out={name}r"),
    ]


def _option_value(folder: Path, name: str) -> list[Ended]:
    options = (
        "recipe",
        "optimizer",
        "set",
        "seeds",
        "lr",
        "columns",
        "format",
        "executor",
        "device",
    )
    data = ("compare", "fcn", "-d", "shapes:train=64,test=32", "--dry-run")
    return [_run(folder, *data, f"--{option}={name}") for option in options]


USES = dict(
    zip(
        PLACES,
        (
            _model,
            _dataset,
            _class,
            _image,
            _broken_image,
            _network_file,
            _run_folder,
            _comparison_file,
            _store,
            _study,
            _out,
            _option_value,
        ),
        strict=True,
    )
)
