"""A process that has imported everything, and forks a child for each command that it is given.

Starting Python and torch takes seconds, a fork milliseconds. Orders and answers are JSON lines.
Each child has a session of its own, so that it and its workers can be killed together.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

WARM = (
    ["compare", "-d", "shapes:train=64,test=32", "fcn:hidden=4", "cnn:depth=2", "-e", "1"],
    ["runs", "latest"],
    ["plot", "learning-curves", "--format", "json"],
)
Order = dict[str, Any]


def main() -> None:
    """Serve until the input ends; then end what still runs."""
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    _import_all()
    born: set[int] = set()
    for line in orders:
        order = json.loads(line)
        if "wait" in order:
            answer: Any = _await(order["wait"], order["seconds"])
            if answer is not None:
                born.discard(order["wait"])
        else:
            answer = os.fork()
            if not answer:
                _live(order)
            born.add(answer)
        print(json.dumps(answer), file=answers, flush=True)
    for pid in born:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _import_all() -> None:
    """Import what commands import, by seeing what a child that ran some has imported."""
    import tempfile

    import torch

    import convcompare.cli  # noqa: F401

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder, "seen")
        pid = os.fork()
        if not pid:
            os.chdir(folder)
            _redirect(os.devnull, os.devnull)
            from convcompare import cli

            for arguments in WARM:
                cli.run([*arguments, "--threads", "1"] if "-e" in arguments else [*arguments])
            seen.write_text("\n".join(sys.modules))
            os._exit(0)
        os.waitpid(pid, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in seen.read_text().split():
                try:
                    importlib.import_module(name)
                except (ImportError, AttributeError):
                    continue


def _await(pid: int, seconds: float) -> tuple[int, int] | None:
    """The exit code of a child, minus the signal that killed it, and the most memory that it had
    in kB; None where it still runs.
    """
    end = time.monotonic() + seconds
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), used.ru_maxrss
        if time.monotonic() > end:
            return None
        time.sleep(0.004)


def _redirect(out: str, err: str) -> None:
    for path, number in ((out, 1), (err, 2)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(descriptor, number)
        os.close(descriptor)


def _live(order: Order) -> None:
    """Be the process of a command, and end as it does."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _redirect(order["out"], order["err"])
    code: Any = 1
    try:
        os.environ.clear()
        os.environ.update(order["env"])
        os.chdir(order["cwd"])
        os.umask(order.get("umask", 0o022))
        if order.get("before"):
            named(order["before"])(**order["with"])
        if "argv" in order:
            from convcompare import cli

            sys.argv = ["convcompare", *order["argv"]]
            cli.main(order["argv"])
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except KeyboardInterrupt:
        code = -signal.SIGINT
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                continue
        os._exit(code & 0xFF)


def named(where: str) -> Any:
    """The function that ``module:name`` names."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    main()
