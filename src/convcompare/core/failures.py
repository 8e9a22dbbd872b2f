"""One-line descriptions of how a trial failed, and detection of memory exhaustion.

Nothing is reduced to fit in memory: another batch size would be another trial.
"""

from __future__ import annotations

import re
import sysconfig
import traceback
from pathlib import Path

WORDS = "out of memory"
"""Start of the message of a trial that ran out of memory."""
HINT = "a smaller `--batch-size`, fewer `--jobs`, or a machine with more memory"
SIGKILL = 9
HIGHEST_RATE = 0.1
"""Highest learning rate that a hint suggests: that of ResNets with SGD (arXiv:1512.03385)."""
_MESSAGES = re.compile(
    "DefaultCPUAllocator|can't allocate memory|not enough memory|out of memory|bad_alloc|"
    "ALLOC_FAILED|Cannot allocate memory",
    re.IGNORECASE,
)
"""Texts in a RuntimeError of torch's allocators and the libraries below them, or in an OSError."""
_ALLOCATION = re.compile(r"tried to allocate (\d+ bytes|[\d.,]+ ?[KMGT]?i?B)", re.IGNORECASE)


def lower_rate(lr: float) -> str:
    """Return the hint to train at a tenth of a learning rate, and at most at `HIGHEST_RATE`."""
    return f"a lower learning rate: `--lr {min(lr / 10, HIGHEST_RATE):g}`"


def hint_of(message: str, precision: str) -> str:
    """Return what to do about a failed trial, from its message and its precision."""
    if message.startswith(WORDS):
        return HINT
    if precision == "bf16" and "bfloat16" in message.lower():
        return "`--precision fp32`: an operation of the network does not support bfloat16"
    return "the same command tries again"


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, on any device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError | OSError) and bool(_MESSAGES.search(str(error)))


def in_words(error: BaseException) -> str:
    """Return ``out of memory``, with the size of the failed allocation if the error has it."""
    found = _ALLOCATION.search(str(error))
    if not found:
        return WORDS
    amount = found[1]
    if amount.endswith(" bytes"):
        amount = f"{int(amount.removesuffix(' bytes')) / 2**30:,.2f} GiB"
    return f"{WORDS} (tried to allocate {amount})"


def reason(error: BaseException) -> str:
    """Return type, first line and place of an error in user code, as one line.

    If memory ran out, return that, with the size of the failed allocation.
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
    """Detects processes that Linux killed for lack of memory, from the kernel's counter."""

    def __init__(self) -> None:
        self.known = _victims()
        """Number of kills that are accounted for."""

    def was_killed(self, exit_code: int) -> bool:
        """Return whether a process with this exit code was killed so; call once per process."""
        now = _victims()
        if exit_code != -SIGKILL or now is None or self.known is None or now <= self.known:
            return False
        self.known += 1
        return True


def _victims() -> int | None:
    """Return the number of processes that Linux has killed for lack of memory; None if unknown."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None
