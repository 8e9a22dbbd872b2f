"""The table of all conclusions in docs/results/index.md, from the records beside it.

python docs/conclusions_table.py            writes it into the page
python docs/conclusions_table.py --check    fails where it is not current
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from pathlib import Path

from convcompare.comparison.claims.counted import by_counts
from convcompare.comparison.claims.findings import Outcome, findings
from convcompare.comparison.conclusions import CONCLUSIONS, UNEXAMINED
from convcompare.comparison.study import Study
from convcompare.core.registry import register
from convcompare.data.dataset import Sources
from convcompare.experiment.shapes import shape_for
from convcompare.models.build import resolve
from convcompare.output.report.sections import select
from convcompare.store.run_store import RunStore

RESULTS = Path(__file__).parent / "results"
PAGE, RUNS = RESULTS / "index.md", RESULTS / "recorded" / "runs.ccpack"
BEGIN, END = "<!-- conclusions: made by docs/conclusions_table.py -->", "<!-- end -->"
WORDS: dict[Outcome, str] = {
    "confirmed": "confirmed",
    "refuted": "contradicted",
    "undecided": "inconclusive",
    "not recorded": "not recorded",
    "so far yes": "supported so far",
    "so far no": "contradicted so far",
}
DECIDED = ("confirmed", "contradicted")
Said = dict[int, dict[str, list[str]]]
"""What is said of each number, by study, a word for each of its claims."""


def table() -> str:
    """The counts in a sentence, and a row for each of the conclusions."""
    recorded, counted = _recorded(), _counted()
    words = Counter(word for by in recorded.values() for said in by.values() for word in said)
    every = [{w for said in by.values() for w in said} for by in recorded.values()]
    decided = sum(bool(found & {*DECIDED}) for found in every)
    listed = ", ".join(f"{words[word]} {word}" for word in WORDS.values() if words[word])
    lines = [
        f"The {len(CONCLUSIONS)} conclusions are {sum(words.values())} claims of the studies that "
        f"were run: {listed}. For {decided} conclusions at least one claim is decided. Claims that "
        "need no run are decided by counts.",
        "",
        "| № | reports | conclusion | outcome, by study |",
        "|--:|---|---|---|",
    ]
    for number, one in CONCLUSIONS.items():
        by_study = {**counted.get(number, {}), **recorded.get(number, {})}
        said = "; ".join(f"`{name}`: {', '.join(found)}" for name, found in by_study.items())
        said = said or UNEXAMINED[number]
        lines.append(f"| {number} | {one.reports} | {one.sentence.replace('|', '')} | {said} |")
    return "\n".join(lines)


def _recorded() -> Said:
    found: Said = defaultdict(lambda: defaultdict(list))
    for section in select([], RunStore(RUNS), Sources(RUNS)):
        for one in findings(section.assessment):
            found[one.claim.number][str(section.name)].append(WORDS[one.outcome])
    return found


def _counted() -> Said:
    """Of the studies that have not been run what their counts say."""
    run = {section.name for section in select([], RunStore(RUNS), Sources(RUNS))}
    found: Said = defaultdict(lambda: defaultdict(list))
    for entry in register.study:
        study: Study = entry.function()
        if entry.name in run or not study.claims:
            continue
        counts = {row.name: vars(_description(row.spec, study)) for row in study.rows}
        for claim in study.claims:
            said, _ = by_counts(claim, counts)
            word = f"{WORDS[said]} by counts" if WORDS[said] in DECIDED else "not run"
            found[claim.number][entry.name].append(word)
    return found


def _description(spec: str, study: Study) -> object:
    return resolve(spec, shape_for(study.dataset)).description


def page() -> str:
    """The page with the table of today."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    made = page()
    if "--check" not in sys.argv:
        PAGE.write_text(made, encoding="utf-8")
    elif made != PAGE.read_text(encoding="utf-8"):
        sys.exit(f"{PAGE} is not current: python docs/conclusions_table.py")


if __name__ == "__main__":
    main()
