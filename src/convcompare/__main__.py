"""``convcompare`` and ``python -m convcompare``."""

from __future__ import annotations

from . import patience, stopping


def main() -> None:
    """Run the command line and exit; from the first moment on it can be stopped."""
    stopping.install()
    patience.install()
    try:
        from .cli import main as run_and_exit

        run_and_exit()
    except BaseException:
        if stopping.stop.number:
            stopping.leave(stopping.stop.number)
        raise


if __name__ == "__main__":
    main()
