"""Accuracy against the number of training images, and where one network overtakes another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from convcompare.comparison.model_runs import ModelRuns
from convcompare.comparison.overtaking import (
    Crossing,
    SizedPair,
    crossings,
    networks,
    sized_pairs,
)
from convcompare.core.errors import UsageError
from convcompare.core.formatting import count
from convcompare.core.registry import register

from ..end_labels import name_models
from ..figure import GREY, Drawing, panels, ticks_at
from ..limits import LEAST_POINTS, PERCENT, padded
from ..style import BAND_KEY, ModelStyle, draw_band, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..source import Source

COLUMNS = ("model", "train_images", "seed", "test_accuracy")


@register.plot("data-efficiency", hollow=True)
def data_efficiency(source: Source) -> list[Drawing]:
    """Test accuracy against the number of training images, and where one overtakes another."""
    found = networks(source.comparison)
    if not found:
        raise UsageError(
            "these networks were trained on one number of images",
            "`convcompare compare … --train-images 100,1000,10000` trains on several",
        )
    pairs = sized_pairs(source.comparison)
    shown = looks([*found])
    figure, axes = panels(2 if pairs else 1, 2, 3.0)
    ends = []
    for network, by_size in found.items():
        marked = any(source.look(group, "accuracy").hollow for group in by_size.values())
        look = replace(shown[network], hollow=marked)
        ends.append((look, _accuracies(axes[0], by_size, look)))
    axes[0].set_ylabel("test accuracy (%)")
    crossed = [crossing for pair in pairs for crossing in crossings(pair)]
    if pairs:
        _differences(axes[1], pairs, shown, _intervals(source))
        axes[1].set_ylabel(f"points against {shown[pairs[0].baseline].name}")
    for one in axes:
        ticks_at(
            one,
            sorted({n for by_size in found.values() for n in by_size}),
            lambda n: count(round(n)),
        )
        one.set_xlabel("training images")
    name_models(figure, axes[-1:], ends)
    caption = (
        "Test accuracy by the number of training images: left of each network, the band from the "
        "lowest to the highest seed; right the difference to the baseline with the 95 % interval "
        "of its verdict. A triangle marks where the mean difference changes its sign, and the "
        "bar through it the 95 % interval of that number of images."
    )
    key = f"{BAND_KEY} · bar: 95 % interval"
    rows = list(_rows(found))
    return [Drawing("data-efficiency", figure, caption, COLUMNS, rows, _alt(found, crossed), key)]


def _accuracies(axes: Axes, by_size: Mapping[int, ModelRuns], look: ModelStyle) -> float:
    """Draw the curve of a network; return its end in per cent."""
    sizes = sorted(by_size)
    values = [[100 * run.test_accuracy for run in by_size[n].finished] for n in sizes]
    means = [float(np.mean(each)) for each in values]
    axes.plot(sizes, means, **look.line())
    draw_band(axes, look, sizes, [min(each) for each in values], [max(each) for each in values])
    return means[-1]


def _differences(
    axes: Axes,
    pairs: Sequence[SizedPair],
    shown: Mapping[str, ModelStyle],
    intervals: Mapping[tuple[str, int], list[float]],
) -> None:
    axes.axhline(0, color=GREY, linewidth=0.8)
    reach = []
    for place, pair in enumerate(pairs):
        look = shown[pair.model]
        means = (100 * pair.differences.mean(axis=1)).tolist()
        shift = 1.02 ** (place - (len(pairs) - 1) / 2)
        sizes = [n * shift for n in pair.sizes]
        axes.plot(sizes, means, **look.line())
        for n, at in zip(sizes, pair.sizes, strict=True):
            if ends := intervals.get((pair.model, at)):
                axes.plot([n, n], ends, color=look.colour, linewidth=1, alpha=0.7)
                reach += ends
        reach += means
        for crossing in crossings(pair):
            _crossing(axes, crossing, pair, look)
    axes.set_ylim(padded((min(reach), max(reach)), LEAST_POINTS, (-PERCENT[1], PERCENT[1])))


def _intervals(source: Source) -> dict[tuple[str, int], list[float]]:
    """Return the interval of each verdict on accuracy in points, by network and images."""
    at = {one.label: (one.network, one.images) for one in source.comparison.conditions.sizes}
    found = {}
    for verdict in source.assessment.contrasts:
        if verdict.estimate and verdict.estimate.ends:
            found[at[verdict.model]] = [100 * end for end in verdict.estimate.ends]
    return found


def _crossing(axes: Axes, crossing: Crossing, pair: SizedPair, look: ModelStyle) -> None:
    low = crossing.low or pair.sizes[0]
    high = crossing.high or pair.sizes[-1]
    axes.plot([low, high], [0, 0], color=look.colour, linewidth=4, alpha=0.35, zorder=1,
              solid_capstyle="butt")  # fmt: skip
    marker = "^" if crossing.leader == pair.model else "v"
    axes.plot([crossing.images], [0], marker=marker, color=look.colour, markersize=7,
              markeredgecolor="white", markeredgewidth=0.6, zorder=4)  # fmt: skip


def _rows(found: Mapping[str, Mapping[int, ModelRuns]]) -> Iterator[tuple[object, ...]]:
    for network, by_size in found.items():
        for images, group in by_size.items():
            for run in group.finished:
                yield (network, images, run.trial.seed, run.test_accuracy)


def _alt(found: Mapping[str, Mapping[int, ModelRuns]], crossed: Sequence[Crossing]) -> str:
    ends = []
    for network, by_size in found.items():
        means = {n: np.mean([r.test_accuracy for r in g.finished]) for n, g in by_size.items()}
        low, high = min(means), max(means)
        ends.append(
            f"{network} from {100 * means[low]:.1f} % with {count(low)} images to "
            f"{100 * means[high]:.1f} % with {count(high)}"
        )
    sentences = [f"Test accuracy: {'; '.join(ends)}.", *(f"{one.words}." for one in crossed)]
    return " ".join(sentences)
