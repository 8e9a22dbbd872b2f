"""The conclusions of the reports checked against runs with constructed figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.claims.findings import (
    EARLY,
    Finding,
    Outcome,
    findings,
    with_conclusions,
    without_runs,
)
from convcompare.comparison.figures.catalogue import named
from convcompare.comparison.figures.recorded_command import recording_command
from convcompare.core.corruptions import corruption
from convcompare.data.dataset import Sources
from convcompare.output.plots.source import Source
from convcompare.output.report.compose import compose
from convcompare.output.report.discrepancies import differences
from convcompare.output.report.document import Heading, Paragraph
from convcompare.output.report.html import to_html
from convcompare.output.report.markdown import to_markdown
from convcompare.output.report.sections import Section
from convcompare.store.robustness_record import ROBUSTNESS, DamagedPredictions, RobustnessRecord
from tests.support.runs import FCN, SIMPLE, comparison, shifted
from tests.support.studies import Judged, judging

Found = Callable[..., list[Finding]]


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    return judging(tmp_path)


@pytest.fixture
def found(judged: Judged) -> Found:
    return lambda study, **accuracies: findings(judged(study, **accuracies))


def test_claims_of_networks_without_runs_are_named(judged: Judged) -> None:
    whole = judged("mnist", FCN=FCN[:3], Simple_CNN=SIMPLE[:3], Residual_CNN=SIMPLE[:3])
    part = judged("mnist", FCN=FCN[:3], Simple_CNN=SIMPLE[:3])
    assert without_runs(whole) == ""
    left = {one.claim.number for one in findings(whole)} - {
        one.claim.number for one in findings(part)
    }
    assert left == {3, 14, 46}
    assert without_runs(part) == (
        "not examined, without a finished run of `Residual CNN`: 3, 14, 46"
    )


def test_confirmed_contradicted_and_inconclusive(found: Found) -> None:
    near = shifted(SIMPLE[:5], 0.0002, 3)
    first, _, second, *_ = found("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5], Residual_CNN=near)
    assert first.claim.sentence == "convolutions beat a fully connected network"
    assert first.outcome == "confirmed"
    assert first.evidence == "Simple CNN better than FCN by 1.24 ± 0.16 points"
    assert second.outcome == "inconclusive" and " inconclusive at 5 seeds" in second.evidence
    upside, *_ = found("mnist", FCN=SIMPLE[:5], Simple_CNN=FCN[:5], Residual_CNN=FCN[:5])
    assert upside.outcome == "contradicted"
    assert upside.sentence.startswith(
        "1 “convolutions beat a fully connected network”: contradicted, "
    )


def test_equality_requires_an_interval_within_the_margin(found: Found) -> None:
    """“Brings nothing” is a claim too: the absence of a clear difference does not confirm it."""
    blocks = "CNN_with_residual_blocks"
    same, no_better = found(
        "mnist-004", Simple_CNN=SIMPLE[:5], **{blocks: shifted(SIMPLE[:5], 0.0001, 0.2)}
    )
    assert same.claim.sentence == "residual blocks bring nothing on MNIST"
    assert same.outcome == "confirmed", same
    assert no_better.outcome == "contradicted", "it has no more parameters"
    assert no_better.evidence == "109,386 parameters against 109,386"
    loose, _ = found(
        "mnist-004", Simple_CNN=SIMPLE[:5], **{blocks: shifted(SIMPLE[:5], 0.0001, 19)}
    )
    assert loose.outcome == "inconclusive"
    other, worse = found(
        "mnist-004", Simple_CNN=SIMPLE[:5], **{blocks: shifted(SIMPLE[:5], 0.009, 0.2)}
    )
    assert other.outcome == "contradicted"
    assert "+0.901 ± 0.025 points (claimed: more by at most 0.5 points)" in worse.evidence
    found_but_small = found(
        "mnist-004", Simple_CNN=SIMPLE[:5], **{blocks: shifted(SIMPLE[:5], 0.002, 0.2)}
    )
    assert found_but_small[0].outcome == "confirmed", "a difference that nobody would speak of"
    near = found("mnist-004", Simple_CNN=SIMPLE[:5], **{blocks: shifted(SIMPLE[:5], 0.006, 2.0)})
    assert near[0].outcome == "inconclusive", "the interval has sizes on either side of the margin"


def test_conclusion_reports_added_seeds(judged: Judged) -> None:
    assessment = judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5], Residual_CNN=SIMPLE[:5])
    looked = dataclasses.replace(assessment.comparison, looked=(2, 3))
    told = findings(dataclasses.replace(assessment, comparison=looked))
    added = [one for one in told if "(seeds were added after a look at 2 and at 3)" in one.evidence]
    assert [one.claim.number for one in added] == [1, 3, 46], "2 is decided by a count"
    assert all("added" not in one.evidence for one in findings(assessment))


def test_conclusion_of_a_pair_without_added_seeds_reports_none(judged: Judged) -> None:
    """Of one network there are still the seeds of the look: only the other pair got more."""
    one = judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5], Residual_CNN=SIMPLE[:3])
    looked = dataclasses.replace(one.comparison, looked=(3,))
    told = findings(dataclasses.replace(one, comparison=looked))
    added = [one.claim.number for one in told if "(seeds were added" in one.evidence]
    assert added == [1], "3 and 46 are about the residual network"


@pytest.mark.parametrize("change", [{"study": None}, {"study": "cifar10"}])
def test_study_on_other_data_has_no_conclusions(
    judged: Judged, change: dict[str, str | None]
) -> None:
    one = judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5])
    moved = dataclasses.replace(one.comparison, **change)  # type: ignore[arg-type]
    assert findings(Assessment(moved, one.store)) == []
    assert differences(Assessment(moved, one.store)) == []


def test_published_accuracy_outside_the_prediction_interval_is_reported(judged: Judged) -> None:
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


def test_fewer_epochs_than_published_give_outcomes_so_far(found: Found) -> None:
    """Regularisation costs accuracy at first: three epochs contradict nothing about fifteen."""
    early, counted = found("mnist", epochs=3, FCN=SIMPLE[:5], Simple_CNN=FCN[:5])
    assert counted.outcome == "contradicted", "by the parameters, which do not wait for epochs"
    assert early.outcome == "contradicted so far"
    assert early.evidence.endswith("(after 3 of 15 epochs)")
    early, _ = found("mnist", epochs=3, FCN=FCN[:5], Simple_CNN=SIMPLE[:5])
    assert early.outcome == "supported so far"


LARGER = "first-layer gradient after training"


@pytest.mark.parametrize(
    ("deep", "outcome", "evidence"),
    [
        ((1e-4, 2e-4, 1e-4), "confirmed", f"79 times smaller {LARGER} than 2 layers, "),
        ((0.1, 0.2, 0.1), "contradicted", f"13 times larger {LARGER} than 2 layers, "),
        (
            (1e-3, 9e-2, 1e-3),
            "inconclusive",
            f"{LARGER} against 2 layers inconclusive (0.4 times, ",
        ),
        (
            (1e-4,),
            "inconclusive",
            f"{LARGER} against 2 layers: 0.01 times between these two trained",
        ),
    ],
)
def test_gradient_claim_uses_an_interval_over_seeds(
    judged: Judged, deep: tuple[float, ...], outcome: Outcome, evidence: str
) -> None:
    accuracies = {"2_layers": FCN[: len(deep)], "6_layers": FCN[: len(deep)]}
    gradients = {"2_layers": (0.01,) * len(deep), "6_layers": deep}
    start, end, _ = findings(judged("depth-004", 30, gradients, **accuracies))
    assert end.outcome == outcome
    assert end.evidence.startswith(f"6 layers {evidence}"), end.evidence
    verdict = end.judged[0].verdict
    if len(deep) > 1:
        logs = np.log(deep) - np.log(0.01)
        low, high = scipy_stats.t.interval(
            1 - verdict.level, len(logs) - 1, logs.mean(), scipy_stats.sem(logs)
        )
        assert (verdict.estimate.low, verdict.estimate.high) == pytest.approx(np.exp([low, high]))
        assert verdict.level in [pytest.approx(0.05 / m) for m in range(1, verdict.family + 1)]
    assert start.outcome == "inconclusive", "it is the same in both"
    _, early, _ = findings(judged("depth-004", 2, gradients, **accuracies))
    assert early.outcome == EARLY.get(outcome, outcome)
    _, without, _ = findings(judged("depth-004", 30, **accuracies))
    assert without.outcome == "not recorded"
    assert without.evidence.startswith(f"{LARGER} not recorded of 6 layers, 2 layers; `convcompare")


def test_conclusions_and_verdicts_of_a_study_are_one_family(judged: Judged) -> None:
    """Three pairs of accuracies, those against the baseline, and two pairs of times."""
    names = ("3×3", "5×5", "7×7", "1×1+3×3")
    accuracies = {name: shifted(FCN[:5], -0.02 * i, i) for i, name in enumerate(names)}
    one = judged("kernel-size", **accuracies)
    asked = {(v.quantity.name, v.model, v.baseline) for v in one.family}
    assert asked == {
        *(("test_accuracy", name, "3×3") for name in names[1:]),
        *(("train_seconds", name, "3×3") for name in names[1:3]),
        *(("macs", name, "3×3") for name in names[1:]),
        ("parameters", "1×1+3×3", "3×3"),
    }
    assert {v.family for v in one.family if v.p is not None} == {5}
    tested = sorted((v for v in one.family if v.p is not None), key=lambda v: v.p)
    adjusted = np.maximum.accumulate([v.p * max(5 - i, 1) for i, v in enumerate(tested)])
    others = [i for i, v in enumerate(tested) if v.quantity.name == "train_seconds"]
    assert [tested[i].p_adjusted for i in others] == pytest.approx(adjusted[others].clip(max=1))
    shown = {v.model: v for v in one.contrasts}
    for found in findings(one):
        for judged_one in found.judged:
            verdict = judged_one.verdict
            if verdict.quantity.name == "test_accuracy":
                same = shown[({verdict.model, verdict.baseline} - {"3×3"}).pop()]
                assert (verdict.p, verdict.p_adjusted) == (same.p, same.p_adjusted)
    assert "the 5 tests of these verdicts and of the conclusions are adjusted together" in " ".join(
        one.notes
    )


def test_claimed_times_are_shown_as_adjusted(judged: Judged) -> None:
    """At the level of the family, not of a plain interval."""
    accuracies = {name: shifted(FCN[:5], 0, i) for i, name in enumerate(("3×3", "5×5", "7×7"))}
    one = judged("kernel-size", seconds={"5×5": 20.0, "7×7": 30.0}, **accuracies)
    claimed = {v.model: v for v in one.family if v.quantity.name == "train_seconds"}
    assert {v.model: v for v in one.costs} == claimed
    alone = Assessment(dataclasses.replace(one.comparison, study=None), one.store)
    for model, plain in ((v.model, v) for v in alone.costs):
        logs = np.log([(10 * f + s / 10) / (10 + s / 10) for s in range(5)
                       for f in [2 if model == "5×5" else 3]])  # fmt: skip
        for shown, level in ((plain, 0.05), (claimed[model], claimed[model].level)):
            ends = scipy_stats.t.interval(1 - level, 4, logs.mean(), scipy_stats.sem(logs))
            assert (shown.estimate.low, shown.estimate.high) == pytest.approx(np.exp(ends))
    assert alone.family == alone.verdicts == alone.contrasts


def test_requested_figures_join_the_family_of_a_study(judged: Judged) -> None:
    one = judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5])
    asked = dataclasses.replace(one.comparison, verdict_on=("test-loss", "time"))
    more = Assessment(asked, one.store)
    assert [v.quantity.name for v in more.verdicts] == ["test_loss", "train_seconds"]
    assert {v.family for v in more.family if v.p is not None} == {3}, "and the claimed accuracy"
    assert [one.outcome for one in findings(more)] == ["confirmed", "contradicted"]


BEST = {"custom_layers": 0.0, "custom_activation": 0.0, "custom_pooling": 0.0, "attention": 0.02}


@pytest.mark.parametrize(
    ("change", "outcome", "pairs"),
    [
        ({}, "confirmed", 3),
        ({"custom_layers": 0.03}, "contradicted", 1),
        ({"custom_layers": 0.03, "custom_pooling": 0.04}, "contradicted", 2),
        ({"custom_activation": 0.02}, "inconclusive", 1),
        ({"custom_activation": 0.02, "custom_pooling": 0.03}, "contradicted", 1),
    ],
)
def test_best_of_all_must_be_better_than_each(
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


def test_skipped_networks_have_no_conclusion(found: Found) -> None:
    assert found("mnist", FCN=FCN[:5], Residual_CNN=SIMPLE[:5]) == []


def test_json_of_a_study_has_its_conclusions(judged: Judged) -> None:
    one = judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5])
    found = with_conclusions(one)["conclusions"]
    assert [(each["number"], each["outcome"]) for each in found] == [
        (1, "confirmed"),
        (2, "contradicted"),
    ]
    assert found[0]["verdicts"][0]["difference"] == pytest.approx(
        np.mean(SIMPLE[:5]) - np.mean(FCN[:5])
    )
    ids = {group.label: [run.id for run in group.finished] for group in one.comparison.groups}
    assert found[0]["runs"] == ids
    alone = dataclasses.replace(one.comparison, study=None)
    assert "conclusions" not in with_conclusions(Assessment(alone, one.store))


def test_network_at_chance_level_decides_only_counts(judged: Judged) -> None:
    """Runs at chance level are excluded from verdicts; parameter counts remain valid."""
    collapsed = (0.1, 0.1, 0.1)
    first, counted = findings(judged("mnist", FCN=FCN[:3], Simple_CNN=collapsed))
    assert first.outcome == "inconclusive" and "no run of Simple CNN counts" in first.evidence
    assert (counted.claim.number, counted.outcome) == (2, "contradicted")


def test_alternatives_hold_for_any_named_network(found: Found) -> None:
    """Between two pools: above one of them and below the other, in either order."""
    level = {"low": FCN[:5], "mid": shifted(FCN[:5], 0.005, 0.3), "high": SIMPLE[:5]}
    for standard, average in (("low", "high"), ("high", "low")):
        pools = {"standard": level[standard], "average_pooling": level[average]}
        *_, between = found("custom-layers-004", Lp_pooling=level["mid"], **pools)
        assert (between.claim.number, between.outcome) == (36, "confirmed"), between
    pools = {"standard": level["low"], "average_pooling": level["mid"]}
    *_, above = found("custom-layers-004", Lp_pooling=level["high"], **pools)
    assert above.outcome == "contradicted" and len(above.judged) == 2, "of both it is better"


def test_missing_records_are_named_with_the_command(judged: Judged) -> None:
    one = judged("cifar10", FCN=FCN[:5], Residual_CNN=SIMPLE[:5])
    command = ("study", "cifar10", "--seeds", "5")
    typed = dataclasses.replace(one.comparison, command=command)
    _, overfits = findings(dataclasses.replace(one, comparison=typed))
    assert (overfits.claim.number, overfits.outcome) == (9, "not recorded")
    assert overfits.evidence == (
        "gap between train and test accuracy not recorded of FCN; "
        "`convcompare study cifar10 --seeds 5 --fresh` records it and trains them again"
    )


def test_command_of_a_part_becomes_that_of_all_its_networks(judged: Judged) -> None:
    """A comparison that joins several commands has the last one, which may train a part again."""
    one = judged("cifar10", FCN=FCN[:5], Residual_CNN=SIMPLE[:5])
    last = ["study", "cifar10", "--skip=FCN", "--skip", "Regularized", "--seeds", "5", "--fresh"]
    joined = dataclasses.replace(one.comparison, command=tuple(last))
    for name in ("gap", "robustness=shift"):
        again = recording_command(joined, named(name))
        assert again.startswith("`convcompare study cifar10 --skip Regularized --seeds 5 --")
        assert again.count("--fresh") == 1 and again.endswith("` records it and trains them again")


@pytest.mark.parametrize(
    ("command", "again"),
    [
        ("study depth-003 --seeds 3 --epochs 2", "study depth-003 --seeds 3"),
        ("compare cnn --epochs=2", "compare cnn --epochs 8"),
        ("compare cnn -e 2 --seeds 3", "compare cnn --seeds 3 --epochs 8"),
    ],
)
def test_figure_of_a_later_epoch_needs_longer_training(command: str, again: str) -> None:
    short = dataclasses.replace(comparison(), command=tuple(command.split()))
    told = recording_command(short, named("gradient-norm=8"))
    assert told == f"`convcompare {again}` records it"
    fresh = recording_command(short, named("gradient-norm=5"))
    assert fresh == f"`convcompare {command} --fresh` records it and trains them again"


def section(name: str, one: Assessment) -> Section:
    source = Source(one.comparison, one.store, Sources(Path("unused")))
    return Section(source, name, name=name)


def test_report_begins_with_the_conclusions_of_all_studies(judged: Judged) -> None:
    blocks = "CNN_with_residual_blocks"
    studies = {
        "mnist": judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5]),
        "mnist-004": judged("mnist-004", Simple_CNN=SIMPLE, **{blocks: shifted(SIMPLE, 0.009)}),
    }
    written = compose([section(name, one) for name, one in studies.items()])
    headings = [block.text for block in written.blocks if isinstance(block, Heading)]
    assert headings[:2] == ["Summary", "Conclusions of the reports"]
    overview, table, *_ = (block.table for block in written.tables)
    assert [row["outcome"] for row in overview.rows] == ["1 better, 0 worse"] * 2
    told = [(row["study"][-4:-1], str(row["outcome"]), row["seeds"]) for row in table.rows]
    yes, no = "✓ confirmed", "✗ contradicted"
    assert told == [("002", yes, "5"), ("002", no, None), ("004", no, "8"), ("004", no, "8")]
    assert [row["number"] for row in table.rows] == [1, 2, 4, 4]
    runs = [run for group in studies["mnist"].comparison.groups for run in group.finished]
    assert str(table.rows[0]["evidence"]).partition("Runs: ")[2] == "; ".join(
        f"{label} {' '.join(run.id for run in runs if run.trial.label == label)}"
        for label in ("FCN", "Simple CNN")
    ), "a report that is written elsewhere names the runs"
    assert Paragraph("4 conclusions are examined: 1 confirmed, 3 contradicted.") in written.blocks
    drawn = table.rows[0]["interval"]
    (verdict,) = studies["mnist"].contrasts
    assert verdict.estimate is not None
    assert (drawn.value, drawn.low, drawn.high) == pytest.approx(
        tuple(100 * getattr(verdict.estimate, end) for end in ("value", "low", "high"))
    )
    places = drawn.places
    assert places["none"] < places["low"] < places["value"] < places["high"]


def test_conclusions_link_to_runs_beside_the_report(judged: Judged) -> None:
    one = judged("mnist", FCN=FCN[:3], Simple_CNN=SIMPLE[:3])
    run = one.comparison.groups[0].finished[1]
    place = one.store.root.name
    for folder, lead in ((one.store.root.parent, ""), (one.store.root.parent / "report", "../")):
        written = compose([section("mnist", one)], folder)
        address = f"{lead}{place}/{run.id}/run.json"
        assert (folder / address).resolve().is_file()
        assert f"FCN [0]({lead}{place}/" in to_markdown(written, {})
        assert f"[1]({address})" in to_markdown(written, {})
        assert f'<a href="{address}">1</a>' in to_html(written)
    elsewhere = compose([section("mnist", one)], Path("/elsewhere/report"))
    assert run.id in to_markdown(elsewhere, {}) and "](" not in to_markdown(elsewhere, {})


def answered(assessment: Assessment, right: Mapping[str, tuple[int, ...]]) -> None:
    """Record the number of recognised images among 1,000 shifted ones, by seed."""
    labels = np.zeros(1000, np.int64)
    definition = corruption("shift").definition
    for group in assessment.comparison.groups:
        for run, count in zip(group.finished, right.get(group.label, ()), strict=False):
            shifts = np.where(np.arange(1000) < count, 0, 1).astype(np.int32)[None].repeat(4, 0)
            damaged = {"shift": DamagedPredictions(definition, ("a", "b", "c", "d"), shifts)}
            record = RobustnessRecord(
                np.arange(1000), labels, labels.astype(np.int32), shifts[:2], damaged
            )
            with assessment.store.lock(run.id):
                assessment.store.save_addition(run.id, ROBUSTNESS, record.to_arrays())


@pytest.mark.parametrize(
    ("weights", "again"),
    [(None, "--fresh` records it and trains them again"), (b"w", "robustness` records it")],
)
def test_networks_without_weights_are_retrained_for_other_images(
    judged: Judged, weights: bytes | None, again: str
) -> None:
    """This does not depend on the command: the runs may be those of another one."""
    study = judged("mnist", weights=weights, FCN=FCN[:3], Simple_CNN=SIMPLE[:3])
    made = dataclasses.replace(study.comparison, command=("study", "mnist", "--no-weights"))
    command = recording_command(made, named("robustness=shift"))
    assert command.startswith("`convcompare study mnist --columns robustness")
    assert command.endswith(again)


def test_claim_on_accuracy_under_shifts(judged: Judged) -> None:
    """Conclusion 14: decided by measurements; "not recorded" if a network has none."""
    fcn, cnn = (500, 512, 491, 505), (840, 851, 838, 856)
    study = judged("mnist", FCN=FCN[:4], Simple_CNN=SIMPLE[:4], Residual_CNN=SIMPLE[:4])
    answered(study, {"FCN": fcn, "Simple CNN": cnn})
    (shifts,) = (one for one in findings(study) if one.claim.number == 14)
    assert shifts.outcome == "not recorded"
    assert "accuracy under shift not recorded of Residual CNN" in shifts.evidence
    whole = dataclasses.replace(study)
    answered(whole, {"Residual CNN": cnn[::-1]})
    (shifts,) = (one for one in findings(whole) if one.claim.number == 14)
    assert shifts.outcome == "confirmed" and len(shifts.judged) == 4
    gains = np.subtract(cnn, fcn) / 1000
    verdict = shifts.judged[0].verdict
    assert verdict.estimate and verdict.estimate.value == pytest.approx(gains.mean())
    assert verdict.p == pytest.approx(scipy_stats.ttest_1samp(gains, 0).pvalue)
    upside = judged("mnist", FCN=FCN[:4], Simple_CNN=SIMPLE[:4], Residual_CNN=SIMPLE[:4])
    answered(upside, {"FCN": cnn, "Simple CNN": fcn, "Residual CNN": cnn[::-1]})
    (shifts,) = (one for one in findings(upside) if one.claim.number == 14)
    assert shifts.outcome == "contradicted"
    assert "Simple CNN lower accuracy under shift than FCN by 34" in shifts.evidence
