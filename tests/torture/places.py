"""Unusual environments: full and read-only disks, missing homes, foreign locales, tight limits."""

from __future__ import annotations

import ctypes
import json
import os
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from .harness import Case, Outcome, Skipped, cases, fork_server, must, real
from .small import SMALL, announced, check_equal

_NEWNS, _NEWUSER = 0x00020000, 0x10000000
HERE = "tests.torture.places"
LOCALES = (
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1", "LC_ALL": "tr_TR.UTF-8"},
    {"COLUMNS": "1", "TERM": "dumb"},
    {"LANG": "nonsense", "TZ": "nonsense"},
)


def places(n: int, seed: int) -> Outcome:
    """Try the environments in turn; those with random sizes differ each time."""
    kinds: list[tuple[str, Case]] = [
        ("full disk", _in_namespace("full_disk")),
        ("read-only store", _in_namespace("read_only")),
        ("umask 077", _umask),
        ("missing home", _home),
        ("odd locale", _locale),
        ("full disk", _in_namespace("full_disk")),
        ("no more files", _in_namespace("no_inodes")),
        ("limit on file size", _limited("limit_file_size")),
        ("folder that was removed", _removed),
        ("store that is something else", _not_a_store),
    ]
    return cases([kinds[number % len(kinds)] for number in range(n)], seed)


# In a mount namespace: each function prints its results as JSON


def own_mounts() -> None:
    """Enter a private mount namespace that ends with this process; OSError if not permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEWNS | (_NEWUSER if user else 0)):
        raise OSError(ctypes.get_errno(), "unshare")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True, capture_output=True)


def mount(options: str, *more: str) -> None:
    """Mount a file system in memory as the store."""
    Path("runs").mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, *more, "tmpfs", "runs"]
    subprocess.run(command, check=True, capture_output=True)


def child(argv: list[str]) -> dict[str, Any]:
    """Run the command in a fork of this process; return its exit code and output."""
    pid = os.fork()
    if not pid:
        for name, number in (("out", 1), ("err", 2)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        from convcompare import cli

        sys.argv = ["convcompare", *argv]
        code = cli.run(argv)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {
        "argv": argv,
        "code": code,
        "out": Path("out").read_text(),
        "err": Path("err").read_text(),
    }


def full_disk(number: float) -> None:
    """Train on a disk with too little space, then with enough."""
    own_mounts()
    kilobytes = int(40 * 100**number)
    mount(f"size={kilobytes}k")
    first = child([*SMALL])
    listed = child(["runs"])
    subprocess.run(["mount", "-o", "remount,size=64m", "runs"], check=True, capture_output=True)
    _report(first, listed, child([*SMALL]), size=kilobytes)


def no_inodes(number: float) -> None:
    """Train on a disk that holds few files, then with enough inodes."""
    own_mounts()
    mount(f"size=64m,nr_inodes={int(3 + 22 * number)}")
    first = child([*SMALL])
    listed = child(["runs"])
    subprocess.run(
        ["mount", "-o", "remount,nr_inodes=10000", "runs"], check=True, capture_output=True
    )
    _report(first, listed, child([*SMALL]))


def read_only(number: float) -> None:
    """Read a store on a read-only disk, and try to train there."""
    own_mounts()
    mount("size=64m")
    child([*SMALL])
    subprocess.run(["mount", "-o", "remount,ro", "runs"], check=True, capture_output=True)
    readers = [
        child(["runs"]),
        child(["runs", "latest"]),
        child(["plot", "learning-curves", "--format", "json"]),
    ]
    must(all(one["code"] == 0 for one in readers), readers)
    other = child([*SMALL, "--seeds", "2"])
    must(other["code"] == 4, other)
    _report(other, readers[0], child(["runs"]))


def _report(
    first: dict[str, Any], listed: dict[str, Any], last: dict[str, Any], **more: Any
) -> None:
    shutil.copytree("runs", "kept")
    print(json.dumps({"first": first, "listed": listed, "last": last, **more}))


def _in_namespace(name: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        if fork_server().run(None, folder, before=f"{HERE}:own_mounts").code:
            raise Skipped("mounts of one's own are not allowed here")
        found = fork_server().call(f"{HERE}:{name}", folder, number=rng.random())
        first, last = found["first"], found["last"]
        must(first["code"] in (0, 4), f"{found.get('size')} kB: {first}")
        must("Traceback" not in first["err"] + found["listed"]["err"], first)
        must(found["listed"]["code"] in (0, 2), found["listed"])
        if first["code"]:
            must(first["err"].count("error: ") == 1 and " hint: " in first["err"], first)
        must(last["code"] == 0, f"after there was room: {last}")
        check_equal(folder / "kept")

    return case


# Elsewhere


def _locale(rng: random.Random, folder: Path) -> None:
    env = rng.choice(LOCALES)
    ended = real(SMALL, folder, folder / "said", env).wait().clean(0)
    must(len(ended.out.splitlines()) > 4, ended)
    real(["runs", "latest"], folder, folder / "said2", env).wait().clean(0)
    check_equal(folder / "runs")


def _umask(rng: random.Random, folder: Path) -> None:
    mask = rng.choice((0o077, 0o022, 0o027))
    fork_server().run(SMALL, folder, umask=mask).clean(0)
    for path in [folder / "runs", *(folder / "runs").rglob("*")]:
        mode = path.stat().st_mode & 0o777
        expected = (0o777 if path.is_dir() else 0o666) & ~mask
        must(mode == expected, f"umask {mask:03o}: {path.relative_to(folder)} has {mode:03o}")
    check_equal(folder / "runs")


def _home(rng: random.Random, folder: Path) -> None:
    (folder / "file").touch()
    home = rng.choice(("/nonexistent", str(folder / "file"), "", "relative"))
    env = {"HOME": home, "CONVCOMPARE_CACHE": "", "XDG_CACHE_HOME": ""}
    fork_server().run(SMALL, folder, env=env).clean(0)
    fork_server().run(["datasets"], folder, env=env).clean(0)
    check_equal(folder / "runs")


def limit_file_size(number: float) -> None:
    size = int(1000 * 400**number)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _limited(name: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        arguments = {"before": f"{HERE}:{name}", "number": rng.random()}
        ended = fork_server().run(SMALL, folder, **arguments).clean(0, 4)
        must(ended.code == 0 or ended.err.count("error: ") == 1, ended)
        fork_server().run(SMALL, folder).clean(0)
        check_equal(folder / "runs")

    return case


def remove_here() -> None:
    Path.cwd().rmdir()


def _removed(rng: random.Random, folder: Path) -> None:
    for argv in (SMALL, ("runs",), ("report",), ("models", "fcn"), ("plot", "seeds")):
        (folder / "gone").mkdir(exist_ok=True)
        fork_server().run(argv, folder / "gone", before=f"{HERE}:remove_here").clean(2, 3, 4, 0)


def _not_a_store(rng: random.Random, folder: Path) -> None:
    (folder / "file").write_text("no store")
    (folder / "loop").symlink_to("loop")
    (folder / "nowhere").symlink_to("missing/too")
    odd = ("file", "loop", "nowhere", "file/below", "x" * 300, "/proc", "/dev/null", "a\nb\x1b[2J")
    for store in odd:
        for argv in (["runs"], ["plot", "seeds"], ["report"], [*SMALL]):
            if store == "nowhere" or (store[1:] == "\nb\x1b[2J" and argv[0] == "compare"):
                continue
            ended = fork_server().run([*argv, "--store", store], folder).clean(2, 4)
            must(not announced(ended), f"trained first: {ended}")
            must("\x1b" not in ended.err, f"control characters: {ended!r}")
