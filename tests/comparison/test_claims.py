"""The conclusions of the reports held against runs: each verdict from numbers made for it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from scipy import stats as scipy_stats

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.claims import EARLY, Finding, Outcome, findings
from convcompare.core.registry import register
from convcompare.data.dataset import Sources
from convcompare.output.plots.source import Source
from convcompare.output.report.compose import compose
from convcompare.output.report.discrepancies import differences
from convcompare.output.report.document import Heading, TableBlock
from convcompare.output.report.sections import Section
from convcompare.store.gradient_record import GRADIENTS, GradientRecord
from convcompare.store.run import Run
from convcompare.store.run_store import Predictions, RunStore
from tests.support.runs import CONDITIONS, FCN, SIMPLE, comparison, series, shifted

LABELS = np.arange(10)
Judged = Callable[..., Assessment]
Found = Callable[..., list[Finding]]


def lasting(run: Run, epochs: int) -> Run:
    config = dataclasses.replace(run.trial.config, epochs=epochs)
    return dataclasses.replace(run, trial=dataclasses.replace(run.trial, config=config))


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """The runs of a study with these accuracies by seed; `_` in a name stands for a space.

    `gradients` are those of the first layer after the last epoch; it begins with 0.001 in all.
    """
    number = itertools.count()

    def judge(
        study: str,
        epochs: int = 15,
        gradients: Mapping[str, tuple[float, ...]] = MappingProxyType({}),
        **accuracies: tuple[float, ...],
    ) -> Assessment:
        store = RunStore(tmp_path / str(next(number)))
        made = [
            (name, lasting(run, epochs))
            for name, values in accuracies.items()
            for run in series(name.replace("_", " "), values)
        ]
        runs = []
        for name, one in made:
            with store.lock(one.id):
                store.begin(one.trial, one.environment)
                if name in gradients:
                    first = np.array([[1e-3, 1.0], [gradients[name][one.trial.seed], 1.0]])
                    record = GradientRecord(("first", "last"), first, first)
                    store.save_analysis(one.id, GRADIENTS, record.to_arrays())
                logits = np.zeros((len(LABELS), 10), np.float32)
                runs.append(store.finish(one, None, Predictions(logits, LABELS)))
        dataset = register.study[study].function().dataset
        made_on = dataclasses.replace(CONDITIONS, dataset=dataset)
        whole = dataclasses.replace(comparison(*runs), study=study, conditions=made_on)
        return Assessment(whole, store)

    return judge


@pytest.fixture
def found(judged: Judged) -> Found:
    return lambda study, **accuracies: findings(judged(study, **accuracies))


def test_confirmed_refuted_and_not_to_be_told(found: Found) -> None:
    near = shifted(SIMPLE[:5], 0.0002, 3)
    first, second = found("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5], Residual_CNN=near)
    assert first.claim.sentence == "convolutions beat a fully connected network"
    assert first.outcome == "confirmed"
    assert first.evidence == "Simple CNN better than FCN by 1.24 ± 0.14 points"
    assert second.outcome == "undecided" and " inconclusive at 5 seeds" in second.evidence
    upside, _ = found("mnist", FCN=SIMPLE[:5], Simple_CNN=FCN[:5], Residual_CNN=FCN[:5])
    assert upside.outcome == "refuted"
    assert upside.sentence.startswith("“convolutions beat a fully connected network”: the runs say")


def test_the_same_is_shown_only_by_an_interval_within_the_margin(found: Found) -> None:
    """“Brings nothing” is a claim too: that no difference was found does not confirm it."""
    blocks = "CNN_with_residual_blocks"
    (same,) = found("mnist-004", Simple_CNN=SIMPLE, **{blocks: shifted(SIMPLE, 0.0001, 0.2)})
    assert same.claim.relation == "=" and same.outcome == "confirmed", same
    (loose,) = found("mnist-004", Simple_CNN=SIMPLE, **{blocks: shifted(SIMPLE, 0.0001, 19)})
    assert loose.outcome == "undecided"
    (other,) = found("mnist-004", Simple_CNN=SIMPLE, **{blocks: shifted(SIMPLE, 0.009, 0.2)})
    assert other.outcome == "refuted"


def test_a_conclusion_tells_of_seeds_that_were_added(judged: Judged) -> None:
    assessment = judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5], Residual_CNN=SIMPLE[:5])
    looked = dataclasses.replace(assessment.comparison, looked=(2, 3))
    told = findings(dataclasses.replace(assessment, comparison=looked))
    assert all("(seeds were added after a look at 2 and at 3)" in one.evidence for one in told)
    assert all("added" not in one.evidence for one in findings(assessment))


@pytest.mark.parametrize("change", [{"study": None}, {"study": "cifar10"}])
def test_only_a_study_on_its_own_data_has_conclusions(
    judged: Judged, change: dict[str, str | None]
) -> None:
    one = judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5])
    moved = dataclasses.replace(one.comparison, **change)  # type: ignore[arg-type]
    assert findings(Assessment(moved, one.store)) == []
    assert differences(Assessment(moved, one.store)) == []


def test_a_printed_accuracy_is_told_where_no_further_run_would_be(judged: Judged) -> None:
    """Printed are 0.9834 of one run; that the mean is another one is no contradiction."""
    near, far = (0.9841, 0.9850, 0.9846), (0.9771, 0.9772, 0.9770)
    assert near[0] > 0.9834
    for accuracies, told in ((near, 0), (far, 1)):
        one = judged("mnist", FCN=accuracies)
        found = [text for text in differences(one) if "test accuracy" in text]
        assert len(found) == told, found
    assert found == [
        "FCN: a test accuracy of 0.9834 is printed, by 3 seeds a further run would have "
        "0.9771 ± 0.0005"
    ]
    guessed = judged("custom-layers-004", standard=far)
    assert any("0.9210 is printed, of a network that the report" in t for t in differences(guessed))


def test_fewer_epochs_than_the_reports_tell_only_what_is_so_far(found: Found) -> None:
    """Regularisation costs accuracy at first: three epochs refute nothing about fifteen."""
    (early,) = found("mnist", epochs=3, FCN=SIMPLE[:5], Simple_CNN=FCN[:5])
    assert (early.outcome, early.told) == ("so far no", "so far no")
    assert early.evidence.endswith("(after 3 of 15 epochs)")
    (early,) = found("mnist", epochs=3, FCN=FCN[:5], Simple_CNN=SIMPLE[:5])
    assert early.outcome == "so far yes"
    claims = found("kernel-size", epochs=3, **{"3×3": FCN[:5], "1×1+3×3": SIMPLE[:5]})
    assert claims[-1].claim.figure == "parameters"
    assert claims[-1].outcome in ("confirmed", "refuted"), "a count needs no epochs"


GRADIENT = "a mean absolute gradient in the first layer of "


@pytest.mark.parametrize(
    ("deep", "outcome", "evidence"),
    [
        ((1e-4, 2e-4, 1e-4), "confirmed", "1.3e-04 against 1.0e-02, 79 times smaller, 29 to 214"),
        ((0.1, 0.2, 0.1), "refuted", "1.3e-01 against 1.0e-02, 13 times larger, 5 to 34"),
        ((1e-3, 9e-2, 1e-3), "undecided", "3.1e-02 against 1.0e-02, 2.2 times smaller, "),
        ((1e-4,), "undecided", "1.0e-04 against 1.0e-02, one seed"),
    ],
)
def test_a_gradient_is_told_by_an_interval_over_seeds(
    judged: Judged, deep: tuple[float, ...], outcome: Outcome, evidence: str
) -> None:
    accuracies = {"2_layers": FCN[: len(deep)], "6_layers": FCN[: len(deep)]}
    gradients = {"2_layers": (0.01,) * len(deep), "6_layers": deep}
    *_, start, end = findings(judged("depth-004", 30, gradients, **accuracies))
    assert (end.claim.figure, end.outcome) == ("gradient_end", outcome)
    assert end.evidence.startswith(GRADIENT + evidence), end.evidence
    assert start.outcome == "undecided", "it is the same in both"
    *_, early = findings(judged("depth-004", 2, gradients, **accuracies))
    assert early.outcome == EARLY.get(outcome, outcome)
    assert findings(judged("depth-004", **accuracies))[-1].evidence.startswith("no gradients were")


def test_only_the_pairs_of_the_conclusions_are_adjusted_for(found: Found) -> None:
    """Three of the six pairs of the study of kernels: Holm multiplies by three at most."""
    accuracies = [(0.74, 0.762, 0.742), (0.70, 0.71, 0.705), (0.69, 0.70, 0.694), (0.8, 0.8, 0.81)]
    runs = dict(zip(("3×3", "5×5", "7×7", "1×1+3×3"), accuracies, strict=True))
    claims = found("kernel-size", **runs)
    assert len([one for one in claims if one.claim.figure == "test_accuracy"]) == 3
    first, second = np.array(runs["5×5"]), np.array(runs["3×3"])
    p_value = scipy_stats.ttest_rel(second, first).pvalue
    assert 3 * p_value < 0.05 < 6 * p_value
    assert claims[0].outcome == "confirmed"


BEST = {"custom_layers": 0.0, "custom_activation": 0.0, "custom_pooling": 0.0, "attention": 0.02}


@pytest.mark.parametrize(
    ("change", "outcome", "pairs"),
    [
        ({}, "confirmed", 3),
        ({"custom_layers": 0.03}, "refuted", 1),
        ({"custom_layers": 0.03, "custom_pooling": 0.04}, "refuted", 2),
        ({"custom_activation": 0.02}, "undecided", 1),
        ({"custom_activation": 0.02, "custom_pooling": 0.03}, "refuted", 1),
    ],
)
def test_the_best_of_all_is_better_than_each(
    found: Found, change: dict[str, float], outcome: Outcome, pairs: int
) -> None:
    """To beat the second of the table is not enough: the others vary too."""
    ahead = {**BEST, **change}
    runs = {name: shifted(FCN, by, spread) for spread, (name, by) in enumerate(ahead.items(), 1)}
    best = found("custom-layers", **runs)[0]
    assert best.claim.sentence == "attention is the best of the four"
    assert best.outcome == outcome, best
    assert len(best.evidence.split("; ")) == pairs, best.evidence
    assert found("custom-layers", attention=FCN, custom_pooling=SIMPLE) == []


def test_networks_that_were_left_out_have_no_conclusion(found: Found) -> None:
    assert found("mnist", FCN=FCN[:5], Residual_CNN=SIMPLE[:5]) == []


def section(name: str, one: Assessment) -> Section:
    source = Source(one.comparison, one.store, Sources(Path("unused")))
    return Section(source, name, name=name)


def test_a_report_begins_with_the_conclusions_of_all_studies(judged: Judged) -> None:
    blocks = "CNN_with_residual_blocks"
    studies = {
        "mnist": judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5]),
        "mnist-004": judged("mnist-004", Simple_CNN=SIMPLE, **{blocks: shifted(SIMPLE, 0.009)}),
    }
    written = compose([section(name, one) for name, one in studies.items()])
    assert written.blocks[0] == Heading(2, "Conclusions of the reports")
    table = next(block.table for block in written.blocks if isinstance(block, TableBlock))
    told = [(row["report"], row["told"], row["seeds"]) for row in table.rows]
    assert told == [("002", "the runs confirm it", 5), ("004", "the runs say otherwise", 8)]
    text = next(b for b in written.blocks if getattr(b, "text", "").startswith("Of 2 the runs"))
    assert "confirm 1, say otherwise of 1 and do not tell 0" in getattr(text, "text", "")
