"""A process that has imported everything and forks a child for each command.

Starting Python and torch takes seconds, a fork milliseconds. Requests and answers are JSON lines.
Each child has its own session, so that it and its workers can be killed together.
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
Task = dict[str, Any]


def main() -> None:
    """Serve until the input ends; then kill the remaining children."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    _import_all()
    children: set[int] = set()
    for line in requests:
        task = json.loads(line)
        if "wait" in task:
            answer: Any = _await(task["wait"], task["seconds"])
            if answer is not None:
                children.discard(task["wait"])
        else:
            answer = os.fork()
            if not answer:
                _run_child(task)
            children.add(answer)
        print(json.dumps(answer), file=answers, flush=True)
    for pid in children:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _import_all() -> None:
    """Import all modules that a child has imported after running some commands."""
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
    """Return a child's exit code, minus the signal that killed it, and its peak memory in kB.

    Returns None if it is still running.
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


def _run_child(task: Task) -> None:
    """Run the command in this child and exit with its code."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _redirect(task["out"], task["err"])
    code: Any = 1
    try:
        os.environ.clear()
        os.environ.update(task["env"])
        os.chdir(task["cwd"])
        os.umask(task.get("umask", 0o022))
        if task.get("before"):
            named(task["before"])(**task["with"])
        if "argv" in task:
            from convcompare import cli

            sys.argv = ["convcompare", *task["argv"]]
            cli.main(task["argv"])
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
    """Return the function that ``module:name`` names."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    main()
