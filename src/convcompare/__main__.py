"""Entry point of ``convcompare`` and ``python -m convcompare``; handles signals from the start."""

import _signal  # type: ignore[import-not-found]  # always loaded; `signal` would import `enum`
import os

_early: list[int] = []
"""Signals that arrived before `core.signals` was imported."""
for _number in (_signal.SIGINT, _signal.SIGTERM):
    _signal.signal(_number, lambda number, frame: _early.append(number))


def main() -> None:
    """Run the command line and exit, or print shell completions without importing the parser."""
    if "_CONVCOMPARE_COMPLETE" in os.environ:
        from .cli import completing

        if completing.answered():
            return
    from .core import openmp, signals

    with signals.listening(_early):
        openmp.install()
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # its profiler logs what it skips
        from .cli import main as run_and_exit

        run_and_exit()


if __name__ == "__main__":
    main()
