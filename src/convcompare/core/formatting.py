"""One formatter per kind of quantity, used by every table, message and plot."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence

_NO_BREAK = re.compile(r"(?<=\d) (?=(?:%|±|ms|s|min|points?)(?!\w))|(?<=±) (?=\d)")
"""Space within a figure: between a number and its margin or its unit."""


def seconds(value: float) -> str:
    """Format a duration: ``0.41 s``, ``12.3 s``, ``4:05``, ``1:02:09``."""
    if not math.isfinite(value):
        return "–"
    if value < 10:
        return f"{value:.2f} s"
    if value < 100:
        return f"{value:.1f} s"
    return clock(value)


def clock(value: float) -> str:
    """Format a duration in whole seconds: ``0:07``, ``4:05``, ``1:02:09``."""
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def minute(moment: str) -> str:
    """Format a moment in ISO 8601 to the minute: ``2026-11-30 17:36``."""
    return moment[:16].replace("T", " ")


def about_seconds(value: float) -> str:
    """Format an estimated duration without spurious digits: ``20 s``, ``4 min``, ``2.5 h``."""
    if value < 90:
        value = max(1.0, value) if value > 0 else 0.0
        return f"{value:.0f} s"
    if value < 90 * 60:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


def count(value: int) -> str:
    """Format a whole number with thousands separated by commas."""
    return f"{value:,}"


def several(number: int, noun: str) -> str:
    """Format a number of things: ``1 run``, ``1,200 runs``, ``2 classes``."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{count(number)} {noun}{ending}"


def span(low: int, high: int) -> str:
    """Format a range of numbers: ``3 to 20``; ``3`` if both ends are equal."""
    return f"{count(low)} to {count(high)}" if low < high else count(high)


def series(parts: Iterable[str]) -> str:
    """Join parts of a sentence: ``a``, ``a and b``, ``a, b and c``; empty if there are none."""
    *before, last = [*parts] or [""]
    return f"{', '.join(before)} and {last}" if before else last


def epochs(value: float) -> str:
    """Format a number of epochs: ``15``; ``12.4`` if the last was cut short."""
    return count(round(value)) if value == round(value) else three_digits(value)


def large(value: float) -> str:
    """Format a count with an SI prefix and three digits: ``812 k``, ``3.42 M``, ``1.81 G``."""
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor * 0.9995:
            return f"{three_digits(value / factor)} {prefix}"
    return f"{value:.0f}"


def size(value: float) -> str:
    """Format bytes in decimal units: ``980 B``, ``2.1 MB``."""
    for factor, prefix in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= factor * 0.9995:
            return f"{three_digits(value / factor)} {prefix}"
    return f"{value:.0f} B"


def three_digits(value: float) -> str:
    """Format a number with three significant digits, or as a whole number: ``12.4``, ``1,234``."""
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"


def fraction(value: float) -> str:
    """Format a fraction or a loss with four decimals, as in the reports: ``0.9784``.

    Very large losses have an exponent: ``5.8e+31``.
    """
    return signed(f"{value:.1e}" if 100_000 <= abs(value) < math.inf else f"{value:.4f}")


def percent(value: float) -> str:
    """Format a fraction as a percentage with two decimals, for running text."""
    return f"{100 * value:.2f} %"


def whole_percent(value: float) -> str:
    """Format a fraction as a percentage without decimals; halves are rounded up."""
    return f"{int(100 * value + 0.5)} %"


def no_break(text: str) -> str:
    """Return the text with no-break spaces between numbers and their margins or units."""
    return _NO_BREAK.sub("\u00a0", text)


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Wrap a text to lines of at most `width` terminal cells; lines after the first are indented.

    Figures stay together with their margin and unit, and options are not broken at hyphens. A word
    longer than a line is broken.
    """
    lines = [""]
    for word in no_break(text).split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
        if cells(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1].strip():
            lines.append(indent)
        for character in word:
            if cells(lines[-1] + character) > width and lines[-1].strip():
                lines.append(indent)
            lines[-1] += character
    return [line.replace("\u00a0", " ") for line in lines if line.strip()]


def cells(text: str) -> int:
    """Return the width of a text in terminal cells: 2 per wide character, 0 per combining one."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def plus_minus(value: float, half: float | None) -> str:
    """Format a value with its margin, in the digits of the margin: ``1.24 ± 0.15``, ``0.8 ± 0.4``.

    The margin has two digits if it starts with 10 to 35, otherwise one, as in the rounding rules of
    the Particle Data Group (doi:10.1103/PhysRevD.110.030001, §5.3). Both get one more digit if they
    would round to the same number, so that the reader can see whether zero is inside. At most four
    decimals: ``0.0023 ± <0.0001``. Without a margin ``204.9``, ``8.12``, ``0.102``.
    """
    if half is None or half <= 0 or not math.isfinite(half):
        return signed(f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}")
    places = decimals(half)
    if f"{abs(value):.{places}f}" == f"{half:.{places}f}":
        places += 1
    shown = f"{half:,.{places}f}" if round(half, places) else f"<{10**-places:.{places}f}"
    return signed(f"{value:,.{places}f} ± {shown}")


def minus(text: str) -> str:
    """Replace hyphens by the typographic minus sign, which is as wide as a plus."""
    return text.replace("-", "−")


def signed(text: str, plus: bool = False) -> str:
    """Format a text that starts with a number with a typographic minus sign, or with a `plus`.

    A hyphen in an exponent stays. A number of zeros only gets no sign.
    """
    unsigned = text.lstrip("+-−")
    if set(unsigned.partition(" ")[0]) <= set("0.,"):
        return unsigned
    return f"−{unsigned}" if text[0] in "-−" else f"+{unsigned}" if plus else text


def decimals(half: float) -> int:
    """Return the number of decimals, 0 to 4, for a value with this margin; 2 without a margin."""
    if half <= 0 or not math.isfinite(half):
        return 2
    exponent = math.floor(math.log10(half))
    digits = half / 10**exponent
    return min(4, max(0, (1 if digits < 3.55 else 0) - exponent))


def time_unit(value: float) -> tuple[float, str]:
    """Return a unit in seconds and its symbol that fit a duration, for the axis of a figure."""
    for length, symbol in ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if value >= (3 if length > 1 else 1) * length:
            return length, symbol
    return 1e-6, "µs"


def seed_list(seeds: Sequence[int]) -> str:
    """Return seeds in words: ``seed 3``, ``seeds 0, 2``, ``seeds 0 to 9``."""
    low, high = min(seeds), max(seeds)
    if len(seeds) > 2 and sorted(seeds) == [*range(low, high + 1)]:
        return f"seeds {low} to {high}"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
