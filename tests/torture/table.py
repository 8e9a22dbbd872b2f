"""Results of the latest long form of each kind: a JSON record and a table in reliability.md.

The result of a kind that was run in parts, `1/4` to `4/4`, is their sum. A repeated part replaces
its previous result; another number of parts or another seed starts again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .kinds import KINDS, Kind

Record = dict[str, Any]
"""The result of one kind, or of a part of it."""


def replace_section(text: str, name: str, page: Path) -> None:
    """Replace the text between the two marks of this name in a page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def keep(found: Mapping[str, Record], docs: Path) -> str:
    """Add results by kind to the record and the page in a folder; return the table."""
    path, page = docs / "reliability.json", docs / "reliability.md"
    kept: dict[str, list[Record]] = json.loads(path.read_text(encoding="utf-8"))
    for name, record in found.items():
        others = [one for one in kept.get(name, []) if _other_part(one, record)]
        kept[name] = sorted([*others, record], key=lambda one: int(one["part"][0]))
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = table(kept)
    replace_section(text, "torture", page)
    return text


def as_parts(found: Mapping[str, Record]) -> dict[str, list[Record]]:
    """Return results in the form that `table` takes."""
    return {name: [record] for name, record in found.items()}


def _other_part(one: Record, other: Record) -> bool:
    """Return True if two records are different parts of one long form."""
    same = one["seed"] == other["seed"] and one["part"][1] == other["part"][1]
    return bool(same and one["part"][0] != other["part"][0])


def table(kept: Mapping[str, list[Record]]) -> str:
    """Return a table of results, with skipped cases and machines below."""
    lines = [
        "| test | must hold | tried | held | of | time | date |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    records = [one for kind in KINDS for one in kept.get(kind.name, [])]
    for kind in KINDS:
        lines.append(
            f"| {kind.title} | {kind.promise} | {_figures(kind, kept.get(kind.name, []))} |"
        )
    tried, held = _sum(records, "tried"), _sum(records, "held")
    lines.append(f"| **all** | | **{tried:,}** | **{held:,}** | | {_time(records)} | |")
    lines += ["", f"On {', '.join(sorted({one['machine'] for one in records})) or 'no machine'}."]
    skipped = Counter(reason for one in records for reason in one["skipped"])
    lines += [f"Left out, {count} times: {reason}." for reason, count in skipped.items()]
    return "\n".join(lines)


def _figures(kind: Kind, runs: list[Record]) -> str:
    if not runs:
        return "0 | | | | not run yet"
    parts = runs[0]["part"][1]
    share = "all" if len(runs) == parts else f"{len(runs) / parts:.0%}"
    of = f"{kind.long:,}" if kind.long else share
    dates = sorted({one["date"] for one in runs})
    date = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    tried, held = _sum(runs, "tried"), _sum(runs, "held")
    return f"{tried:,} | {held:,} | {of} | {_time(runs)} | {date}"


def _sum(runs: list[Record], name: str) -> int:
    return sum(int(one[name]) for one in runs)


def _time(runs: list[Record]) -> str:
    seconds = sum(float(one["seconds"]) for one in runs)
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
