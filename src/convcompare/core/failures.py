"""How a trial failed, in one line; trials that do not fit in memory, and what helps.

Nothing is made smaller so that it fits: another batch would be another trial.
"""

from __future__ import annotations

import re
import sysconfig
import traceback
from pathlib import Path

WORDS = "out of memory"
"""How the message of such a trial begins."""
HINT = "a smaller `--batch-size`, fewer `--jobs`, or a machine with more memory"
SIGKILL = 9
HIGHEST_RATE = 0.1
"""The highest learning rate of a hint: that of ResNets with SGD (arXiv:1512.03385)."""
_SAID = re.compile(
    "DefaultCPUAllocator|can't allocate memory|not enough memory|out of memory|bad_alloc|"
    "ALLOC_FAILED|Cannot allocate memory",
    re.IGNORECASE,
)
"""By the RuntimeError of torch's allocators and of the libraries below them, and by OSError."""
_ASKED = re.compile(r"tried to allocate (\d+ bytes|[\d.,]+ ?[KMGT]?i?B)", re.IGNORECASE)


def lower_rate(lr: float) -> str:
    """The hint to train at a tenth of a learning rate, at `HIGHEST_RATE` at most."""
    return f"a lower learning rate: `--lr {min(lr / 10, HIGHEST_RATE):g}`"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory left, on whichever device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError | OSError) and bool(_SAID.search(str(error)))


def in_words(error: BaseException) -> str:
    """``out of memory``, with how much was asked for at last where the error says it."""
    asked = _ASKED.search(str(error))
    if not asked:
        return WORDS
    amount = asked[1]
    if amount.endswith(" bytes"):
        amount = f"{int(amount.removesuffix(' bytes')) / 2**30:,.2f} GiB"
    return f"{WORDS} (tried to allocate {amount})"


def reason(error: BaseException) -> str:
    """Kind, first line and place of an error from somebody else's code, in one line.

    Where memory ran out that is said, and how much was asked for.
    """
    if is_out_of_memory(error):
        return in_words(error)
    text = str(error).strip().partition("\n")[0]
    text = "".join(c for c in text if c.isprintable())[:200]
    if isinstance(error, SyntaxError):
        file = f"{Path(error.filename).name}, " if error.filename else ""
        return f"SyntaxError: {error.msg} ({file}line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and "importlib" not in f.filename]
    package = str(Path(__file__).parents[1])
    inside = (package, sysconfig.get_path("stdlib"))
    own = [f for f in own if not f.filename.startswith(inside)]
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


class OomKillDetector:
    """The system's killer of processes, as Linux counts its victims."""

    def __init__(self) -> None:
        self.known = _victims()
        """Victims that are accounted for."""

    def struck(self, exit_code: int) -> bool:
        """Whether a process that ended so was a victim; each is asked about once."""
        now = _victims()
        if exit_code != -SIGKILL or now is None or self.known is None or now <= self.known:
            return False
        self.known += 1
        return True


def _victims() -> int | None:
    """How many processes Linux has killed for want of memory; None where that is not known."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None
