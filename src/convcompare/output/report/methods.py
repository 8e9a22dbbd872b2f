"""The method of the comparisons as a paragraph that a thesis can quote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from convcompare.comparison.comparison import Comparison
from convcompare.comparison.score import Score
from convcompare.comparison.unplanned_looks import false_rate
from convcompare.comparison.verdict import Verdict
from convcompare.core import formatting
from convcompare.store.run import Run

from ..code_spans import code, spans
from ..tables.markup import escaped
from .bibliography import DATA, OPTIMIZERS, WORKS, short
from .sections import Section

_CITED = re.compile(rf"\[(@(?:{'|'.join(WORKS)})(?:; @(?:{'|'.join(WORKS)}))*)\]")
NAMES = {"adam": "Adam", "adamw": "AdamW", "sgd": "stochastic gradient descent", "muon": "Muon"}
MOST_RATES = 6
"""Maximum number of learning rates that a paragraph names."""


def methods(sections: Sequence[Section]) -> str:
    """Return the paragraph, with citations as ``[@holm1979]``; empty if no run has ended."""
    runs = [run for one in sections for run in one.comparison.runs]
    if not runs:
        return ""
    sentences = [_data(sections), _training(runs), _seeds(sections), *_tests(sections)]
    sentences += dict.fromkeys(chain(*(looks(one.comparison) for one in sections)))
    versions = dict.fromkeys(run.environment.torch for run in runs)
    sentences.append(
        f"All networks were trained and compared with convcompare [@convcompare] on PyTorch "
        f"{', '.join(versions)} [@paszke2019]."
    )
    return " ".join(sentences)


def cited(text: str) -> list[str]:
    """Return the keys of the works that a paragraph cites, in order."""
    return list(dict.fromkeys(key for match in _CITED.finditer(text) for key in _keys(match)))


def as_text(text: str) -> str:
    """Return the paragraph with citations by author and year."""
    return _CITED.sub(lambda m: f"({'; '.join(short(key) for key in _keys(m))})", text)


def as_latex(text: str) -> str:
    r"""Return the paragraph with ``\cite``, and names from outside in ``\texttt``."""
    found = []
    for part, is_code in spans(text):
        shown = escaped(part, "latex")
        if is_code:
            found.append(f"\\texttt{{{shown}}}")
        else:
            found.append(_CITED.sub(lambda m: f"\\cite{{{','.join(_keys(m))}}}", shown))
    return "".join(found) + "\n"


def _keys(match: re.Match[str]) -> list[str]:
    return [key.removeprefix("@") for key in match[1].split("; ")]


def _data(sections: Sequence[Section]) -> str:
    names = dict.fromkeys(one.comparison.conditions.dataset for one in sections)
    parts = []
    for name in names:
        terms = next(
            one.comparison.conditions for one in sections
            if one.comparison.conditions.dataset == name
        )  # fmt: skip
        key = DATA.get(name.partition(":")[0])
        cite = f" [@{key}]" if key else ""
        images = f"{formatting.count(terms.train_images)} training"
        trained = f"{terms.trained_on}, for training," if terms.cut else images
        parts.append(
            f"{code(name)}{cite} ({trained} and {formatting.count(terms.test_images)} test images)"
        )
    return f"The networks were trained on {formatting.series(parts)}."


def _training(runs: Sequence[Run]) -> str:
    """Describe the training of all runs; of differing settings, all values or their range."""
    configs = [run.trial.config for run in runs]
    names = dict.fromkeys(config.optimizer for config in configs)
    optimizers = formatting.series(
        f"{NAMES[name]}{f' [@{OPTIMIZERS[name]}]' if name in OPTIMIZERS else ''}" for name in names
    )
    rates = _values(f"{one:g}" for one in sorted({config.lr for config in configs}))
    schedules = _values(dict.fromkeys(config.schedule for config in configs))
    sizes = _values(str(one) for one in sorted({config.batch_size for config in configs}))
    epochs = _values(str(one) for one in sorted({config.epochs for config in configs}))
    return (
        f"Training used {optimizers} with a learning rate of {rates} ({schedules} schedule), "
        f"batches of {sizes} images and {epochs} epoch{'' if epochs == '1' else 's'}."
    )


def _seeds(sections: Sequence[Section]) -> str:
    numbers = sorted({len(group.runs) for one in sections for group in one.comparison.groups})
    many = _values(map(str, numbers))
    scores = {Score.parse(one.comparison.conditions.score).words for one in sections} - {""}
    about = f", scored by {' or '.join(sorted(scores))}" if scores else ""
    return (
        f"Each network was trained with {many} seed{'' if numbers == [1] else 's'}{about}; runs of "
        "the same seed saw the same images in the same order, so that networks are compared in "
        "pairs."
    )


def _tests(sections: Sequence[Section]) -> Iterator[str]:
    """Yield a sentence per kind of test that the verdicts used."""
    found = [one for section in sections for one in section.assessment.family if one.estimate]
    differences = [one for one in found if one.quantity.scale == "difference"]
    moderated = any(_by(one, "moderated") for one in differences)
    if moderated:
        yield (
            "Differences between networks were tested by the moderated paired t-test [@smyth2004] "
            "over seeds, whose variance is drawn towards that of all networks of the comparison."
        )
    if any(_by(one, "paired t over") for one in differences):
        which = "Other differences" if moderated else "Differences between networks"
        yield f"{which} over seeds were tested by Student's paired t-test [@student1908]."
    if any(_by(one, "McNemar") for one in differences):
        yield (
            "Networks trained once were compared over the test images by McNemar's exact test "
            "[@mcnemar1947], which is about these trained networks, not their architectures."
        )
    if any(one.family > 1 for one in found if one.p is not None):
        yield (
            "All tests of a comparison were adjusted together for a family-wise error of at most "
            "5 % [@holm1979]; each interval has the level at which its difference was tested."
        )
    margins = sorted({one.margin for one in found if one.margin and one.p_equivalence is not None})
    if margins:
        points = formatting.series(f"{100 * one:g}" for one in margins)
        yield (
            f"Networks are called equivalent if two one-sided t-tests [@schuirmann1987] reject a "
            f"difference of {points} percentage points."
        )
    costs = [one for section in sections for one in section.assessment.costs]
    if any(one.estimate and one.estimate.low is not None for one in costs):
        yield (
            "Training times are compared by the geometric mean of their ratios over seeds "
            "[@fleming1986], with 95 % t intervals that are not adjusted."
        )


def looks(comparison: Comparison) -> Iterator[str]:
    """Iterate over sentences on seeds that were added or chosen after the first results."""
    if comparison.plan:
        numbers = formatting.series(map(str, comparison.plan.looks))
        yield (
            "Seeds were added by a plan while a difference was undecided: it was tested after "
            f"{numbers} seeds, at levels that keep the error of all looks together at 5 % "
            "[@lan1983]."
        )
    if comparison.looked:
        seeds = formatting.series(map(str, comparison.looked))
        yield (
            f"Seeds were added after the results of {seeds} could be seen, which was not planned: "
            f"up to {false_rate(comparison.looked)} of such comparisons have a false verdict "
            "[@armitage1969]."
        )
    if chosen := comparison.picked:
        others = chosen.seeds - chosen.used
        how = (
            f"chosen before any result of theirs could be seen, after those of {others} others"
            if chosen.unseen
            else f"picked from {chosen.seeds} after their results could be seen, and decide nothing"
        )
        yield f"The {chosen.used} seeds of a comparison were {how}."


def _by(verdict: Verdict, method: str) -> bool:
    return verdict.estimate is not None and verdict.estimate.method.startswith(method)


def _values(texts: Iterable[str]) -> str:
    found = list(texts)
    if len(found) > MOST_RATES:
        return f"{found[0]} to {found[-1]}"
    return formatting.series(found)
