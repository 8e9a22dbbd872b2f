"""Write docs/zoo.md from the registry: names, options, counts, papers.

python docs/zoo_page.py            writes the page
python docs/zoo_page.py --check    fails if the page is not current
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from convcompare.comparison.study import Study, StudyRow
from convcompare.core import formatting
from convcompare.core.errors import UsageError
from convcompare.core.registry import Entry, register
from convcompare.core.spec import format_value
from convcompare.models.build import CONTEXT, resolve
from convcompare.models.shape import Shape

PAGE = Path(__file__).parent / "zoo.md"
SHAPES = {"MNIST": Shape(1, 28, 10), "CIFAR-10": Shape(3, 32, 10)}
INTRODUCTION = """\
# The networks

Generated from the registry by `python docs/zoo_page.py`; a test checks that it is current. A spec
is a name with options: `cnn:depth=6,kernel=5`. Show its layers with `convcompare models NAME`.
Parameters are trainable elements. [MACs](concepts/macs.md) are multiply-accumulates of convolutions
and matrix products per image, without bias; FLOPs are twice as many.
"""


def page() -> str:
    entries = list(register.model)
    parts = [INTRODUCTION, _counts(entries), *(_section(entry) for entry in entries), _reports()]
    return "\n".join(parts)


def _counts(entries: list[Entry]) -> str:
    lines = [
        "| network | MNIST: parameters | MACs | CIFAR-10: parameters | MACs |",
        "|---|--:|--:|--:|--:|",
    ]
    for entry in entries:
        cells = [cell for shape in SHAPES.values() for cell in _cells(entry.name, shape)]
        lines.append(f"| [`{entry.name}`](#{_anchor(entry.name)}) | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(name: str, shape: Shape) -> tuple[str, str]:
    try:
        counts = resolve(name, shape).description
    except UsageError:
        return "–", "–"
    macs = "not counted" if counts.macs is None else formatting.large(counts.macs)
    return formatting.count(counts.parameters), macs


def _section(entry: Entry) -> str:
    about = inspect.getdoc(entry.function) or ""
    text = about.replace("``", "`")
    options = entry.options(CONTEXT)
    lines = [f"## {entry.name}", "", text, ""]
    if options:
        lines += ["| option | default | allowed |", "|---|---|---|"]
        lines += [
            f"| `{o.name}` | `{format_value(o.default)}` | {o.allowed.replace('|', '/')} |"
            for o in options.values()
        ]
        lines.append("")
    return "\n".join(lines)


def _reports() -> str:
    studies = [(entry, entry.function()) for entry in register.study]
    rows = [(e, study, row) for e, study in studies for row in study.rows if row.parameters]
    lines = [
        "## The rows of the reports",
        "",
        "Every network that the reports publish with a parameter count. *parameters*: of the",
        "trained network; *printed*: the report's value if it differs. A spec marked with ? agrees",
        "with the report's description and count, which leave a part of it open.",
        "",
        "| study | report | row | spec | data set | parameters | printed |",
        "|---|---|---|---|---|--:|--:|",
        *(_row(entry.name, study, row) for entry, study, row in rows),
        "",
    ]
    return "\n".join(lines)


def _row(name: str, study: Study, row: StudyRow) -> str:
    printed = row.published.parameters
    other = formatting.count(int(printed)) if printed not in (None, row.parameters) else ""
    spec = f"`{row.spec}`{' ?' if row.guessed else ''}"
    parameters = formatting.count(row.parameters or 0)
    cells = (f"`{name}`", study.report, row.name, spec, study.dataset, parameters, other)
    return f"| {' | '.join(cells)} |"


def _anchor(name: str) -> str:
    return re.sub(r"[^\w-]", "", name.lower())


def main() -> None:
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/zoo.md is not current: run python docs/zoo_page.py")


if __name__ == "__main__":
    main()
