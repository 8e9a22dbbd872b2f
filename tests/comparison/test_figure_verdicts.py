"""Verdicts on figures other than accuracy: each with its test, unit and wording."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from convcompare.comparison import verdict_words
from convcompare.comparison.contrasts import contrasts
from convcompare.comparison.figures import catalogue, figure_notes, figure_words
from convcompare.comparison.figures.catalogue import named, names
from convcompare.comparison.figures.judge import Question, family_of
from convcompare.comparison.figures.quantities import TEST_LOSS
from convcompare.comparison.pair_tests import PairTests
from convcompare.comparison.pairs import pairs
from convcompare.comparison.predictions import Labels, Logits
from convcompare.comparison.quantity import ACCURACY, Quantity
from convcompare.comparison.stats.estimates import Estimate
from convcompare.comparison.verdict import Relation, Verdict
from convcompare.comparison.verdict_json import contrast_json
from convcompare.core.errors import UsageError
from convcompare.core.registry import register
from convcompare.store.cost import Latency
from convcompare.store.gradient_record import GRADIENTS, GradientRecord
from convcompare.store.run import Epoch, Run, TrainEvaluation
from convcompare.store.run_store import Predictions, RunStore
from tests.support.runs import ENVIRONMENT, comparison, no_hits, trained

NOWHERE = RunStore(Path("none"))
LOSSES = (0.21, 0.24, 0.22, 0.25, 0.23)
LOWER = (0.15, 0.19, 0.18, 0.19, 0.16)


def of(label: str, seed: int, **changed: Any) -> Run:
    """Return a run with these values of its last epoch, its cost or itself."""
    run = trained(label, seed, changed.pop("accuracy", 0.9))
    cost = {k: changed.pop(k) for k in [*changed] if k in type(run.cost).__annotations__}
    last = {k: changed.pop(k) for k in [*changed] if k in Epoch.__annotations__}
    return dataclasses.replace(
        run,
        history=(dataclasses.replace(run.history[0], **last),),
        cost=dataclasses.replace(run.cost, **cost),
        **changed,
    )


def two(name: str, model: tuple[Any, ...], baseline: tuple[Any, ...], **same: Any) -> list[Run]:
    """Return runs of `fcn` and `cnn` with these values of one field by seed."""
    return [
        of(label, seed, **{name: value}, **same)
        for label, values in (("fcn", baseline), ("cnn", model))
        for seed, value in enumerate(values)
    ]


def judged(runs: list[Run], *figures: str, store: RunStore | None = None) -> tuple[Verdict, ...]:
    measures = [named(name) for name in catalogue.check_figures(figures)]
    family = pairs(comparison(*runs), "fcn")
    asked = [Question(measure, pair) for measure in measures for pair in family]
    return family_of(asked, store or NOWHERE, PairTests(no_hits))


def one(runs: list[Run], figure: str, store: RunStore | None = None) -> Verdict:
    (only,) = judged(runs, figure, store=store)
    return only


def test_a_loss_is_compared_by_the_paired_t_test_in_nats() -> None:
    found = one(two("test_loss", LOWER, LOSSES), "test-loss")
    other = scipy_stats.ttest_rel(LOWER, LOSSES)
    assert found.p == pytest.approx(other.pvalue)
    assert found.estimate is not None
    ends = found.estimate.low, found.estimate.high
    assert ends == pytest.approx(tuple(other.confidence_interval(0.95)))
    assert figure_words.words(found) == "lower test loss by 0.056 ± 0.014 nats"
    assert figure_words.sentence(found) == "lower test loss than fcn by 0.056 ± 0.014 nats"
    assert contrast_json(found)["decided"] == "better"
    turned = one(two("test_loss", LOSSES, LOWER), "test-loss")
    assert figure_words.words(turned) == "higher test loss by 0.056 ± 0.014 nats"
    assert contrast_json(turned)["decided"] == "worse"


def test_undecided_figure_has_its_interval() -> None:
    found = one(two("test_loss", (0.20, 0.25, 0.24), LOSSES[:3]), "test-loss")
    assert figure_words.sentence(found) == "test loss against fcn inconclusive (+0.01 ± 0.04 nats)"
    assert contrast_json(found)["decided"] == "inconclusive" == figure_words.outcome(found)
    assert figure_words.outlook(found).startswith("6 seeds could show a difference of 0.0")


@pytest.mark.parametrize(
    ("quantity", "relation", "n", "decided", "told"),
    [
        (ACCURACY, "higher", 3, "better", "better"),
        (ACCURACY, "higher", 1, "differ", "one seed"),
        (ACCURACY, "unclear", 5, "no clear difference", "no clear difference"),
        (ACCURACY, "too few", 3, "inconclusive", "inconclusive"),
        (TEST_LOSS, "higher", 3, "worse", "worse"),
        (TEST_LOSS, "unclear", 5, "inconclusive", "inconclusive"),
        (TEST_LOSS, "too few", 2, "inconclusive", "inconclusive"),
        (TEST_LOSS, "refused", 0, "refused", "not compared"),
    ],
)
def test_json_and_text_have_the_same_outcome(
    quantity: Quantity, relation: Relation, n: int, decided: str, told: str
) -> None:
    """The power is known for accuracy only: other figures are never "no clear difference"."""
    verdict = Verdict("simple", "fcn", quantity, relation, n)
    assert verdict_words.decided(verdict) == decided
    assert figure_words.outcome(verdict) == told


def test_a_verdict_does_not_depend_on_the_unit_of_a_figure() -> None:
    """The tolerance for rounding is relative: t is the same for values times 1e-13."""
    small = [tuple(1e-13 * value for value in side) for side in (LOWER, LOSSES)]
    plain, tiny = (one(two("test_loss", *side), "test-loss") for side in ((LOWER, LOSSES), small))
    assert tiny.p == pytest.approx(plain.p)
    assert figure_words.words(tiny) == "lower test loss by 5.6e-15 ± 1e-15 nats"


def test_all_tested_figures_are_one_family() -> None:
    runs = [
        of(label, seed, accuracy=a, test_loss=b, train_seconds=c)
        for label, *sides in (
            ("fcn", (0.90, 0.91, 0.89, 0.92), (0.3, 0.28, 0.33, 0.29), (10.0, 10.2, 9.9, 10.1)),
            ("cnn", (0.94, 0.93, 0.94, 0.95), (0.2, 0.21, 0.25, 0.2), (20.0, 20.3, 19.9, 20.4)),
            ("wide", (0.91, 0.93, 0.90, 0.92), (0.3, 0.24, 0.32, 0.28), (11.0, 10.1, 9.7, 12.2)),
        )
        for seed, (a, b, c) in enumerate(zip(*sides, strict=True))
    ]
    found = judged(runs, "accuracy", "test-loss", "time", "parameters")
    assert [v.quantity.name for v in found] == [
        *("test_accuracy", "test_accuracy", "test_loss", "test_loss"),
        *("train_seconds", "train_seconds", "parameters", "parameters"),
    ]
    tests = found[:6]
    adjusted = multipletests([v.p for v in tests], method="holm")[1]
    assert [v.p_adjusted for v in tests] == pytest.approx(list(adjusted))
    assert {v.family for v in tests} == {6}
    for verdict in tests:
        assert verdict.estimate and verdict.estimate.low is not None
        null = 1 if verdict.quantity.scale == "ratio" else 0
        within = verdict.estimate.low <= null <= (verdict.estimate.high or 0)
        assert within != verdict.differs


def test_accuracy_alone_equals_the_default() -> None:
    runs = two("accuracy", (0.94, 0.93, 0.94), (0.90, 0.91, 0.89))
    plain = contrasts(pairs(comparison(*runs), "fcn"), PairTests(no_hits))
    assert judged(runs, "accuracy", "parameters")[:1] == plain
    assert plain[0].p == pytest.approx(scipy_stats.ttest_rel((94, 93, 94), (90, 91, 89)).pvalue)


def test_time_is_a_ratio_and_may_be_equivalent() -> None:
    slow = one(two("train_seconds", (18.0, 18.4, 17.8), (10.0, 10.1, 9.9)), "time")
    assert figure_words.sentence(slow) == "1.807 ± 0.033 times slower to train than fcn"
    same = one(two("train_seconds", (10.1, 10.1, 9.9), (10.0, 10.1, 9.9)), "time")
    assert figure_words.sentence(same) == "as fast to train as fcn"
    assert same.margin == pytest.approx(math.log(1.1))
    logs = np.log((10.1 / 10, 1, 1))
    lower, upper = ((logs.mean() + s * same.margin) / scipy_stats.sem(logs) for s in (1, -1))
    p = max(scipy_stats.t.sf(lower, 2), scipy_stats.t.cdf(upper, 2))
    assert same.p_equivalence == pytest.approx(p)
    turned = one(two("train_seconds", (10.0, 10.1, 9.9), (18.0, 18.4, 17.8)), "time")
    assert figure_words.words(turned) == "1.807 ± 0.033 times faster to train"


def test_times_of_different_machines_are_not_compared() -> None:
    runs = two("train_seconds", (18.0, 18.4, 17.8), (10.0, 10.1, 9.9))
    elsewhere = dataclasses.replace(ENVIRONMENT, processor="another")
    runs = [*runs[:3], *(dataclasses.replace(run, environment=elsewhere) for run in runs[3:])]
    found = one(runs, "time")
    assert figure_words.sentence(found) == (
        "time to train not compared with fcn: processor another against cpu"
    )


def test_inference_uses_latencies_of_one_image_and_of_batches() -> None:
    def latencies(single: float) -> tuple[Latency, ...]:
        batch = Latency(100, 10 * single, 0, 1, 9)
        return Latency(1, single, 0, 1, 9), batch

    runs = two("inference", *([latencies(x) for x in side] for side in ((2, 2.1, 2), (1, 1, 1.1))))
    single, batch = judged(runs, "inference", "inference-batch")
    assert figure_words.words(single).startswith("2.0 ± 0.4 times slower for one image")
    assert batch.values == pytest.approx((0.2033, 0.1033), abs=1e-3)


def test_counts_are_compared_without_a_test_or_an_interval() -> None:
    runs = two("peak_memory", (1_800_000,) * 2, (1_000_000,) * 2)
    found = one(runs, "memory")
    assert figure_words.sentence(found) == "needs 1.8 times the memory of fcn (1.8 MB against 1 MB)"
    assert (found.p, found.relation, found.family) == (None, "higher", 1)
    (close,) = judged(two("parameters", (101_000,), (100_000,)), "parameters")
    assert figure_words.sentence(close) == (
        "has 1 % more parameters than fcn (101,000 against 100,000)"
    )
    (equal,) = judged(two("parameters", (5,), (5,)), "parameters")
    assert figure_words.sentence(equal) == "the same parameters as fcn (5)"
    (half,) = judged(two("macs", (50,), (100,)), "macs")
    assert figure_words.words(half) == "needs 0.5 times the MACs (50 against 100)"


def test_memory_of_another_device_type_is_not_compared() -> None:
    runs = two("peak_memory", (2, 2), (1, 1))
    on_gpu = dataclasses.replace(ENVIRONMENT, device="cuda:0")
    runs = [*runs[:2], *(dataclasses.replace(run, environment=on_gpu) for run in runs[2:])]
    assert "device cuda against cpu" in figure_words.words(one(runs, "memory"))


def test_gap_is_in_evaluation_mode_and_missing_in_older_runs() -> None:
    """The train accuracy of an epoch is a mean over changing weights and cannot be used."""
    known = two("train_evaluation", *(
        [TrainEvaluation(100, 0.1, a) for a in side] for side in ((0.99, 0.98, 0.985), (0.92,) * 3)
    ), accuracy=0.9, test_loss=0.4)  # fmt: skip
    gap, loss = judged(known, "gap", "loss-gap")
    assert figure_words.words(gap).startswith("larger gap between train and test accuracy by 6.5 ±")
    assert gap.values == pytest.approx((0.085, 0.02))
    assert figure_words.words(loss) == "the same gap between train and test loss in all 3 seeds"
    older = two("test_loss", LOWER, LOSSES)
    (refused,) = judged(older, "gap")
    assert "not recorded of cnn and fcn" in figure_words.words(refused)
    typed = dataclasses.replace(comparison(*older), command=("compare", "fcn", "cnn"))
    assert list(figure_notes.not_recorded(typed, [refused])) == [
        (
            "gap between train and test accuracy: not recorded of cnn, fcn",
            "`convcompare compare fcn cnn --fresh` records it and trains them again",
        )
    ]


def test_seeds_without_the_figure_are_excluded_and_named() -> None:
    runs = two("tta_accuracy", (0.95, 0.96, 0.95, None), (0.90, 0.90, 0.91, 0.92))
    found = one(runs, "tta-accuracy")
    assert found.n == 3
    assert "without seed 3" in figure_words.note(found)


def curve(label: str, seed: int, accuracies: tuple[float, ...]) -> Run:
    run = trained(label, seed, accuracies[-1])
    epochs = [
        dataclasses.replace(run.history[0], epoch=i, test_accuracy=a)
        for i, a in enumerate(accuracies, 1)
    ]
    return dataclasses.replace(run, history=tuple(epochs))


def reaching(label: str, epochs: tuple[int, ...]) -> list[Run]:
    """Return runs of 12 epochs that reach 98 % after these, or never if that is above 12."""
    return [
        curve(label, seed, tuple(0.99 if i >= first else 0.9 for i in range(1, 13)))
        for seed, first in enumerate(epochs)
    ]


def test_epochs_to_a_level_are_a_ratio_if_all_reach_it() -> None:
    runs = [*reaching("fcn", (8, 10, 9)), *reaching("cnn", (4, 5, 5))]
    found = one(runs, "epochs-to=0.98")
    other = scipy_stats.ttest_rel(np.log((4, 5, 5)), np.log((8, 10, 9)))
    assert found.p == pytest.approx(other.pvalue)
    assert figure_words.sentence(found) == "needs 0.52 ± 0.08 times the epochs to 98 % of fcn"


def test_levels_that_were_not_reached_are_compared_by_signs() -> None:
    slow, fast = (9, 13, 11, 13, 12, 13, 10), (4, 5, 5, 6, 4, 5, 4)
    runs = [*reaching("fcn", slow), *reaching("cnn", fast)]
    found = one(runs, "epochs-to=0.98")
    assert found.p == pytest.approx(2 / 2**7)
    assert found.estimate is None
    assert figure_words.sentence(found) == (
        "needs fewer epochs to 98 % than fcn (reached in 7 of 7 seeds against 4 of 7)"
    )
    assert contrast_json(found)["ratio"] is None
    assert contrast_json(found)["method"] == "paired Prentice–Wilcoxon, exact, over 7 seeds"
    few = one([*reaching("fcn", slow[:3]), *reaching("cnn", fast[:3])], "epochs-to=0.98")
    assert few.relation == "too few"
    never = one([*reaching("fcn", (13,) * 3), *reaching("cnn", (13,) * 3)], "epochs-to=0.98")
    assert figure_words.words(never) == "epochs to 98 % not compared: no run reached it"


def test_the_area_under_the_curve_is_the_mean_over_the_epochs() -> None:
    fast = [curve("cnn", seed, (0.8, 0.9 + seed / 100, 0.9)) for seed in range(3)]
    slow = [curve("fcn", seed, (0.5, 0.7, 0.9 + seed / 1000)) for seed in range(3)]
    found = one([*slow, *fast], "accuracy-area")
    assert found.values == pytest.approx((2.61 / 3, 2.101 / 3))
    assert figure_words.words(found).startswith("higher mean accuracy over the epochs by 17.0 ±")


def test_a_spread_needs_ten_seeds() -> None:
    rng = np.random.default_rng(0)
    wide, narrow = 0.9 + 0.03 * rng.standard_normal(12), 0.9 + 0.002 * rng.standard_normal(12)
    found = one(two("accuracy", tuple(wide), tuple(narrow)), "stability")
    assert found.relation == "higher"
    assert figure_words.words(found).startswith("has ")
    assert "times the seed-to-seed spread of accuracy" in figure_words.words(found)
    assert found.values == pytest.approx((wide.std(ddof=1), narrow.std(ddof=1)))
    few = one(two("accuracy", tuple(wide[:9]), tuple(narrow[:9])), "stability")
    assert few.relation == "too few"
    assert figure_words.words(few).endswith("10 seeds are needed)")
    same = one(two("accuracy", (0.9,) * 12, tuple(narrow)), "stability")
    assert figure_words.words(same).endswith("all seeds of a network have the same accuracy")


def test_two_seeds_and_one_give_no_verdict_on_architectures() -> None:
    pair = one(two("test_loss", LOWER[:2], LOSSES[:2]), "test-loss")
    assert (pair.relation, pair.p) == ("too few", None)
    assert figure_words.words(pair) == "test loss inconclusive at 2 seeds (−0.055 nats)"
    time = one(two("train_seconds", (18.0,), (10.0,)), "time")
    assert figure_words.words(time) == "time to train: 1.8 times between these two trained networks"


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Any]:
    """Return a function that stores a run with its logits and its first layer's gradient."""
    store = RunStore(tmp_path)

    def keep(run: Run, logits: np.ndarray, gradient: float = 1.0) -> Run:
        store.begin(run.trial, run.environment)
        record = GradientRecord(("first",), np.ones((2, 1)), np.array([[1e-3], [gradient]]))
        store.save_analysis(run.id, GRADIENTS, record.to_arrays())
        return store.finish(run, None, Predictions(logits, np.arange(10)))

    keep.store = store  # type: ignore[attr-defined]
    yield keep


def test_one_seed_has_an_interval_over_the_images(stored: Any) -> None:
    rng = np.random.default_rng(1)
    logits = [rng.standard_normal((10, 10)).astype(np.float32) for _ in range(2)]
    probability = [np.exp(x) / np.exp(x).sum(1, keepdims=True) for x in logits]
    losses = [-np.log(p[np.arange(10), np.arange(10)]) for p in probability]
    runs = [stored(of("fcn", 0, test_loss=float(losses[0].mean())), logits[0]),
            stored(of("cnn", 0, test_loss=float(losses[1].mean())), logits[1])]  # fmt: skip
    loss, log_loss, brier = judged(runs, "test-loss", "log-loss", "brier-score", store=stored.store)
    for found in (loss, log_loss):
        assert found.relation == "too few"
        assert found.estimate is not None
        ends = scipy_stats.ttest_rel(losses[1], losses[0]).confidence_interval(0.95)
        assert (found.estimate.low, found.estimate.high) == pytest.approx(tuple(ends), rel=1e-5)
    assert brier.estimate is not None
    eye = np.eye(10)
    scores = [((p - eye) ** 2).sum(1) for p in probability]
    assert brier.estimate.value == pytest.approx((scores[1] - scores[0]).mean())
    assert "between these two trained networks" in figure_words.words(brier)


def test_gradients_of_the_first_layer_are_compared_by_their_ratio(stored: Any) -> None:
    logits = np.eye(10, dtype=np.float32)
    runs = [
        stored(of(label, seed), logits, gradient)
        for label, side in (("fcn", (1e-3, 2e-3, 1.5e-3)), ("cnn", (1e-5, 1.6e-5, 1.4e-5)))
        for seed, gradient in enumerate(side)
    ]
    end, start = judged(runs, "gradient-end", "gradient-start", store=stored.store)
    words = figure_words.sentence(end)
    assert "times smaller first-layer gradient after training than fcn" in words
    assert figure_words.words(start).startswith("the same first-layer gradient at initialisation")
    assert contrast_json(end)["decided"] == "lower"


def test_metric_of_a_plugin_is_a_figure(stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def hits(logits: Logits, labels: Labels) -> float:
        """Registered as a plugin registers it."""
        return float((logits.argmax(1) == labels).mean())

    def broken(logits: Logits, labels: Labels) -> float:
        """Cannot be computed."""
        raise ZeroDivisionError("no")

    monkeypatch.setattr(register.metric, "_entries", dict(register.metric._entries))
    register.metric("hits", best="high", unit="points")(hits)
    register.metric("broken")(broken)
    rng = np.random.default_rng(2)
    runs = [
        stored(of(label, seed), np.eye(10) + noise * rng.standard_normal((10, 10)))
        for label, noise in (("fcn", 2.0), ("cnn", 0.01))
        for seed in range(4)
    ]
    found = one(runs, "hits", stored.store)
    assert figure_words.words(found).startswith("higher hits by ")
    assert figure_words.words(found).endswith(" points")
    with pytest.raises(UsageError, match=r"broken cannot be computed of run .*: ZeroDivisionError"):
        one(runs, "broken", stored.store)


def test_figures_are_found_by_name_alias_and_suggestion() -> None:
    found = [named(name).name for name in ("test_accuracy", "train_seconds", "brier_score")]
    assert found == ["accuracy", "time", "brier-score"]
    with pytest.raises(UsageError) as missed:
        named("tset-loss")
    assert missed.value.hint == "did you mean `test-loss`?"
    with pytest.raises(UsageError, match="its estimate is too high"):
        named("calibration-error")
    assert "calibration-error" not in names()
    for level in ("2", "0", "x", "nan", "-1"):
        with pytest.raises(UsageError, match="invalid value for `epochs-to`"):
            named(f"epochs-to={level}")


@pytest.mark.parametrize("name", names())
def test_every_figure_has_words_for_each_end(name: str) -> None:
    quantity = named(name).quantity
    assert quantity.noun
    assert quantity.verb or quantity.name == "test_accuracy" or (quantity.higher and quantity.lower)


def test_false_positive_rate_is_at_most_the_level() -> None:
    """Three figures of three equal networks, 150 comparisons of 4 seeds: 5 % ± 3.5 %."""
    rng = np.random.default_rng(11)
    figures = ("test-loss", "time", "tta-accuracy")
    told = 0
    for _ in range(150):
        runs = [
            of(label, seed, test_loss=a, train_seconds=math.exp(b), tta_accuracy=c)
            for label, seed in itertools.product(("fcn", "cnn", "wide"), range(4))
            for a, b, c in [rng.standard_normal(3).tolist()]
        ]
        told += any(verdict.differs for verdict in judged(runs, *figures))
    assert told / 150 < 0.085


def test_ratio_close_to_one_is_not_shown_as_one() -> None:
    assert figure_words.times(Estimate(1.0006, None, None, 3, "counted")) == "1.001 times"
    assert figure_words.times(Estimate(1.0, None, None, 3, "counted")) == "1 times"
