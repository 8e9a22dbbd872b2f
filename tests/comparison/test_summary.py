"""Costs, the lines below a table, and marks of runs with misleading figures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats as scipy_stats

from convcompare.comparison import estimate_words, run_flags, verdict_words
from convcompare.comparison.contrasts import contrasts
from convcompare.comparison.cost_contrasts import cost_contrasts
from convcompare.comparison.pair_tests import PairTests
from convcompare.comparison.pairs import pairs
from convcompare.comparison.run_flags import ChanceLevel
from convcompare.comparison.stats import estimates
from convcompare.comparison.summary import notes, summary
from convcompare.core import failures
from convcompare.store.run import Run
from tests.support.runs import FCN, SIMPLE, comparison, hits_of, no_hits, series, shifted, trained


def costs(*seconds: tuple[float, float], device: str = "cpu") -> str:
    runs = [trained("fcn", seed, 0.97, base) for seed, (base, _) in enumerate(seconds)]
    others = [trained("simple", seed, 0.99, own) for seed, (_, own) in enumerate(seconds)]
    environment = dataclasses.replace(runs[0].environment, device=device)
    others = [dataclasses.replace(r, environment=environment) for r in others]
    (found,) = cost_contrasts(pairs(comparison(*runs, *others), "fcn"))
    return verdict_words.words(found)


def test_times_are_compared_as_ratios() -> None:
    assert costs((10, 18), (10.2, 18.1), (9.9, 18.2)) == "1.80 ± 0.08 times slower to train"
    assert costs((18, 10), (18.1, 10.2), (18.2, 9.9)) == "1.80 ± 0.08 times faster to train"
    assert costs((23, 10)) == "2.3 times faster to train (one run each)"
    assert costs((10, 70), (10, 100), (12, 80)) == "7.8 times slower to train, 4.5 to 13.4"
    assert costs((10, 10.4)) == "as fast to train (one run each)"
    assert costs((10, 10.1), (10.1, 10), (10, 10)) == "as fast to train"
    assert costs((10, 10), (10, 14)).startswith("time to train inconclusive (1")
    refused = "times not compared: device cuda:0 against cpu"
    assert costs((10, 20), device="cuda:0") == refused


def test_the_summary_reads_like_hyperfine() -> None:
    runs = [*series("fcn", FCN[:4], 10), *series("simple", SIMPLE[:4], 76)]
    runs += series("residual", shifted(SIMPLE[:4], 0.0005), 250)
    whole = comparison(*runs)
    every = pairs(whole, "fcn", all_pairs=True)
    found, slower = contrasts(every, PairTests(no_hits)), cost_contrasts(every)
    assert summary(whole, found, slower) == [
        "simple better than fcn by 1.23 ± 0.09 points · 7.50 ± 0.13 times slower to train",
        "residual better than fcn by 1.27 ± 0.24 points · 24.6 ± 0.5 times slower to train",
        "residual and simple: no clear difference (0.05 ± 0.19 points);"
        " 8 seeds could show 0.12 points",
    ]


def test_summary_reports_a_single_seed_once() -> None:
    whole = comparison(*(trained(name, 0, a) for name, a in (("fcn", 0.9), ("b", 0.96))))
    every = pairs(whole, None)
    judged = contrasts(every, PairTests(hits_of))
    lines = [*summary(whole, judged, cost_contrasts(every)), *notes(judged)]
    assert lines == [
        "b ended 6.0 ± 1.6 points above fcn, one seed · as fast to train (one run each)",
        "one seed: this is about these two trained networks, not about the architectures",
    ]


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0.003, "0.3"), (0.0098, "0.98"), (0.00996, "1.0"), (0.011, "1.1"), (0.0996, "10")],
)
def test_size_in_points_has_two_digits(fraction: float, shown: str) -> None:
    assert estimate_words.points(fraction) == f"{shown} points"


def curve(*losses: tuple[float, float], **config: object) -> Run:
    """A run with these train and test losses by epoch."""
    base = trained("fcn", 0, 0.9, **config)  # type: ignore[arg-type]
    last = base.history[0]
    history = [
        dataclasses.replace(last, epoch=i, train_loss=train, test_loss=test)
        for i, (train, test) in enumerate(losses, start=1)
    ]
    return dataclasses.replace(base, history=tuple(history))


def test_network_that_still_learns_is_marked() -> None:
    """Curves of stored runs: a small network after 4 epochs of 2,000 images, after MNIST, and one
    of CIFAR-10 whose test loss came back from a worse epoch.
    """
    level = ChanceLevel(0.11, 1000)
    learning = [(0.7549, 0.4083), (0.3227, 0.3366), (0.2494, 0.294), (0.1946, 0.2418)]
    (mark,) = run_flags.marks(curve(*learning, epochs=4), level)
    assert mark.text == "has not converged: its last epoch lowered the test loss by 18 %"
    assert mark.hint == "more epochs: `--epochs 8`"
    by_heart = [(0.2781, 0.1348), (0.1151, 0.1056), (0.0618, 0.0821), (0.0391, 0.0874)]
    assert not run_flags.marks(curve(*by_heart), level)
    settled = [(0.1471, 0.0399), (0.0379, 0.0311), (0.0292, 0.0289), (0.0234, 0.0268)]
    assert not run_flags.marks(curve(*settled), level)
    came_back = [(0.3237, 0.6423), (0.3045, 0.533), (0.2817, 0.6098), (0.2608, 0.5571)]
    assert not run_flags.marks(curve(*came_back), level)
    assert not run_flags.marks(curve(*learning, schedule="cosine"), level)
    assert not run_flags.marks(curve(*learning[:1]), level)


@pytest.mark.parametrize(("lr", "hint"), [(0.5, "0.05"), (1.0, "0.1"), (1e30, "0.1")])
def test_hint_suggests_a_usual_learning_rate(lr: float, hint: str) -> None:
    assert failures.lower_rate(lr) == f"a lower learning rate: `--lr {hint}`"


@pytest.mark.parametrize(("accuracy", "chance"), [(0.1135, True), (0.1, True), (0.14, False)])
def test_dead_network_is_at_chance_level(accuracy: float, chance: bool) -> None:
    labels = np.repeat(np.arange(10), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
    level = ChanceLevel(run_flags.majority_share(labels), 10_000)
    found = run_flags.marks(trained("fcn", 0, accuracy), level)
    assert [mark.name for mark in found] == (["chance"] if chance else [])
    if chance:
        assert found[0].hint == "a lower learning rate: `--lr 0.0001`"
        run = trained("fcn", 0, accuracy)
        config, steps = run.trial.config, 10
        (brief,) = run_flags.marks(run, level, config.batch_size * steps)
        assert brief.hint.endswith("more epochs, `--epochs 50`")  # 500 steps
        enough = -(-500 // config.epochs) * config.batch_size
        (long,) = run_flags.marks(run, level, enough)
        assert long.hint == found[0].hint
        p = scipy_stats.binomtest(
            round(10_000 * accuracy), 10_000, level.accuracy, alternative="greater"
        )
        assert p.pvalue > 0.001


@pytest.mark.parametrize("hits", range(235, 265))
def test_chance_is_judged_by_the_exact_binomial_test(hits: int) -> None:
    p = scipy_stats.binomtest(hits, 2000, 0.1, alternative="greater").pvalue
    run = trained("fcn", 0, hits / 2000)
    assert ChanceLevel(0.1, 2000).explains(run) == (p > 0.001)


@pytest.mark.parametrize(
    ("hits", "images", "chance", "few"),
    [(6, 6, 0.5, True), (4, 4, 0.5, True), (12, 15, 7 / 15, True), (8, 15, 7 / 15, False)],
)
def test_few_test_images_do_not_imply_chance_level(
    hits: int, images: int, chance: float, few: bool
) -> None:
    (mark,) = run_flags.marks(trained("fcn", 0, hits / images), ChanceLevel(chance, images))
    assert mark.name == ("few images" if few else "chance")
    assert mark.name in run_flags.NOT_LEARNT, "it is in no verdict either way"
    assert mark.text.startswith(
        f"cannot be distinguished from chance level by {images} test images: " if few
        else "is at chance level: "
    )  # fmt: skip
    assert (mark.hint == "more test images") == few


def test_plausible_run_of_a_learning_network_is_kept() -> None:
    hits = [30, 21, 16, 12]
    runs = [trained("fcn", seed, n / 36) for seed, n in enumerate(hits)]
    ps = [scipy_stats.binomtest(n, 36, 1 / 3, alternative="greater").pvalue for n in hits]
    assert ps[0] < 0.001 < ps[1] < 0.05 < ps[2] < ps[3]
    level = ChanceLevel(1 / 3, 36)
    assert level.is_exceeded(runs) and not level.is_exceeded(runs[1:])
    alone, beside = (
        [[mark.name for mark in run_flags.marks(run, level, learns=learns)] for run in runs]
        for learns in (False, True)
    )
    assert alone == [[], ["few images"], ["chance"], ["chance"]]
    assert beside == [[], [], ["chance"], ["chance"]]


def test_runs_at_chance_level_are_in_no_contrast() -> None:
    runs = [*series("fcn", FCN[:4]), *series("simple", (0.1, *shifted(FCN, 0.008)[1:4]))]
    dead = {run.id for run in runs if ChanceLevel(0.1135, 10_000).explains(run)}
    whole = comparison(*runs).only(lambda run: run.id not in dead)
    (found,) = contrasts(pairs(whole, "fcn"), PairTests(no_hits))
    assert (found.n, found.relation) == (3, "higher")
    assert verdict_words.note(found) == "without seed 0: no run of simple that counts"


@pytest.mark.parametrize(
    ("low", "value", "high", "shown"),
    [
        (0.0166, 0.4, 24.1, ("0.4", ", 0.02 to 24.1")),
        (0.27, 0.6, 2.1, ("0.60", ", 0.27 to 2.10")),
        (27.2, 46.0, 80.4, ("46", ", 27 to 80")),
        (8e-8, 3.6e-7, 1.6e-6, ("4e-07", ", 8e-08 to 2e-06")),
    ],
)
def test_no_ratio_or_interval_end_is_shown_as_zero(
    low: float, value: float, high: float, shown: tuple[str, str]
) -> None:
    assert estimate_words.number(estimates.Estimate(value, low, high, 3, "ratio")) == shown


def test_warning_on_several_seeds_names_the_seed_of_its_figures() -> None:
    def told(*texts: str, name: str = "chance", timed: bool = True) -> list[str]:
        marked = [
            ("a", trained("a", seed, 0.1), run_flags.QualityFlag(name, text, ""))
            for seed, text in enumerate(texts)
        ]
        return [text for text, _ in run_flags.warnings(marked, 1, each=False, timed=timed)]

    assert told("has 0.1", "has 0.1") == ["a (seeds 0, 1) has 0.1"]
    assert told("has 0.3", "has 0.1") == ["a (seeds 0, 1) has 0.1 with seed 1"]
    assert told("is: 3", "is: 2", "is: 1") == ["a (seeds 0 to 2) is: with seed 2, 1"]
    for name in ("shared", "stopped"):
        assert told("was", name=name) == ["a (seed 0) was"]
        assert told("was", name=name, timed=False) == []
