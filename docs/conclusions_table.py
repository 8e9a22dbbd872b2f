"""The tables of docs/results/index.md, from the records beside it: all conclusions, and what would
decide those that are open.

python docs/conclusions_table.py            writes them into the page
python docs/conclusions_table.py --check    fails if they are not current
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path

from convcompare.cli.study_tables import plan_of_conclusions
from convcompare.comparison.claims.counted import by_counts
from convcompare.comparison.claims.examined import lacking_runs
from convcompare.comparison.claims.findings import Finding, findings
from convcompare.comparison.conclusions import CONCLUSIONS, UNEXAMINED
from convcompare.comparison.study import Study
from convcompare.core.registry import register
from convcompare.data.dataset import Sources
from convcompare.experiment.shapes import shape_for
from convcompare.models.build import resolve
from convcompare.output.report.conclusions import MARKS
from convcompare.output.report.sections import Section, select
from convcompare.output.tables.formats import render
from convcompare.store.run_store import RunStore

RESULTS = Path(__file__).parent / "results"
PAGE, RUNS = RESULTS / "index.md", RESULTS / "recorded" / "runs.ccpack"
END = "<!-- end -->"
BEGIN = "<!-- conclusions: made by docs/conclusions_table.py -->"
BEGIN_PLAN = "<!-- plan: made by docs/conclusions_table.py -->"
DECIDED = ("confirmed", "contradicted")
Said = dict[int, dict[str, list[tuple[str, str]]]]
"""What is said of each number, by study: an outcome and its figures for each of its claims."""


def table() -> str:
    """The counts in a sentence, and a row for each of the conclusions."""
    recorded, counted = _recorded(), _counted()
    words = Counter(word for by in recorded.values() for said in by.values() for word, _ in said)
    every = [{w for said in by.values() for w, _ in said} for by in recorded.values()]
    decided = sum(bool(found & {*DECIDED}) for found in every)
    listed = ", ".join(f"{words[word]} {word}" for word in MARKS if words[word])
    lines = [
        f"The {len(CONCLUSIONS)} conclusions are {sum(words.values())} claims of the studies that "
        f"were run: {listed}. For {decided} conclusions at least one claim is decided. Claims that "
        "need no run are decided by counts.",
        "",
        "| № | reports | conclusion | outcome and figures, by study |",
        "|--:|---|---|---|",
    ]
    for number, one in CONCLUSIONS.items():
        of, without = recorded.get(number, {}), counted.get(number, {})
        names = dict.fromkeys([*of, *without])
        cells = (_cell(name, [*of.get(name, ()), *without.get(name, ())]) for name in names)
        said = "<br>".join(cells)
        said = said or UNEXAMINED[number]
        lines.append(f"| {number} | {one.reports} | {one.sentence.replace('|', '')} | {said} |")
    return "\n".join(lines)


def plan() -> str:
    """What would decide the open conclusions, cheapest first."""
    text = render(plan_of_conclusions(RunStore(RUNS), []), "markdown")
    return re.sub(r" {2,}", " ", re.sub(r"-{4,}", "---", text))


def _cell(study: str, claims: list[tuple[str, str]]) -> str:
    """The claims of a study on one conclusion: ``mnist: confirmed, better by 1.47 ± 0.28``."""
    said = (f"**{word}**, {figures}" if figures else f"**{word}**" for word, figures in claims)
    return f"`{study}`: " + "<br>".join(said).replace("|", "")


@cache
def _sections() -> tuple[Section, ...]:
    return tuple(select([], RunStore(RUNS), Sources(RUNS)))


def _recorded() -> Said:
    found: Said = defaultdict(lambda: defaultdict(list))
    for section in _sections():
        for one in findings(section.assessment):
            told = one.outcome, _figures(one)
            found[one.claim.number][str(section.name)].append(told)
    return found


def _figures(finding: Finding) -> str:
    """The figures that decide a claim, without the command for what is not recorded."""
    return replace(finding, recorded_by=()).evidence


def _counted() -> Said:
    """What the counts say of the claims whose networks have not all run."""
    recorded = {section.name: section.assessment for section in _sections()}
    found: Said = defaultdict(lambda: defaultdict(list))
    for entry in register.study:
        study: Study = entry.function()
        run = recorded.get(entry.name)
        left = [
            claim
            for claim in study.claims
            if run is None or run.study is None or lacking_runs(claim, run.comparison)
        ]
        if not left:
            continue
        counts = {row.name: vars(_description(row.spec, study)) for row in study.rows}
        for claim in left:
            said, figures = by_counts(claim, counts)
            told = (f"{said} by counts", figures)
            found[claim.number][entry.name].append(told if said in DECIDED else ("not run", ""))
    return found


def _description(spec: str, study: Study) -> object:
    return resolve(spec, shape_for(study.dataset)).description


def page() -> str:
    """The page with the tables of today."""
    text = PAGE.read_text(encoding="utf-8")
    for begin, made in ((BEGIN, table()), (BEGIN_PLAN, plan())):
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{made}\n\n{END}{rest.partition(END)[2]}"
    return text


def main() -> None:
    made = page()
    if "--check" not in sys.argv:
        PAGE.write_text(made, encoding="utf-8")
    elif made != PAGE.read_text(encoding="utf-8"):
        sys.exit(f"{PAGE} is not current: python docs/conclusions_table.py")


if __name__ == "__main__":
    main()
