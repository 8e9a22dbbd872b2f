"""Write the tables of docs/results/index.md: all conclusions, and a plan for the open ones.

python docs/conclusions_table.py            writes them into the page
python docs/conclusions_table.py --check    fails if they are not current
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path

from convcompare.cli.study_tables import plan_of_conclusions
from convcompare.comparison.claims.counted import by_counts
from convcompare.comparison.claims.examined import lacking_runs
from convcompare.comparison.claims.findings import Finding, findings
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
CONCLUSIONS = tomllib.loads(
    Path(__file__).with_name("conclusions.toml").read_text(encoding="utf-8")
)
Outcomes = dict[int, dict[str, list[tuple[str, str]]]]
"""Outcome and figures of each claim, by number of the conclusion and by study."""


def table() -> str:
    """Return the counts in a sentence, and a row for each conclusion."""
    recorded, counted = _recorded(), _counted()
    words = Counter(
        word for by in recorded.values() for outcomes in by.values() for word, _ in outcomes
    )
    every = [{w for outcomes in by.values() for w, _ in outcomes} for by in recorded.values()]
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
        of, without = recorded.get(int(number), {}), counted.get(int(number), {})
        names = dict.fromkeys([*of, *without])
        cells = (_cell(name, [*of.get(name, ()), *without.get(name, ())]) for name in names)
        outcomes = "<br>".join(cells) or one["open"]
        lines.append(f"| {number} | {one['reports']} | {one['sentence']} | {outcomes} |")
    return "\n".join(lines)


def plan() -> str:
    """Return the runs that would decide the open conclusions, cheapest first."""
    text = render(plan_of_conclusions(RunStore(RUNS), []), "markdown")
    return re.sub(r" {2,}", " ", re.sub(r"-{4,}", "---", text))


def _cell(study: str, claims: list[tuple[str, str]]) -> str:
    """Return a study's claims on one conclusion: ``mnist: confirmed, better by 1.47 points``."""
    texts = (f"**{word}**, {figures}" if figures else f"**{word}**" for word, figures in claims)
    return f"`{study}`: " + "<br>".join(texts).replace("|", "")


@cache
def _sections() -> tuple[Section, ...]:
    return tuple(select([], RunStore(RUNS), Sources(RUNS)))


def _recorded() -> Outcomes:
    found: Outcomes = defaultdict(lambda: defaultdict(list))
    for section in _sections():
        for one in findings(section.assessment):
            outcome = one.outcome, _figures(one)
            found[one.claim.number][str(section.name)].append(outcome)
    return found


def _figures(finding: Finding) -> str:
    """Return the figures that decide a claim, without the command for missing records."""
    return replace(finding, recorded_by=()).evidence


def _counted() -> Outcomes:
    """Return the outcomes by counts for claims whose networks have not all run."""
    recorded = {section.name: section.assessment for section in _sections()}
    found: Outcomes = defaultdict(lambda: defaultdict(list))
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
            outcome, figures = by_counts(claim, counts)
            entry_text = (f"{outcome} by counts", figures)
            found[claim.number][entry.name].append(
                entry_text if outcome in DECIDED else ("not run", "")
            )
    return found


def _description(spec: str, study: Study) -> object:
    return resolve(spec, shape_for(study.dataset)).description


def page() -> str:
    """Return the page with the current tables."""
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
