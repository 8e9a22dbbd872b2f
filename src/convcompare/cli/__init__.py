"""The command line. Modules are imported on first use, since shell completion must be fast."""

TYPE_CHECKING = False

if TYPE_CHECKING:
    from .command_line import main, run

__all__ = ["main", "run"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import command_line

    return getattr(command_line, name)
