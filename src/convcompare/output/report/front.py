"""The first page of a report: question, answer in sentences, overview table, conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convcompare.comparison.claims.findings import findings
from convcompare.comparison.comparison import Comparison
from convcompare.comparison.quantity import ACCURACY
from convcompare.comparison.stats.estimates import FEWEST
from convcompare.comparison.verdict import Verdict
from convcompare.core import formatting

from ..code_spans import code
from ..plots.forest_rows import ForestPanel, beside, is_firm
from ..tables.page_cells import DrawnInterval
from ..tables.table import Column, Table
from ..tables.verdict_notes import answer, largest, refused_times, tally
from .conclusions import counts
from .document import (
    Block,
    Bullets,
    Facts,
    Heading,
    Paragraph,
    TableBlock,
)
from .sections import Section
from .setup import conditions, trained_seeds

BOXED = ("Data set", "Trained on", "Tested on", "Recipe", "Epochs", "Seeds", "Processor", "Device",
         "Versions")  # fmt: skip
SHARED = ("Processor", "Versions")
"""Conditions of several comparisons that one box can contain."""
OVERVIEW = (
    Column("study", "comparison", "left"),
    Column("networks", "networks"),
    Column("seeds", "seeds"),
    Column("outcome", "test accuracy against the baseline", "left"),
    Column("largest", "largest difference", "left"),
    Column("interval", "Δ points", "left"),
)


def front(sections: Sequence[Section]) -> Iterator[Block]:
    """Yield the first page, without its figure and the table of a single comparison."""
    yield Heading(2, "Summary")
    yield Paragraph(_question(sections))
    if sentences := _sentences(sections):
        yield Bullets(sentences)
    if len(sections) > 1:
        yield TableBlock(_overview(sections), "All comparisons: verdicts on test accuracy.")


def box(sections: Sequence[Section]) -> Iterator[Block]:
    """Yield the conditions of all comparisons in few lines."""
    if len(sections) == 1:
        facts = dict(conditions(sections[0].comparison))
        yield Facts([(term, facts[term]) for term in BOXED if term in facts], boxed=True)
        return
    every = [dict(conditions(section.comparison)) for section in sections]
    names = list(dict.fromkeys(section.comparison.conditions.dataset for section in sections))
    epochs = sorted({section.comparison.conditions.epochs for section in sections})
    seeds = sorted({n for section in sections for n in section.comparison.trained_seeds})
    facts_ = [
        ("Data sets", ", ".join(map(code, names))),
        ("Epochs", formatting.span(epochs[0], epochs[-1])),
        ("Seeds", f"{formatting.span(seeds[0], seeds[-1])} per network"),
    ]
    for term in SHARED:
        found = dict.fromkeys(facts[term] for facts in every if term in facts)
        facts_.append((term, "; ".join(found)))
    yield Facts(facts_, boxed=True)


def _question(sections: Sequence[Section]) -> str:
    if len(sections) == 1:
        comparison = sections[0].comparison
        data, labels = code(comparison.conditions.dataset), comparison.labels
        if len(labels) < 2:
            return f"Question: what does {code(labels[0])} reach on {data}?"
        first = _baseline(sections[0])
        others = [code(label) for label in labels if label != first]
        which = " and ".join(others) if len(others) < 3 else f"{len(others)} networks"
        verb = "does" if len(others) == 1 else "do"
        return f"Question: how {verb} {which} compare with {code(first)} on {data}?"
    found = [one for section in sections for one in findings(section.assessment)]
    what = "Which conclusions of the reports do the runs confirm, and how" if found else "How"
    return f"Question: {what} do the networks of {len(sections)} comparisons differ?"


def _baseline(section: Section) -> str:
    verdict = next(iter(section.assessment.contrasts), None)
    return verdict.baseline if verdict else section.comparison.labels[0]


def _sentences(sections: Sequence[Section]) -> list[str]:
    """Return up to three sentences: the outcome, its cost, and its reliability."""
    if len(sections) > 1:
        return [*_of_many(sections), _reliance(sections)]
    (section,) = sections
    if not section.comparison.groups:
        return []
    assessed = section.assessment
    against = _against(section)
    found = [answer(against, against[0].baseline)] if len(against) > 1 else assessed.sentences[:1]
    labels = tuple(section.comparison.labels)
    sentences = [f"{one if one.startswith(labels) else one[0].upper() + one[1:]}." for one in found]
    apart = len(against) > 1 or any(one.refusal and one.refusal.by_marks for one in assessed.costs)
    cost = [_costs(assessed.costs)] if apart and assessed.costs else []
    return [*sentences, *cost, _reliance(sections)]


def _against(section: Section) -> list[Verdict]:
    """Return the verdicts on accuracy against the first baseline."""
    found = section.assessment.contrasts
    return [one for one in found if one.baseline == found[0].baseline]


def _costs(costs: Sequence[Verdict]) -> str:
    first = costs[0].baseline
    compared = [one for one in costs if one.baseline == first and one.estimate is not None]
    ratios = sorted(one.estimate.value for one in compared if one.estimate is not None)
    if not ratios:
        reasons = "; ".join(line.partition(": ")[2] for line in refused_times(costs))
        return f"Training times are not compared{f': {reasons}' if reasons else ''}."
    ends = dict.fromkeys(f"{value:.2g}" for value in (ratios[0], ratios[-1]))
    left = len([one for one in costs if one.baseline == first]) - len(ratios)
    without = f" ({left} not compared)" if left else ""
    return f"Training takes {' to '.join(ends)} times as long as that of {first}{without}."


def _of_many(sections: Sequence[Section]) -> Iterator[str]:
    if found := [one for section in sections for one in findings(section.assessment)]:
        yield counts(found)
    against = [one for section in sections for one in _against(section)]
    if against:
        compared = f"{len(against)} networks were compared with the baselines of their comparisons"
        yield f"{compared}: {tally(against)}."


def _reliance(sections: Sequence[Section]) -> str:
    few = [one for one in sections if one.comparison.seeds < FEWEST]
    warned = sum(len(section.assessment.warnings(each=True)) for section in sections)
    if len(sections) == 1:
        seeds = f"Each network was trained with {trained_seeds(sections[0].comparison)}"
        seeds += ", too few for an interval over seeds" if few else ""
    else:
        have = "has" if len(few) == 1 else "have"
        seeds = f"{len(few)} of {len(sections)} comparisons {have} fewer than {FEWEST} seeds"
    if not warned:
        return f"{seeds}; there are no warnings."
    warnings = "1 warning below lists" if warned == 1 else f"{warned} warnings below list"
    return f"{seeds}; {warnings} the doubtful figures."


def _overview(sections: Sequence[Section]) -> Table:
    chosen = [largest(_against(section)) for section in sections]
    ends = [0.0]
    for one in filter(None, chosen):
        panel = ForestPanel(ACCURACY, (one,))
        places = (panel.value(one), *(panel.ends(one) or ()))
        ends += [place for place in places if place is not None]
    axis = (min(ends), max(ends))
    pairs = zip(sections, chosen, strict=True)
    return Table(OVERVIEW, tuple(_row(section, verdict, axis) for section, verdict in pairs))


def _row(section: Section, verdict: Verdict | None, axis: tuple[float, float]) -> dict[str, object]:
    comparison: Comparison = section.comparison
    outcome = "nothing to compare"
    if against := _against(section):
        outcome = tally(against)
    row: dict[str, object] = {
        "study": section.title,
        "networks": len(comparison.groups),
        "seeds": formatting.span(*comparison.trained_seeds),
        "outcome": outcome,
    }
    if verdict is None:
        return row
    panel = ForestPanel(ACCURACY, (verdict,))
    value, (low, high) = panel.value(verdict), panel.ends(verdict) or (None, None)
    if value is not None:
        firm = is_firm(verdict, section.assessment)
        row["interval"] = DrawnInterval(beside(verdict), value, low, high, firm=firm, axis=axis)
    return {**row, "largest": f"{verdict.model} against {verdict.baseline}"}
