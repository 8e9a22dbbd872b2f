"""Write docs/results/for-students.md, with numbers from the records of the studies.

python docs/students_page.py            writes it
python docs/students_page.py --check    fails if it is not current
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.figures import figure_words
from convcompare.comparison.figures.catalogue import named
from convcompare.comparison.selection import select
from convcompare.comparison.verdict import Relation, Verdict, turned
from convcompare.store.run_store import RunStore

RESULTS = Path(__file__).parent / "results"
PAGE, RUNS = RESULTS / "for-students.md", RESULTS / "recorded" / "runs.ccpack"
WIDTH = 116
FIGURES = (
    (
        "verdicts depth",
        "students-depth.png",
        "intervals of accuracy, time and gradients for two, four and six layers and a residual "
        "network",
    ),
    (
        "verdicts kernel-size",
        "students-kernels.png",
        "intervals of accuracy, MACs and time for kernels against 3×3",
    ),
    (
        "power custom-layers-004",
        "students-seeds.png",
        "the difference that a number of seeds shows, for the four custom layers not decided",
    ),
)
"""Command of each figure, its file in docs/pictures, and its alternative text."""


def sentences() -> list[str]:
    """Return the seven sentences; each number is that of a verdict with the stated relation."""
    return [
        "**Convolutions matter more on harder images.** A simple convolutional network beats a "
        f"fully connected one by {gain('mnist', 'Simple CNN', 'FCN')} on MNIST, a residual one by "
        f"{gain('cifar10', 'Residual CNN', 'FCN')} on CIFAR-10.",
        "**More plain layers help only up to a point.** Four layers beat two by "
        f"{gain('depth', '4 layers', '2 layers')}; six are worse than four by "
        f"{gain('depth', '4 layers', '6 layers')}.",
        "**Residual connections help deep networks.** The residual network beats six plain layers "
        f"by {gain('depth', 'residual', '6 layers')} and four by "
        f"{gain('depth', 'residual', '4 layers')}, with fewer parameters than six"
        f"{_counted('depth', 'residual', '6 layers')}.",
        "**Gradients vanish with depth before the training, not after it.** The first layer's "
        f"gradient is {factor('depth', 'gradient-start', '2 layers', '6 layers')} smaller with six "
        "layers than with two at initialisation, and "
        f"{factor('depth', 'gradient-end', '6 layers', '2 layers')} larger after 15 epochs.",
        "**Larger kernels cost more and gain nothing here.** With 7×7 the training takes "
        f"{factor('kernel-size', 'time', '7×7', '3×3')} as long as with 3×3, and the accuracy is "
        f"{gain('kernel-size', '3×3', '7×7')} lower.",
        "**What costs more is not always better.** On MNIST residual blocks take "
        f"{factor('mnist-004', 'time', BLOCKS, 'Simple CNN')} the training time and change the "
        f"accuracy by {alike('mnist-004', BLOCKS, 'Simple CNN', 0.005)}, less than half a point.",
        "**Few seeds decide only large differences.** After three seeds Swish was "
        f"{undecided(THREE_SEEDS, 'Swish', 'standard')} from ReLU, which decides nothing; after "
        f"eleven it is worse by {gain('custom-layers-004', 'standard', 'Swish')}. Train more "
        "seeds, or make no claim. One seed compares two trained networks, not two architectures.",
    ]


BLOCKS = "CNN with residual blocks"
THREE_SEEDS = "2026-11-28T15:25:08"
"""Start of the study custom-layers-004 with three seeds, which its later record extends."""


@cache
def _assessed(study: str) -> Assessment:
    store = RunStore(RUNS)
    return Assessment(select(store, [study]), store)


def verdict(study: str, figure: str, model: str, baseline: str) -> Verdict:
    """Return the verdict of a study on a figure of two networks, with `model` first."""
    name = named(figure).quantity.name
    (found,) = (
        one
        for one in _assessed(study).family
        if one.quantity.name == name and {one.model, one.baseline} == {model, baseline}
    )
    return found if found.model == model else turned(found)


def _decided(
    study: str, figure: str, model: str, baseline: str, relation: Sequence[Relation] = ("higher",)
) -> Verdict:
    found = verdict(study, figure, model, baseline)
    if found.relation not in relation:
        sys.exit(f"{study}: {figure} of {model} against {baseline} is {found.relation}")
    return found


def gain(study: str, model: str, baseline: str) -> str:
    """Return by how much the model is more accurate: ``1.47 ± 0.28 points``."""
    found = _decided(study, "accuracy", model, baseline)
    assert found.estimate is not None
    return figure_words.amount(found.estimate, found.quantity).removeprefix("+")


def factor(study: str, figure: str, model: str, baseline: str) -> str:
    """Return the ratio of a figure of the model to the baseline's: ``1.53 ± 0.20 times``."""
    found = _decided(study, figure, model, baseline)
    assert found.estimate is not None
    shown, comma, ends = figure_words.times(found.estimate).partition(", ")
    return f"{shown} ({ends})" if comma else shown


def alike(study: str, model: str, baseline: str, margin: float) -> str:
    """Return a difference of accuracy whose entire interval is within a margin."""
    found = verdict(study, "accuracy", model, baseline)
    joint = found.joint
    if joint is None or joint.low is None or joint.high is None:
        sys.exit(f"{study}: no interval of {model} against {baseline}")
    if not -margin < joint.low <= joint.high < margin:
        sys.exit(f"{study}: {model} against {baseline} is not within {margin}")
    return figure_words.amount(joint, found.quantity)


def undecided(study: str, model: str, baseline: str) -> str:
    """Return a difference of accuracy that is not decided."""
    found = _decided(study, "accuracy", model, baseline, ("unclear", "too few"))
    assert found.estimate is not None
    return figure_words.amount(found.estimate, found.quantity)


def _counted(study: str, model: str, baseline: str) -> str:
    found = _decided(study, "parameters", model, baseline, ("lower",))
    assert found.values is not None
    return " ({} against {})".format(*map(found.quantity.show, found.values))


def _wrapped(text: str, indent: int = 0) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)


def page() -> str:
    """Return the current page."""
    lines = [
        "# What a student should take from this",
        "",
        "<!-- made by docs/students_page.py from the records of the studies -->",
        "",
        *_wrapped(
            "Networks of student reports, trained again with three seeds or more on MNIST and "
            "CIFAR-10. The 95 % intervals are adjusted for all verdicts of a study."
        ),
        "",
        *(line for n, one in enumerate(sentences(), 1) for line in _wrapped(f"{n}. {one}", 3)),
        "",
        *_wrapped(
            "See [all conclusions](index.md#the-conclusions) of the reports, and [what would "
            "decide the open ones](index.md#what-would-decide-the-open-ones)."
        ),
        "",
    ]
    for _, name, alt in FIGURES:
        lines += [f"![{alt}](../pictures/{name})", ""]
    lines += ["<!-- long -->", "```console"]
    store = "docs/results/recorded/runs.ccpack"
    for command, name, _ in FIGURES:
        lines.append(f"$ convcompare plot {command} --store {store} --out {name}")
    return "\n".join([*lines, "```", ""])


def main() -> None:
    made = page()
    if "--check" not in sys.argv:
        PAGE.write_text(made, encoding="utf-8")
    elif not PAGE.exists() or made != PAGE.read_text(encoding="utf-8"):
        sys.exit(f"{PAGE} is not current: python docs/students_page.py")


if __name__ == "__main__":
    main()
