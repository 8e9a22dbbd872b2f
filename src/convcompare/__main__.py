"""``convcompare`` and ``python -m convcompare``."""

from __future__ import annotations

from .core import openmp, signals


def main() -> None:
    """Run the command line and exit; from the first moment on it can be stopped."""
    signals.install()
    openmp.install()
    try:
        from .cli import main as run_and_exit

        run_and_exit()
    except BaseException:
        if signals.stop.number:
            signals.leave(signals.stop.number)
        raise


if __name__ == "__main__":
    main()
