"""The command line. Nothing is imported before it is asked for: a shell that completes waits."""

TYPE_CHECKING = False

if TYPE_CHECKING:
    from .command_line import main, run

__all__ = ["main", "run"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import command_line

    return getattr(command_line, name)
