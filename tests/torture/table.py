"""The table of a torture, as Markdown between two marks of docs/reliability.md, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .kinds import by_name


def put(text: str, name: str, page: Path) -> None:
    """Put a text between the two marks of a page that have this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def write_page(record: Mapping[str, Any], docs: Path | None) -> str:
    """The table in Markdown; put into the page and beside it, where a folder of pages is given."""
    text = table(record)
    if docs is not None:
        put(text, "torture", docs / "reliability.md")
        shown = json.dumps(record, indent=1, ensure_ascii=False)
        (docs / "reliability.json").write_text(shown + "\n", encoding="utf-8")
    return text


def table(record: Mapping[str, Any]) -> str:
    """Kind, tried, held, time; where and when; what was left out."""
    lines = ["| test | must hold | tried | held | time |", "|---|---|--:|--:|--:|"]
    for one in record["kinds"]:
        kind = by_name()[one["ended"]]
        lines.append(
            f"| {kind.title} | {kind.promise} | {one['tried']:,} | {one['held']:,} | "
            f"{_time(one['seconds'])} |"
        )
    tried = sum(one["tried"] for one in record["kinds"])
    held = sum(one["held"] for one in record["kinds"])
    lines.append(f"| **all** | | **{tried:,}** | **{held:,}** | {_time(record['seconds'])} |")
    lines += ["", f"{record['date']} · `{record['command']}` · {record['machine']}"]
    skipped = Counter(reason for one in record["kinds"] for reason in one["skipped"])
    lines += [f"Left out, {count} times: {reason}" for reason, count in skipped.items()]
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
